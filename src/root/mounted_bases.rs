//! The directory of pinned bases in; the same directory, mounted so that nothing can be written through it, out.
//!
//! A root made of a base there is read-only whatever a service's own mounts make of it, and nothing in it is set-user-ID or a
//! device. It is one mount for all bases and all containers.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::mount::MsFlags;
use nix::sys::statvfs::{FsFlags, statvfs};

use super::attributes;
use super::overlay::{detach, make_directory};

/// What the mount is.
const FLAGS: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// Sees to it that `bases` is mounted on `target`, in the mount namespace of this process.
///
/// # Errors
/// When the kernel refuses. Then nothing is mounted there, and no container that needs it starts.
pub fn provide(bases: &Path, target: &Path) -> Result<()> {
    make_directory(target, 0o755)?;
    if is_provided(bases, target)? {
        return Ok(());
    }
    detach(target)?;
    let none: Option<&PathBuf> = None;
    let failed = || {
        format!(
            "cannot mount '{}' on '{}'",
            bases.display(),
            target.display()
        )
    };
    nix::mount::mount(Some(bases), target, none, MsFlags::MS_BIND, none).with_context(failed)?;
    let read_only = fs::File::open(target)
        .map_err(anyhow::Error::from)
        .and_then(|mount| Ok(attributes::add(&mount, FLAGS)?))
        .with_context(failed);
    if let Err(cause) = read_only {
        // The error on its way says more than a second one would.
        let _ = detach(target);
        return Err(cause);
    }
    if !is_provided(bases, target)? {
        bail!(
            "'{}' is not '{}' although it was mounted there",
            target.display(),
            bases.display()
        );
    }
    Ok(())
}

fn is_provided(bases: &Path, target: &Path) -> Result<bool> {
    let failed = |path: &Path| format!("cannot look at '{}'", path.display());
    let wanted = fs::metadata(bases).with_context(|| failed(bases))?;
    let found = match fs::metadata(target) {
        Ok(found) => found,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(cause) => return Err(cause).with_context(|| failed(target)),
    };
    let flags = statvfs(target).with_context(|| failed(target))?.flags();
    let read_only = FsFlags::ST_RDONLY | FsFlags::ST_NOSUID | FsFlags::ST_NODEV;
    Ok((wanted.dev(), wanted.ino()) == (found.dev(), found.ino()) && flags.contains(read_only))
}
