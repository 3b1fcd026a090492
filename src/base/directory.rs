//! One directory of the host and the empty one that stands for it in a base, in; its entries made, its row in the table, and
//! the directories in it that are still to be done, out.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::count::Counts;
use super::filesystem::{Filesystem, filesystem};
use super::listing::{as_os, look, open_directory, sorted_names, type_of};
use super::part::{Fate, Part, Type, fate};
use super::row::{Kind, Row, Why};
use super::walk::{Plan, Task, Walked};
use super::{attributes, copy, table};
use crate::root::seen;

/// Makes one directory after the other.
pub struct Walker<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) counts: Counts,
    parts: Vec<table::Part>,
    tasks: Vec<Task>,
    entries: u64,
    /// Whether content can be shared, as far as has been seen.
    pub(super) may_share: bool,
}

/// The directory at work.
pub(super) struct Directory<'a> {
    pub path: &'a Path,
    pub part: Part,
    pub source: Dir,
    pub stat: FileStat,
    pub target: OwnedFd,
    /// Whether its files can be hard links, as far as has been seen.
    pub linkable: bool,
    /// Rows of its entries.
    pub rows: Vec<u8>,
}

impl Directory<'_> {
    pub fn path_of(&self, name: &CStr) -> PathBuf {
        self.path.join(as_os(name))
    }

    /// Adds a row of an entry.
    pub fn add(&mut self, row: &Row) {
        row.write(&mut self.rows);
    }
}

impl<'a> Walker<'a> {
    pub fn new(plan: &'a Plan<'a>) -> Self {
        Self {
            plan,
            counts: Counts::default(),
            parts: Vec::new(),
            tasks: Vec::new(),
            entries: 0,
            may_share: true,
        }
    }

    /// The directories found since the last call.
    pub fn take_tasks(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.tasks)
    }

    /// How many entries were looked at since the last call.
    pub fn take_entries(&mut self) -> u64 {
        std::mem::take(&mut self.entries)
    }

    /// What it did.
    pub fn into_walked(self) -> Walked {
        Walked {
            counts: self.counts,
            parts: self.parts,
        }
    }

    /// Does one directory. One that vanished meanwhile is taken away again.
    ///
    /// # Errors
    /// When it cannot be read or made, with its path.
    pub fn directory(&mut self, task: &Task) -> Result<()> {
        let unreadable = || format!("cannot read '{}'", self.shown(&task.path));
        let source = match open_directory(self.plan.host, &task.path) {
            Ok(source) => source,
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) if task.part != Part::Top => {
                return self.take_away(&task.path);
            }
            Err(cause) => return Err(cause).with_context(unreadable),
        };
        let stat = fstat(&source).with_context(unreadable)?;
        let target = open_directory(self.plan.tree, &task.path)
            .with_context(|| format!("cannot make '{}' of the base", task.path.display()))?;
        let mut source = Dir::from_fd(source).with_context(unreadable)?;
        let names = if is_enterable(&stat) {
            sorted_names(&mut source).with_context(unreadable)?
        } else {
            self.refuse_empty_base(&task.path)?;
            self.counts.unreadable += 1;
            Vec::new()
        };
        let mut directory = Directory {
            path: &task.path,
            part: task.part,
            source,
            linkable: stat.st_dev == self.plan.device,
            stat,
            target,
            rows: Vec::new(),
        };
        for (name, kind) in names {
            self.entries += 1;
            self.entry(&mut directory, &name, kind)
                .with_context(|| format!("with '{}'", self.shown(&directory.path_of(&name))))?;
        }
        if task.part == Part::Top {
            self.make_expected(&mut directory)?;
        }
        self.finish(directory)
    }

    /// What others cannot enter would be empty, and no container could start on it.
    fn refuse_empty_base(&self, path: &Path) -> Result<()> {
        if ["", "usr", "etc"].iter().any(|top| path == Path::new(top)) {
            bail!(
                "others may not enter '{}' (chmod o+x): there would be nothing in a base",
                self.shown(path)
            );
        }
        Ok(())
    }

    fn entry(
        &mut self,
        directory: &mut Directory<'_>,
        name: &CStr,
        kind: Option<Type>,
    ) -> Result<()> {
        let kind = match kind {
            Some(kind) => kind,
            None => match look(&directory.source, name)? {
                Some(stat) => type_of(&stat),
                None => return Ok(()),
            },
        };
        // Of what is not a directory, only the names in /etc and /var count.
        let path = match (directory.part, kind) {
            (Part::Linked, Type::File | Type::Symlink | Type::Special) => PathBuf::new(),
            _ => directory.path_of(name),
        };
        match fate(directory.part, &path, kind) {
            Fate::Enter(part) => self.subdirectory(directory, name, path, Some(part)),
            Fate::Empty => self.subdirectory(directory, name, path, None),
            Fate::Link => self.link(directory, name),
            Fate::Symlink => self.symlink(directory, name),
            Fate::LinkPackaged if self.plan.packaged.contains(&path) => self.link(directory, name),
            Fate::Copy | Fate::LinkPackaged => self.copy(directory, name, None),
            Fate::LeftOut(why) => {
                self.leave_out(directory, name, why);
                Ok(())
            }
            Fate::Absent => Ok(()),
        }
    }

    /// Notes that the base does not have it.
    pub(super) fn leave_out(&mut self, directory: &mut Directory<'_>, name: &CStr, why: Why) {
        match why {
            Why::Unreadable => self.counts.unreadable += 1,
            Why::Special => self.counts.special += 1,
            Why::Filesystem => self.counts.not_entered += 1,
            Why::Own => {}
        }
        directory.add(&Row::left_out(as_os(name), why));
    }

    /// Makes a directory, whose entries come later if it has a `part`.
    fn subdirectory(
        &mut self,
        directory: &mut Directory<'_>,
        name: &CStr,
        path: PathBuf,
        part: Option<Part>,
    ) -> Result<()> {
        let Some(stat) = look(&directory.source, name)? else {
            return Ok(());
        };
        if type_of(&stat) != Type::Directory || (stat.st_dev, stat.st_ino) == self.plan.bases {
            return Ok(());
        }
        let is_mount = stat.st_dev != directory.stat.st_dev;
        let enters = part.is_some() && (!is_mount || self.may_enter(directory, name)?);
        if part.is_some() && !enters {
            self.counts.not_entered += 1;
        }
        // Nobody else gets into the half base, whatever the mode in it.
        let mode = Mode::from_bits_truncate(stat.st_mode & 0o777) | Mode::S_IRWXU;
        mkdirat(&directory.target, name, mode)?;
        match part.filter(|_| enters) {
            Some(part) => self.tasks.push(Task { path, part }),
            None => {
                let made = open_directory(&directory.target, Path::new(&as_os(name)))?;
                copy::give_owner(&made, &stat, stat.st_mode & 0o7777)?;
                self.add_part(path, &stat, 0, Vec::new());
            }
        }
        Ok(())
    }

    /// Whether the filesystem mounted at `name` has files of this machine. Where a tree as a whole is remote it is copied:
    /// `/usr` over NFS is what the host itself runs on.
    fn may_enter(&self, directory: &Directory<'_>, name: &CStr) -> Result<bool> {
        // O_PATH without O_DIRECTORY sets off no automount (open(2)).
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let point = match openat(&directory.source, name, flags, Mode::empty()) {
            Ok(point) => point,
            Err(Errno::ENOENT) => return Ok(false),
            Err(cause) => return Err(cause.into()),
        };
        Ok(match filesystem(point)? {
            Filesystem::Local => true,
            Filesystem::Remote => directory.part == Part::Top,
            Filesystem::Pseudo => false,
        })
    }

    /// The directories that every program expects, and that everything may be mounted on, also where the host has none.
    fn make_expected(&mut self, directory: &mut Directory<'_>) -> Result<()> {
        for name in seen::EMPTY {
            match mkdirat(&directory.target, name, Mode::S_IRWXU) {
                Ok(()) => {}
                Err(Errno::EEXIST) => continue,
                Err(cause) => {
                    return Err(cause)
                        .with_context(|| format!("cannot make '/{name}' of the base"));
                }
            }
            let mode = match name {
                "tmp" => 0o1777,
                "root" => 0o700,
                "proc" | "sys" => 0o555,
                _ => 0o755,
            };
            let made = open_directory(&directory.target, Path::new(name))?;
            fchmod(&made, Mode::from_bits_truncate(mode))?;
            let stat = fstat(&made)?;
            self.add_part(PathBuf::from(name), &stat, 0, Vec::new());
        }
        Ok(())
    }

    /// Gives the directory what only a finished one can have.
    fn finish(&mut self, directory: Directory<'_>) -> Result<()> {
        let refused = || format!("cannot finish '{}' of the base", directory.path.display());
        let is_whole = matches!(directory.part, Part::Linked | Part::Copied);
        // What happens in a directory that the base has as an empty one, its time would tell.
        let mode = directory.stat.st_mode & 0o7777;
        let time = if is_whole && is_enterable(&directory.stat) {
            let kept = attributes::kept(&directory.source).with_context(refused)?;
            copy::give_attributes(&directory.target, &directory.stat, mode, &kept)
                .with_context(refused)?;
            super::row::mtime(&directory.stat)
        } else {
            copy::give_owner(&directory.target, &directory.stat, mode).with_context(refused)?;
            0
        };
        let Directory {
            path, stat, rows, ..
        } = directory;
        self.add_part(path.to_path_buf(), &stat, time, rows);
        Ok(())
    }

    /// The rows of a directory.
    fn add_part(&mut self, path: PathBuf, stat: &FileStat, mtime: i64, rows: Vec<u8>) {
        self.counts.directories += 1;
        let row = Row {
            mtime,
            ino: 0,
            size: 0,
            ..Row::of(path.clone().into_os_string(), Kind::Directory, stat)
        };
        let mut text = Vec::with_capacity(64 + path.as_os_str().len() + rows.len());
        row.write(&mut text);
        text.extend_from_slice(&rows);
        self.parts.push(table::Part { path, text });
    }

    fn take_away(&mut self, path: &Path) -> Result<()> {
        unlinkat(self.plan.tree, path, UnlinkatFlags::RemoveDir)
            .with_context(|| format!("cannot remove '{}' of the base", path.display()))
    }

    /// A path as the host's user knows it.
    fn shown(&self, path: &Path) -> String {
        Path::new("/").join(path).display().to_string()
    }
}

/// Whether others may enter the directory; only then can they reach anything in it.
fn is_enterable(stat: &FileStat) -> bool {
    stat.st_mode & 0o001 != 0
}
