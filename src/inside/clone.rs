//! This program in; the same program, executed from where nobody can write to it, out.
//!
//! What runs inside a container for a moment has this program as its `/proc/self/exe`, and root inside may have put a link
//! to that, or a script that begins with `#!/proc/self/exe`, in the place of the command. The file of the host would then
//! be a container's process, which lets root inside open it, and write to it once the process has ended (as in
//! CVE-2019-5736). Through a mount that is read-only nobody can.

use std::ffi::CString;
use std::path::Path;

use anyhow::{Context, Result};
use nix::libc;
use nix::unistd::fexecve;

use crate::root::{attributes, detached};

/// Executes this program with other arguments from a read-only mount that is part of no mount namespace. Returns only if
/// that fails.
///
/// # Errors
/// When the kernel refuses.
pub fn execute(arguments: &[CString], environment: &[CString]) -> Result<()> {
    let failed = "cannot execute this program from a read-only mount";
    let program = detached::copy_of(Path::new("/proc/self/exe")).context(failed)?;
    attributes::add(&program, libc::MOUNT_ATTR_RDONLY).context(failed)?;
    fexecve(&program, arguments, environment)
        .map(drop)
        .context(failed)
}
