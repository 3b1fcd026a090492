//! One overlay: lower, mask, upper and mount point in; a mount that was checked to be what was asked for out.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::statfs::{FsType, OVERLAYFS_SUPER_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::seen::owner;
use super::writable::Writable;
use super::xattr;

/// The name of an upper that is not complete yet.
const MAKING_UPPER: &str = ".making-upper";

/// What one overlay is made of.
#[derive(Debug)]
pub struct Overlay<'a> {
    /// Shown by `mount` as the source.
    pub source: &'a str,
    /// The tree underneath.
    pub lower: &'a Path,
    /// The mask layer over it, on another filesystem: a lower may not lie inside another (ELOOP).
    pub mask: Option<&'a Path>,
    /// Holds `upper` and `work`; made if missing.
    pub state: &'a Path,
    /// Where it is mounted; has to exist.
    pub target: &'a Path,
}

impl Overlay<'_> {
    /// Mounts it.
    ///
    /// # Errors
    /// With the path and what to do, when the upper cannot be made, its filesystem cannot carry an upper, or the kernel
    /// refuses the mount.
    pub fn mount(&self) -> Result<()> {
        let Writable { upper, work } = Writable::of(self.state);
        self.make_upper(&upper)?;
        make_directory(&work, 0o700)?;
        refuse_unfit_upper(&upper)?;
        let options = self.options(&upper, &work)?;
        nix::mount::mount(
            Some(self.source),
            self.target,
            Some("overlay"),
            // What is set-id or a device in the base or an upper is neither to the container.
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
            Some(options.as_os_str()),
        )
        .map_err(|errno| self.refusal(errno))?;
        if statfs(self.target).map(|fs| fs.filesystem_type()) != Ok(OVERLAYFS_SUPER_MAGIC) {
            bail!(
                "'{}' is not an overlay although mounting it succeeded",
                self.target.display()
            );
        }
        self.refuse_read_only(&work)
    }

    /// Without room for its own directory in `work` the kernel mounts an overlay all the same, read-only
    /// (fs/overlayfs/super.c, "mounting read-only").
    fn refuse_read_only(&self, work: &Path) -> Result<()> {
        let flags = statvfs(self.target)
            .with_context(|| format!("cannot look at '{}'", self.target.display()))?
            .flags();
        if !flags.contains(FsFlags::ST_RDONLY) {
            return Ok(());
        }
        detach(self.target)?;
        bail!(
            "the overlay on '{}' would be read-only: the kernel has found no room, or no way to write, in '{}'",
            self.target.display(),
            work.display()
        )
    }

    /// An upper's directory takes the place of the lower's, so it starts with the lower's owner and mode.
    fn make_upper(&self, upper: &Path) -> Result<()> {
        if upper.is_dir() {
            return Ok(());
        }
        if let Some(above) = upper.parent() {
            make_directory(above, 0o700)?;
        }
        make_like(&upper.with_file_name(MAKING_UPPER), upper, self.lower)
            .with_context(|| format!("cannot make '{}'", upper.display()))
    }

    /// The lower may change between two mounts only if none of these features was ever used on the upper
    /// (overlayfs.rst, "Changes to underlying filesystems").
    fn options(&self, upper: &Path, work: &Path) -> Result<OsString> {
        let mut options = OsString::from("lowerdir=");
        let mut add = |word: &str, path: &Path| {
            if path
                .as_os_str()
                .as_bytes()
                .iter()
                .any(|byte| matches!(byte, b':' | b',' | b'\\'))
            {
                bail!(
                    "'{}' has a colon, comma or backslash in its name, which overlayfs cannot take",
                    path.display()
                );
            }
            options.push(word);
            options.push(path);
            Ok(())
        };
        if let Some(mask) = self.mask {
            add("", mask)?;
            add(":", self.lower)?;
        } else {
            add("", self.lower)?;
        }
        add(",upperdir=", upper)?;
        add(",workdir=", work)?;
        options.push(",index=off,metacopy=off,xino=off,redirect_dir=nofollow,userxattr");
        Ok(options)
    }

    fn refusal(&self, errno: Errno) -> anyhow::Error {
        let why = match errno {
            Errno::ENODEV => "this kernel has no overlay filesystem (modprobe overlay)",
            Errno::EINVAL => {
                "the filesystem of one of them cannot be part of an overlay; the kernel log says which"
            }
            Errno::ELOOP => {
                "one of them lies inside another, or too many overlays lie on each other"
            }
            Errno::EBUSY => "the upper is in use by another mount",
            _ => "the kernel log may say more",
        };
        anyhow::Error::new(errno).context(format!(
            "cannot mount an overlay of '{}' with upper '{}' on '{}': {why}",
            self.lower.display(),
            self.state.join("upper").display(),
            self.target.display()
        ))
    }
}

/// Makes a directory and those above it; one that exists is left as it is.
pub fn make_directory(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .with_context(|| format!("cannot make the directory '{}'", path.display()))
}

/// Makes a directory with owner and mode of another one, `like`, under the name `making` until it has them: a crash leaves nothing half
/// that has its name.
///
/// # Errors
/// When it cannot be made, or `like` not be looked at.
pub fn make_like(making: &Path, directory: &Path, like: &Path) -> Result<()> {
    match fs::remove_dir(making) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause.into()),
        _ => {}
    }
    fs::DirBuilder::new().mode(0o700).create(making)?;
    let like = owner(&fs::metadata(like)?);
    chown(making, Some(like.uid), Some(like.gid))?;
    fs::set_permissions(making, fs::Permissions::from_mode(like.mode))?;
    // No sync: all of it is about directories, and what a filesystem forgets of that in a crash is what came last.
    Ok(fs::rename(making, directory)?)
}

/// Makes a directory for root alone, in place of what an interrupted call has left of it.
///
/// # Errors
/// When that cannot be removed, or the directory not made.
pub fn make_afresh(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Filesystems that cannot carry an upper (overlayfs.rst, "Upper layer"): some by name, which says more than EINVAL does,
/// and every one without the extended attributes that mark a directory opaque. On those the kernel mounts all the same,
/// and fails later.
///
/// # Errors
/// Then, and when it cannot be looked at.
pub fn refuse_unfit_upper(upper: &Path) -> Result<()> {
    const NFS: FsType = FsType(0x6969);
    const FUSE: FsType = FsType(0x6573_5546);
    const VFAT: FsType = FsType(0x4d44);
    const CIFS: FsType = FsType(0xff53_4d42u32 as _);
    let failed = || format!("cannot look at '{}'", upper.display());
    let kind = statfs(upper).with_context(failed)?.filesystem_type();
    let name = match kind {
        OVERLAYFS_SUPER_MAGIC => "an overlay itself",
        NFS => "on NFS",
        FUSE => "on a FUSE filesystem",
        VFAT => "on VFAT",
        CIFS => "on CIFS",
        _ if !xattr::can_be_marked(upper).with_context(failed)? => {
            "on a filesystem without extended attributes"
        }
        _ => return Ok(()),
    };
    bail!(
        "'{}' is {name}, which cannot carry the upper of an overlay; put {} on ext4, xfs, btrfs or the like",
        upper.display(),
        crate::place::STATE
    )
}

/// Takes every mount off `target`, busy ones too; those who use them keep them. Nothing mounted there is fine.
pub fn detach(target: &Path) -> Result<()> {
    use nix::mount::{MntFlags, umount2};
    // Bounded: more mounts on one point than this are not ours to count.
    for _ in 0..1000 {
        match umount2(target, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) => {}
            Err(Errno::EINVAL | Errno::ENOENT) => return Ok(()),
            Err(cause) => {
                return Err(cause)
                    .with_context(|| format!("cannot unmount '{}'", target.display()));
            }
        }
    }
    bail!("something keeps mounting on '{}'", target.display())
}

/// Shows the host's file `source` read-only at `target`, an existing file.
pub fn bind_file(source: &Path, target: &Path) -> Result<()> {
    let refused = || {
        format!(
            "cannot show '{}' at '{}'",
            source.display(),
            target.display()
        )
    };
    let none: Option<&PathBuf> = None;
    nix::mount::mount(Some(source), target, none, MsFlags::MS_BIND, none).with_context(refused)?;
    let flags = MsFlags::MS_BIND
        | MsFlags::MS_REMOUNT
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV;
    nix::mount::mount(none, target, none, flags, none).with_context(refused)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_directory_like_another_has_its_name_once_it_is_whole() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::create_dir(at("like")).unwrap();
        fs::set_permissions(at("like"), fs::Permissions::from_mode(0o2751)).unwrap();
        // What a crash leaves.
        fs::create_dir(at("making")).unwrap();
        make_like(&at("making"), &at("upper"), &at("like")).unwrap();
        assert_eq!(fs::metadata(at("upper")).unwrap().mode() & 0o7777, 0o2751);
        assert!(!at("making").exists());
        assert!(make_like(&at("making"), &at("other"), &at("none")).is_err());
        assert!(!at("other").exists());
    }
}
