//! A mount and attributes in; the mount, and all mounted below it, with these attributes out.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;

/// Adds `MOUNT_ATTR_` flags to a mount and all below it, or to none of them (mount_setattr(2)).
///
/// # Errors
/// Those of the system call: `EINVAL` when `mount` is not the root of a mount.
#[allow(unsafe_code, reason = "nix 0.31 has no mount_setattr(2)")]
pub fn add(mount: &impl AsFd, flags: u64) -> Result<(), Errno> {
    let attributes = libc::mount_attr {
        attr_set: flags,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is NUL-terminated, the attributes are of the size given, and both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result).map(drop)
}
