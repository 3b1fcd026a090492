//! JSON files that survive a crash: a value in, the whole file or the old one on disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::upper::shown;
use anyhow::{Context, Result};
use nix::libc;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes `value` to `path` as JSON: temporary file, fsync, rename, fsync of the directory.
///
/// # Errors
/// When a step fails; the file at `path` is then the one from before.
pub fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let failed = || format!("cannot write '{}'", path.display());
    let directory = path.parent().unwrap_or(Path::new("/"));
    // People look at these files too.
    let mut text = shown::in_json(serde_json::to_string_pretty(value).with_context(failed)?);
    text.push('\n');
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(directory)
        .with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
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

/// Whether an error of [`read()`] is about what the file is, so that reading it again is of no use.
pub fn is_unusable(cause: &anyhow::Error) -> bool {
    if let Some(cause) = cause.downcast_ref::<io::Error>() {
        return matches!(cause.raw_os_error(), Some(libc::EIO | libc::EISDIR));
    }
    cause.downcast_ref::<serde_json::Error>().is_some()
}

/// Gives a file that is of no use another name, `PATH.unreadable-N`, so that somebody can still look at it: that name.
///
/// # Errors
/// When that fails; then it is where it was.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let failed = || format!("cannot set '{}' aside", path.display());
    let mut number = 1u32;
    let aside = loop {
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".unreadable-{number}"));
        match fs::symlink_metadata(&aside) {
            Ok(_) => number += 1,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => break PathBuf::from(aside),
            Err(cause) => return Err(cause).with_context(failed),
        }
    };
    fs::rename(path, &aside).with_context(failed)?;
    File::open(path.parent().unwrap_or(Path::new("/")))
        .and_then(|directory| directory.sync_all())
        .with_context(failed)?;
    Ok(aside)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_kept_under_a_name_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        for (text, expected) in [("{", "a.json.unreadable-1"), ("", "a.json.unreadable-2")] {
            fs::write(&path, text).unwrap();
            let aside = set_aside(&path).unwrap();
            assert_eq!(aside, directory.path().join(expected));
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
            assert!(!path.exists());
        }
        assert!(set_aside(&path).is_err());
    }

    #[test]
    fn what_can_be_read_later_is_not_unusable() {
        let directory = tempfile::tempdir().unwrap();
        let unusable = |path: &Path| read::<u64>(path).map_err(|cause| is_unusable(&cause));
        for text in ["{", "", "\"x\"", "1 2", "\u{0}"] {
            fs::write(directory.path().join("file"), text).unwrap();
            let found = unusable(&directory.path().join("file"));
            assert_eq!(found, Err(true), "{text}");
        }
        assert_eq!(unusable(directory.path()), Err(true));
        assert_eq!(unusable(&directory.path().join("none")), Ok(None));
        assert_eq!(unusable(&directory.path().join("file/below")), Err(false));
    }
}
