//! A path in; what is mounted there once more, as a mount that no mount namespace has yet, out. It gets its attributes before
//! anybody can reach it.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

/// A mount of the file or directory at `path`, with what is mounted below it, that lives as long as it is used (open_tree(2)).
///
/// # Errors
/// Those of the system call.
#[allow(unsafe_code, reason = "nix 0.31 has no open_tree(2)")]
pub fn copy_of(path: &Path) -> Result<OwnedFd, Errno> {
    let path = text(path)?;
    let flags =
        libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE.cast_unsigned();
    // SAFETY: the path is NUL-terminated; the call returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    let fd = i32::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Mounts it on `target` (move_mount(2)).
///
/// # Errors
/// Those of the system call.
#[allow(unsafe_code, reason = "nix 0.31 has no move_mount(2)")]
pub fn attach(mount: &impl AsFd, target: &Path) -> Result<(), Errno> {
    let target = text(target)?;
    // SAFETY: both paths are NUL-terminated and outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    Errno::result(result).map(drop)
}

fn text(path: &Path) -> Result<CString, Errno> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}
