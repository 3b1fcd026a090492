//! A directory and a name in it, in; what lies there, never what a link leads to, out.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;
use nix::sys::stat::{SFlag, fstat};
use serde::Serialize;

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, of either kind.
    Device,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
}

impl Kind {
    fn of(mode: u32) -> Self {
        match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => Kind::Directory,
            SFlag::S_IFLNK => Kind::Symlink,
            SFlag::S_IFIFO => Kind::Pipe,
            SFlag::S_IFSOCK => Kind::Socket,
            SFlag::S_IFREG => Kind::File,
            _ => Kind::Device,
        }
    }
}

/// What lies at one path.
#[derive(Debug)]
pub struct Node {
    /// Its type.
    pub kind: Kind,
    /// Type and permission bits as in `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Device number, of a device.
    pub device: u64,
    /// Bytes that it takes on disk.
    pub allocated: u64,
    /// Where to learn more.
    pub source: Source,
}

/// Where a node comes from.
#[derive(Debug)]
pub enum Source {
    /// From a filesystem: a descriptor that names it and opens nothing (`O_PATH`).
    Disk(OwnedFd),
    /// From the mask that lies over the base; the target of a link.
    Mask(Option<PathBuf>),
}

/// No link is followed, no mount point crossed, and nothing leads out of the directory.
const RESOLVE: ResolveFlag = ResolveFlag::RESOLVE_BENEATH
    .union(ResolveFlag::RESOLVE_NO_SYMLINKS)
    .union(ResolveFlag::RESOLVE_NO_MAGICLINKS)
    .union(ResolveFlag::RESOLVE_NO_XDEV);

impl Node {
    /// What lies at the relative `path` below `directory`; `None` if nothing does, or not without following a link.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn at(directory: &impl AsFd, path: &OsStr) -> Result<Option<Self>, Errno> {
        let path = if path.is_empty() {
            OsStr::new(".")
        } else {
            path
        };
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
            .resolve(RESOLVE);
        match openat2(directory.as_fd(), path, how) {
            Ok(file) => Self::of(file).map(Some),
            Err(cause) if is_absence(cause) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    fn of(file: OwnedFd) -> Result<Self, Errno> {
        let stat = fstat(&file)?;
        Ok(Self {
            kind: Kind::of(stat.st_mode),
            mode: stat.st_mode,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            device: stat.st_rdev,
            allocated: u64::try_from(stat.st_blocks)
                .unwrap_or(0)
                .saturating_mul(512),
            source: Source::Disk(file),
        })
    }

    /// Whether owner and permission bits are the same.
    pub fn has_owner_and_mode_of(&self, other: &Node) -> bool {
        (self.uid, self.gid, self.mode & 0o7777) == (other.uid, other.gid, other.mode & 0o7777)
    }

    /// A path that means this node, whatever happens to names meanwhile; `None` for one of a mask.
    pub fn link(&self) -> Option<PathBuf> {
        match &self.source {
            Source::Disk(file) => Some(link_to(file)),
            Source::Mask(_) => None,
        }
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// That of readlink(2).
    pub fn target(&self) -> std::io::Result<PathBuf> {
        match &self.source {
            Source::Disk(file) => nix::fcntl::readlinkat(file, "")
                .map(PathBuf::from)
                .map_err(Into::into),
            Source::Mask(target) => Ok(target.clone().unwrap_or_default()),
        }
    }

    /// Opens a regular file for reading; `None` for anything else. Opening a device can do things.
    ///
    /// # Errors
    /// That of open(2).
    pub fn open(&self) -> std::io::Result<Option<File>> {
        match (self.kind, self.link()) {
            (Kind::File, Some(link)) => File::open(link).map(Some),
            _ => Ok(None),
        }
    }
}

/// A path that means what the descriptor holds, whatever happens to names meanwhile.
pub fn link_to(file: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Whether the error says that there is nothing, or nothing without following a link or crossing a mount.
fn is_absence(cause: Errno) -> bool {
    matches!(
        cause,
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EXDEV
    )
}

/// Opens the directory at the relative `path` below `tree`, to look up names in it; `None` if there is none.
///
/// # Errors
/// Those of openat2(2).
pub fn directory(tree: &impl AsFd, path: &Path) -> Result<Option<OwnedFd>, Errno> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(RESOLVE);
    match openat2(tree.as_fd(), path, how) {
        Ok(directory) => Ok(Some(directory)),
        Err(cause) if is_absence(cause) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// Calls `each` with every name in a directory until it says to stop.
///
/// # Errors
/// When it cannot be read.
pub fn for_each_name(
    directory: OwnedFd,
    mut each: impl FnMut(&OsStr) -> bool,
) -> Result<(), Errno> {
    for entry in Dir::from_fd(directory)?.iter() {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." && !each(name) {
            break;
        }
    }
    Ok(())
}

/// Opens a tree as an overlay sees it: its own filesystem, without what is mounted in it (open_tree(2)). Without the right
/// to do that, which is root's, the directory itself; then what lies under mount points counts as absent.
///
/// # Errors
/// When there is no such directory.
pub fn open_tree(path: &Path) -> Result<OwnedFd> {
    let failed = || format!("cannot open '{}'", path.display());
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let directory = openat2(AT_FDCWD, path, how).with_context(failed)?;
    match clone_mount(&directory) {
        Ok(tree) => Ok(tree),
        Err(Errno::EPERM) => Ok(directory),
        Err(cause) => Err(cause).with_context(failed),
    }
}

#[allow(unsafe_code, reason = "nix 0.31 has no open_tree(2)")]
fn clone_mount(directory: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags =
        libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH.cast_unsigned();
    // SAFETY: the path is NUL-terminated; the call returns a new descriptor or -1.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_tree,
            directory.as_raw_fd(),
            c"".as_ptr(),
            flags,
        )
    };
    let fd = i32::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether a directory is there; a link to one is none.
pub fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}
