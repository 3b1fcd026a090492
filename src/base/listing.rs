//! A directory in; the names in it, and what each is, out. No link is followed.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;
use nix::sys::stat::{FileStat, fstatat};

use super::part::Type;

/// Opens a directory of a tree, without following any link.
pub fn open_directory(tree: &OwnedFd, path: &Path) -> Result<OwnedFd, Errno> {
    open_resolved(tree, path, ResolveFlag::empty())
}

fn open_resolved(tree: &OwnedFd, path: &Path, resolve: ResolveFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(resolve | ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    openat2(tree, path, how)
}

/// The same, on the filesystem of the tree and on no other that is mounted there: for what is to be removed.
pub fn open_on_same_mount(tree: &OwnedFd, path: &Path) -> Result<OwnedFd, Errno> {
    open_resolved(tree, path, ResolveFlag::RESOLVE_NO_XDEV)
}

/// What is at `name` now, itself and not what it leads to; `None` if nothing is.
pub fn look(directory: impl AsFd, name: &CStr) -> Result<Option<FileStat>, Errno> {
    match fstatat(
        directory,
        name,
        AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_NO_AUTOMOUNT,
    ) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::ENOENT) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// What it is.
pub fn type_of(stat: &FileStat) -> Type {
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Type::Directory,
        libc::S_IFREG => Type::File,
        libc::S_IFLNK => Type::Symlink,
        _ => Type::Special,
    }
}

/// The names in a directory in the order of their bytes, with their types where the filesystem tells.
pub fn sorted_names(directory: &mut Dir) -> Result<Vec<(CString, Option<Type>)>, Errno> {
    let mut names = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = entry.file_type().map(|kind| match kind {
            nix::dir::Type::Directory => Type::Directory,
            nix::dir::Type::File => Type::File,
            nix::dir::Type::Symlink => Type::Symlink,
            _ => Type::Special,
        });
        names.push((name.to_owned(), kind));
    }
    names.sort_unstable();
    Ok(names)
}

/// A name as the table has it.
pub fn as_os(name: &CStr) -> OsString {
    OsStr::from_bytes(name.to_bytes()).to_os_string()
}
