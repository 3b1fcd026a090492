//! A directory of the host in; the same directory, mounted once more so that nothing can be written through it, out.
//!
//! A root made of a base there is read-only whatever a service's own mounts make of it, and nothing in it is set-user-ID or a
//! device. It is one mount for all bases and all containers. And what systemd binds from there is read-only without
//! `BindReadOnlyPaths=`, for each path of which it reads the whole mount table twice.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::sys::statvfs::{FsFlags, statvfs};

use super::overlay::{detach, make_directory};
use super::{attributes, detached};

/// What the mount is.
const FLAGS: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// Sees to it that `directory`, with what is mounted below it now, is mounted on `target`, in the mount namespace of this
/// process. What is mounted below it later is not there: it would be writable.
///
/// # Errors
/// When the kernel refuses. Then nothing is mounted there, and no container that needs it starts.
pub fn provide(directory: &Path, target: &Path) -> Result<()> {
    make_directory(target, 0o755)?;
    if is_provided(directory, target)? {
        return Ok(());
    }
    detach(target)?;
    let mounted = detached::copy_of(directory).and_then(|mount| {
        attributes::add(&mount, FLAGS)?;
        attributes::make_private(&mount)?;
        detached::attach(&mount, target)
    });
    mounted.with_context(|| {
        format!(
            "cannot mount '{}' on '{}'",
            directory.display(),
            target.display()
        )
    })?;
    if !is_provided(directory, target)? {
        bail!(
            "'{}' is not '{}' although it was mounted there",
            target.display(),
            directory.display()
        );
    }
    Ok(())
}

fn is_provided(directory: &Path, target: &Path) -> Result<bool> {
    let failed = |path: &Path| format!("cannot look at '{}'", path.display());
    let wanted = fs::metadata(directory).with_context(|| failed(directory))?;
    let found = match fs::metadata(target) {
        Ok(found) => found,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(cause) => return Err(cause).with_context(|| failed(target)),
    };
    let flags = statvfs(target).with_context(|| failed(target))?.flags();
    let read_only = FsFlags::ST_RDONLY | FsFlags::ST_NOSUID | FsFlags::ST_NODEV;
    Ok((wanted.dev(), wanted.ino()) == (found.dev(), found.ino()) && flags.contains(read_only))
}
