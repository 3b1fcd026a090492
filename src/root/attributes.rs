//! A mount and attributes in; the mount, and all mounted below it, with these attributes out.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;

/// Nothing is changed.
const NOTHING: libc::mount_attr = libc::mount_attr {
    attr_set: 0,
    attr_clr: 0,
    propagation: 0,
    userns_fd: 0,
};

/// Adds `MOUNT_ATTR_` flags to a mount and all below it, or to none of them (mount_setattr(2)).
///
/// # Errors
/// Those of the system call: `EINVAL` when `mount` is not the root of a mount.
pub fn add(mount: &impl AsFd, flags: u64) -> Result<(), Errno> {
    let attributes = libc::mount_attr {
        attr_set: flags,
        ..NOTHING
    };
    set(mount, &attributes)
}

/// Nothing that is mounted elsewhere appears below it any more, or the other way round (mount_namespaces(7), `MS_PRIVATE`).
///
/// # Errors
/// As [`add()`].
pub fn make_private(mount: &impl AsFd) -> Result<(), Errno> {
    let attributes = libc::mount_attr {
        propagation: libc::MS_PRIVATE,
        ..NOTHING
    };
    set(mount, &attributes)
}

#[allow(unsafe_code, reason = "nix 0.31 has no mount_setattr(2)")]
fn set(mount: &impl AsFd, attributes: &libc::mount_attr) -> Result<(), Errno> {
    // SAFETY: the path is NUL-terminated, the attributes are of the size given, and both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            std::ptr::from_ref(attributes),
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result).map(drop)
}
