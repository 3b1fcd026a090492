//! One file or link of the host in; what stands for it in a base, and its row, out.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, UtimensatFlags, fstat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, linkat, symlinkat, unlinkat};

use super::attributes;
use super::copy::{Copy, Way, copy};
use super::count::{Hindrance, NotLinked};
use super::directory::{Directory, Walker};
use super::listing::{as_os, look, type_of};
use super::part::Type;
use super::row::{Kind, Row, Source, Why};

impl Walker<'_> {
    /// Makes a hard link to a file; a copy where that would give others a right, or where there can be no link.
    pub(super) fn link(&mut self, directory: &mut Directory<'_>, name: &CStr) -> Result<()> {
        if !directory.linkable {
            let other = directory.stat.st_dev != self.plan.device;
            let hindrance = if other {
                Hindrance::OtherFilesystem
            } else {
                Hindrance::OtherMount
            };
            return self.copy(directory, name, Some(hindrance));
        }
        match linkat(
            &directory.source,
            name,
            &directory.target,
            name,
            AtFlags::empty(),
        ) {
            Ok(()) => self.look_at_linked(directory, name),
            Err(Errno::ENOENT) => Ok(()),
            Err(cause) => match Hindrance::of(cause) {
                Some(hindrance) => {
                    directory.linkable = hindrance != Hindrance::OtherMount;
                    self.copy(directory, name, Some(hindrance))
                }
                None => Err(cause).context("cannot link it"),
            },
        }
    }

    fn look_at_linked(&mut self, directory: &mut Directory<'_>, name: &CStr) -> Result<()> {
        let Some(stat) = look(&directory.target, name)? else {
            bail!("something removes files of the base while it is made");
        };
        match type_of(&stat) {
            Type::File if stat.st_mode & 0o004 == 0 => {
                unlink(directory, name)?;
                self.leave_out(directory, name, Why::Unreadable);
            }
            Type::File if gives_rights(directory, name, &stat)? => {
                unlink(directory, name)?;
                self.copy(directory, name, None)?;
            }
            Type::File => {
                self.counts.linked += 1;
                directory.add(&Row::of(as_os(name), Kind::Linked, &stat));
            }
            // It is not what it was when the directory was read.
            Type::Symlink | Type::Special | Type::Directory => {
                unlink(directory, name)?;
                match type_of(&stat) {
                    Type::Symlink => self.symlink(directory, name)?,
                    _ => self.leave_out(directory, name, Why::Special),
                }
            }
        }
        Ok(())
    }

    /// Makes the same symbolic link. A hard link to it, where one can be had: nobody writes into one, and it costs no inode.
    pub(super) fn symlink(&mut self, directory: &mut Directory<'_>, name: &CStr) -> Result<()> {
        let linked = directory.linkable
            && match linkat(
                &directory.source,
                name,
                &directory.target,
                name,
                AtFlags::empty(),
            ) {
                Ok(()) => true,
                Err(Errno::ENOENT) => return Ok(()),
                Err(cause) if Hindrance::of(cause).is_some() => false,
                Err(cause) => return Err(cause).context("cannot link it"),
            };
        if !linked && !make_symlink(directory, name)? {
            return Ok(());
        }
        let Some(stat) = look(&directory.target, name)? else {
            bail!("something removes files of the base while it is made");
        };
        if type_of(&stat) != Type::Symlink {
            // A file has taken its place: whatever does that, the walk is not the only one at work.
            unlink(directory, name)?;
            return Ok(());
        }
        let target = readlinkat(&directory.target, name)?;
        self.counts.symlinks += 1;
        directory.add(&Row::of(as_os(name), Kind::Symlink(target), &stat));
        Ok(())
    }

    /// Makes a copy, or a link to the one that the base before has; `hindrance` is why it is no link to the file itself.
    pub(super) fn copy(
        &mut self,
        directory: &mut Directory<'_>,
        name: &CStr,
        hindrance: Option<Hindrance>,
    ) -> Result<()> {
        let Some((source, stat)) = open(directory, name)? else {
            return Ok(());
        };
        if type_of(&stat) != Type::File {
            self.leave_out(directory, name, Why::Special);
            return Ok(());
        }
        if stat.st_mode & 0o004 == 0 {
            self.leave_out(directory, name, Why::Unreadable);
            return Ok(());
        }
        let path = directory.path_of(name);
        let linked = match self.plan.previous {
            Some(previous) => previous.link(&path, &source, &stat, &directory.target)?,
            None => None,
        };
        if let Some(row) = linked {
            self.counts.kept += 1;
            directory.add(&row);
            return Ok(());
        }
        let made = copy(&source, &directory.target, name, &mut self.may_share)?;
        // Who has closed it to others meanwhile may have written a secret.
        if fstat(&source)?.st_mode & 0o004 == 0 {
            unlink(directory, name)?;
            self.leave_out(directory, name, Why::Unreadable);
            return Ok(());
        }
        self.note(&made, &path, hindrance);
        let from = Source::of(&made.source);
        directory.add(&Row::of(as_os(name), Kind::Copied(from), &made.stat));
        Ok(())
    }

    fn note(&mut self, made: &Copy, path: &Path, hindrance: Option<Hindrance>) {
        let size = u64::try_from(made.stat.st_size).unwrap_or(0);
        match made.way {
            Way::Reflinked => self.counts.reflinked += 1,
            Way::Copied => {
                self.counts.copied += 1;
                self.counts.bytes_copied += size;
            }
        }
        if let Some(hindrance) = hindrance {
            let top = match path.components().next() {
                Some(Component::Normal(top)) => format!("/{}", top.display()),
                _ => "/".to_owned(),
            };
            self.counts.add_not_linked(NotLinked {
                tree: top,
                hindrance,
                files: 1,
                bytes: size,
            });
        }
        if !made.settled {
            self.counts.note_written(Path::new("/").join(path));
        }
    }
}

/// Opens a file of the host, without waiting for a pipe's other end; `None` if it has gone or is a link.
fn open(directory: &Directory<'_>, name: &CStr) -> Result<Option<(File, FileStat)>> {
    let flags = OFlag::O_RDONLY
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    match openat(&directory.source, name, flags, Mode::empty()) {
        Ok(file) => {
            let stat = fstat(&file)?;
            Ok(Some((File::from(file), stat)))
        }
        Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO) => Ok(None),
        Err(cause) => Err(cause).context("cannot open it"),
    }
}

/// Whether running the file gives rights that its user does not have: what a container runs must not.
fn gives_rights(directory: &Directory<'_>, name: &CStr, stat: &FileStat) -> Result<bool> {
    if stat.st_mode & 0o6000 != 0 {
        return Ok(true);
    }
    // Nobody runs what has no x (execve(2)), so its capabilities do not count; and most files have none.
    if stat.st_mode & 0o111 == 0 {
        return Ok(false);
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = openat(&directory.target, name, flags, Mode::empty())?;
    attributes::has_capabilities(file.as_fd()).context("cannot read its capabilities")
}

fn unlink(directory: &Directory<'_>, name: &CStr) -> Result<()> {
    unlinkat(&directory.target, name, UnlinkatFlags::NoRemoveDir)
        .context("cannot take it out of the base")
}

/// Makes a symbolic link anew; `false` if the host's has gone.
fn make_symlink(directory: &Directory<'_>, name: &CStr) -> Result<bool> {
    let target = match readlinkat(&directory.source, name) {
        Ok(target) => target,
        Err(Errno::ENOENT | Errno::EINVAL) => return Ok(false),
        Err(cause) => return Err(cause).context("cannot read the link"),
    };
    let Some(stat) = look(&directory.source, name)? else {
        return Ok(false);
    };
    symlinkat(target.as_os_str(), &directory.target, name).context("cannot make the link")?;
    let (owner, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    fchownat(
        &directory.target,
        name,
        Some(owner),
        Some(group),
        AtFlags::AT_SYMLINK_NOFOLLOW,
    )?;
    let written = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
    utimensat(
        &directory.target,
        name,
        &written,
        &written,
        UtimensatFlags::NoFollowSymlink,
    )?;
    Ok(true)
}
