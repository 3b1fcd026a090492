//! Mask layers that no container uses any more: the directory of all in, those removed.
//!
//! A start holds [`hold`] from the moment it picks a layer until that is mounted, and [`sweep`] keeps every start out while
//! it looks and removes: a layer that lost part of its whiteouts would show what it is there to hide.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};
use nix::libc;

use crate::threads;

/// Keeps every layer in `masks` in place until the lock is dropped.
///
/// # Errors
/// When the directory cannot be locked.
pub fn hold(masks: &Path) -> Result<Flock<File>> {
    lock_directory(masks, FlockArg::LockShared)
}

/// Locks a directory that is not a link.
///
/// # Errors
/// When it cannot be opened or locked.
pub fn lock_directory(directory: &Path, how: FlockArg) -> Result<Flock<File>> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW)
        .open(directory)
        .with_context(|| format!("cannot open '{}'", directory.display()))?;
    Flock::lock(file, how)
        .map_err(|(_, cause)| cause)
        .with_context(|| format!("cannot lock '{}'", directory.display()))
}

/// Layers younger than this stay: a container that is restarted in the meantime uses them again.
const YOUNG: Duration = Duration::from_secs(600);

/// Removes the layers in `masks` that no process's mount table names, and half-made ones.
///
/// # Errors
/// When the mount tables or the directory cannot be read; then nothing is removed.
pub fn sweep(masks: &Path) -> Result<()> {
    let refused = || format!("cannot look through '{}'", masks.display());
    if !masks.exists() {
        return Ok(());
    }
    let _lock = lock_directory(masks, FlockArg::LockExclusive)?;
    let entries = fs::read_dir(masks).with_context(refused)?;
    let mut old = Vec::new();
    for entry in entries {
        let entry = entry.with_context(refused)?;
        let changed = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .with_context(refused)?;
        if changed.elapsed().is_ok_and(|age| age > YOUNG) {
            old.push(entry.path());
        }
    }
    if old.is_empty() {
        return Ok(());
    }
    let used = layers_in_use(masks)?;
    for layer in old.iter().filter(|layer| !used.contains(*layer)) {
        fs::remove_dir_all(layer)
            .with_context(|| format!("cannot remove '{}'", layer.display()))?;
    }
    Ok(())
}

/// The layers below `masks` that overlays of any mount namespace have as a lower.
fn layers_in_use(masks: &Path) -> Result<HashSet<PathBuf>> {
    let mut used = HashSet::new();
    for process in fs::read_dir("/proc").context("cannot read '/proc'")? {
        let process = process.context("cannot read '/proc'")?;
        if process
            .file_name()
            .as_encoded_bytes()
            .iter()
            .all(u8::is_ascii_digit)
        {
            let look = |process: &Path| fs::read_to_string(process.join("mountinfo"));
            let failed = || format!("cannot read the mounts of {}", process.path().display());
            let mounts = threads::of_living(&process.path(), look).with_context(failed)?;
            used.extend(layers_named(&mounts.unwrap_or_default(), masks));
        }
    }
    Ok(used)
}

/// The layers below `masks` in the `lowerdir=` options of a mount table.
fn layers_named(mountinfo: &str, masks: &Path) -> Vec<PathBuf> {
    let lowers = mountinfo
        .split("lowerdir=")
        .skip(1)
        .filter_map(|rest| rest.split([':', ',', ' ', '\n']).next());
    lowers
        .map(PathBuf::from)
        .filter(|lower| lower.parent() == Some(masks))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_in_use_are_read_from_mount_tables() {
        let mounts = "1 0 0:53 / / rw - overlay lodger-a rw,lowerdir=/run/lodger/masks/aa:/,upperdir=/u\n\
                      2 0 0:54 / /m rw - overlay other rw,lowerdir=/run/other/bb:/\n\
                      3 0 0:55 / /n rw - ext4 /dev/sda rw\n";
        assert_eq!(
            layers_named(mounts, Path::new("/run/lodger/masks")),
            [PathBuf::from("/run/lodger/masks/aa")]
        );
    }

    #[test]
    fn only_old_layers_are_swept() {
        let masks = tempfile::tempdir().unwrap();
        for name in ["old", "young"] {
            fs::create_dir(masks.path().join(name)).unwrap();
        }
        let past = std::time::SystemTime::now() - 2 * YOUNG;
        fs::File::open(masks.path().join("old"))
            .unwrap()
            .set_modified(past)
            .unwrap();
        sweep(masks.path()).unwrap();
        assert!(!masks.path().join("old").exists());
        assert!(masks.path().join("young").exists());
    }
}
