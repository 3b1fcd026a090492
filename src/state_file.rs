//! JSON files that survive a crash: a value in, the whole file or the old one on disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes `value` to `path` as JSON: temporary file, fsync, rename, fsync of the directory.
///
/// # Errors
/// When a step fails; the file at `path` is then the one from before.
pub fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let failed = || format!("cannot write '{}'", path.display());
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut text = serde_json::to_vec_pretty(value).with_context(failed)?;
    text.push(b'\n');
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(directory)
        .with_context(failed)?;
    file.write_all(&text).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(path).with_context(failed)?;
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .with_context(failed)
}

/// Reads what [`write()`] wrote; `None` if there is no such file.
///
/// # Errors
/// When it cannot be read, or is not what was expected.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .with_context(|| format!("cannot make sense of '{}'", path.display())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause).with_context(|| format!("cannot read '{}'", path.display())),
    }
}

/// Removes a file; one that is not there is fine.
///
/// # Errors
/// When it is there and stays.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(cause).with_context(|| format!("cannot remove '{}'", path.display())),
    }
}
