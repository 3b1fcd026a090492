//! Extended attributes of an open file or directory in; those that a base keeps out.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;

const CAPABILITY: &CStr = c"security.capability";
/// What overlayfs would take for its own marks in a lower layer (overlayfs.rst).
const OVERLAY: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];
/// How often a list or value that grows between two calls is asked for again.
const TRIES: usize = 5;

/// Attributes and their values.
pub type Attributes = Vec<(CString, Vec<u8>)>;

/// Whether a program gets capabilities by running this file (capabilities(7), "File capabilities").
///
/// # Errors
/// That of fgetxattr(2).
#[allow(unsafe_code, reason = "neither std nor nix 0.31 has fgetxattr(2)")]
pub fn has_capabilities(file: impl AsFd) -> Result<bool, Errno> {
    let file = file.as_fd().as_raw_fd();
    // SAFETY: the name is NUL-terminated; with length 0 the kernel writes nothing to the null pointer.
    let result = unsafe { libc::fgetxattr(file, CAPABILITY.as_ptr(), std::ptr::null_mut(), 0) };
    match Errno::result(result) {
        Ok(_) => Ok(true),
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// The attributes that a copy of `file` gets: all but capabilities and overlayfs's marks.
///
/// # Errors
/// Those of flistxattr(2) and fgetxattr(2).
pub fn kept(file: impl AsFd) -> Result<Attributes, Errno> {
    let file = file.as_fd();
    let names = match list(file) {
        Err(Errno::EOPNOTSUPP) => return Ok(Vec::new()),
        names => names?,
    };
    let mut kept = Vec::new();
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        let is_overlays = OVERLAY
            .iter()
            .any(|prefix| name.to_bytes().starts_with(prefix));
        if name == CAPABILITY || is_overlays {
            continue;
        }
        match value(file, name) {
            Ok(value) => kept.push((name.to_owned(), value)),
            Err(Errno::ENODATA) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(kept)
}

/// Gives `file` these attributes.
///
/// # Errors
/// That of fsetxattr(2), with the attribute's name.
#[allow(unsafe_code, reason = "neither std nor nix 0.31 has fsetxattr(2)")]
pub fn set(file: impl AsFd, attributes: &Attributes) -> Result<(), (String, Errno)> {
    let file = file.as_fd().as_raw_fd();
    for (name, value) in attributes {
        // SAFETY: the name is NUL-terminated, and the value is valid for its length, all for the time of the call.
        let result =
            unsafe { libc::fsetxattr(file, name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
        Errno::result(result).map_err(|cause| (name.to_string_lossy().into_owned(), cause))?;
    }
    Ok(())
}

#[allow(unsafe_code, reason = "neither std nor nix 0.31 has flistxattr(2)")]
fn list(file: impl AsFd) -> Result<Vec<u8>, Errno> {
    let file = file.as_fd().as_raw_fd();
    // Nearly every file has none, or one short name: one call.
    grown(|buffer: &mut [u8]| {
        // SAFETY: the kernel writes at most the buffer's length to it.
        unsafe { libc::flistxattr(file, buffer.as_mut_ptr().cast(), buffer.len()) }
    })
}

#[allow(unsafe_code, reason = "neither std nor nix 0.31 has fgetxattr(2)")]
fn value(file: impl AsFd, name: &CStr) -> Result<Vec<u8>, Errno> {
    let file = file.as_fd().as_raw_fd();
    grown(|buffer: &mut [u8]| {
        // SAFETY: the name is NUL-terminated, and the kernel writes at most the buffer's length to it.
        unsafe {
            libc::fgetxattr(
                file,
                name.as_ptr(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
            )
        }
    })
}

/// What `call` writes to a buffer that is large enough: 64 KiB is the most there can be (xattr(7)).
fn grown(mut call: impl FnMut(&mut [u8]) -> isize) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 256];
    for _ in 0..TRIES {
        match Errno::result(call(&mut buffer)) {
            Ok(length) => {
                buffer.truncate(usize::try_from(length).unwrap_or(0));
                return Ok(buffer);
            }
            Err(Errno::ERANGE) => buffer.resize(65_536 + 1, 0),
            Err(cause) => return Err(cause),
        }
    }
    Err(Errno::ERANGE)
}
