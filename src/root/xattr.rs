//! The one extended attribute of overlayfs that lodger uses itself (overlayfs.rst, "whiteouts and opaque directories").
//!
//! `user.` and not `trusted.`: that is what systemd's own overlays have (systemd.mstack(7)), so an upper means the same
//! whoever mounts it. A container cannot set one: the kernel gives it another name than the one asked for ("Nesting
//! overlayfs mounts").

use std::ffi::CStr;
use std::path::Path;

use nix::NixPath;
use nix::errno::Errno;
use nix::libc;

const OPAQUE: &CStr = c"user.overlay.opaque";

/// Marks a directory opaque: an overlay shows nothing of the same directory in the layers below.
///
/// # Errors
/// That of setxattr(2).
#[allow(unsafe_code, reason = "neither std nor nix 0.31 has setxattr(2)")]
pub fn set_opaque(directory: &Path) -> Result<(), Errno> {
    let value = b"y";
    let result = directory.with_nix_path(|path| {
        // SAFETY: path and name are NUL-terminated, and value is valid for its length, all for the time of the call.
        unsafe {
            libc::lsetxattr(
                path.as_ptr(),
                OPAQUE.as_ptr(),
                value.as_ptr().cast(),
                value.len(),
                0,
            )
        }
    })?;
    Errno::result(result).map(drop)
}

/// Whether the filesystem of `directory` can have such a mark at all.
///
/// # Errors
/// That of getxattr(2), but for those that answer the question.
#[allow(unsafe_code, reason = "neither std nor nix 0.31 has getxattr(2)")]
pub fn can_be_marked(directory: &Path) -> Result<bool, Errno> {
    let result = directory.with_nix_path(|path| {
        // SAFETY: path and name are NUL-terminated; with length 0 the kernel writes nothing to the null pointer.
        unsafe { libc::lgetxattr(path.as_ptr(), OPAQUE.as_ptr(), std::ptr::null_mut(), 0) }
    })?;
    match Errno::result(result) {
        Ok(_) | Err(Errno::ENODATA) => Ok(true),
        Err(Errno::EOPNOTSUPP) => Ok(false),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_has_no_such_attributes() {
        assert!(!can_be_marked(Path::new("/proc")).unwrap());
    }
}
