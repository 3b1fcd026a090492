//! This program in; the same program, executed from where nobody can write to it, out.
//!
//! What runs inside a container for a moment has this program as its `/proc/self/exe`, and root inside may have put a link
//! to that, or a script that begins with `#!/proc/self/exe`, in the place of the command. The file of the host would then
//! be a container's process, which lets root inside open it, and write to it once the process has ended (as in
//! CVE-2019-5736). Through a mount that is read-only nobody can.

use std::ffi::{CStr, CString};
use std::os::fd::{FromRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::libc;
use nix::unistd::fexecve;

use crate::root::attributes;

/// Executes this program with other arguments from a read-only mount that is part of no mount namespace. Returns only if
/// that fails.
///
/// # Errors
/// When the kernel refuses.
pub fn execute(arguments: &[CString], environment: &[CString]) -> Result<()> {
    let failed = "cannot execute this program from a read-only mount";
    let program = clone_of(c"/proc/self/exe").context(failed)?;
    attributes::add(&program, libc::MOUNT_ATTR_RDONLY).context(failed)?;
    fexecve(&program, arguments, environment)
        .map(drop)
        .context(failed)
}

/// A mount of the file at `path`, and of nothing else, that lives as long as it is used.
#[allow(unsafe_code, reason = "nix 0.31 has no open_tree(2)")]
fn clone_of(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: the path is NUL-terminated; the call returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    let fd = i32::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
