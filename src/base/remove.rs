//! A tree that only lodger has written in; nothing of it out.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Uid, UnlinkatFlags, unlinkat};

use super::listing::{as_os, look, open_directory, sorted_names, type_of};
use super::part::Type;

/// Removes `directory` and all that is in it. One that is not there is fine.
///
/// # Errors
/// When something cannot be removed: it is immutable, or something is mounted there.
pub fn remove(directory: &Path) -> Result<()> {
    let failed = || format!("cannot remove '{}'", directory.display());
    match File::open(directory) {
        Ok(top) => empty(top.into(), directory)?,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(cause).with_context(failed),
    }
    std::fs::remove_dir(directory).with_context(failed)
}

/// A directory on the way down.
struct Level {
    directory: OwnedFd,
    name: std::ffi::CString,
    /// Directories in it that are still there.
    left: Vec<std::ffi::CString>,
}

/// Empties a directory, deepest first. One descriptor a level: no path of a base is longer than PATH_MAX.
fn empty(top: OwnedFd, shown: &Path) -> Result<()> {
    let mut path = shown.to_path_buf();
    let mut levels = vec![enter(top, c"", &path)?];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.left.pop() else {
            let Some(done) = levels.pop() else { break };
            if let Some(above) = levels.last() {
                unlinkat(
                    &above.directory,
                    done.name.as_c_str(),
                    UnlinkatFlags::RemoveDir,
                )
                .with_context(|| refusal(&path))?;
                path.pop();
            }
            continue;
        };
        path.push(as_os(&name));
        let below = open_directory(&level.directory, Path::new(&as_os(&name)))
            .with_context(|| refusal(&path))?;
        levels.push(enter(below, &name, &path)?);
    }
    Ok(())
}

/// Removes what is no directory; what is stays for later.
fn enter(directory: OwnedFd, name: &CStr, shown: &Path) -> Result<Level> {
    let failed = || refusal(shown);
    // Root may write where the mode says that nobody may.
    if !Uid::effective().is_root() {
        fchmod(&directory, Mode::S_IRWXU).with_context(failed)?;
    }
    let listing = open_directory(&directory, Path::new("")).with_context(failed)?;
    let mut listing = Dir::from_fd(listing).with_context(failed)?;
    let mut left = Vec::new();
    for (entry, kind) in sorted_names(&mut listing).with_context(failed)? {
        let kind = match kind {
            Some(kind) => Some(kind),
            None => look(&directory, &entry)
                .with_context(failed)?
                .map(|stat| type_of(&stat)),
        };
        if kind == Some(Type::Directory) {
            left.push(entry);
            continue;
        }
        match unlinkat(&directory, entry.as_c_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(cause) => return Err(cause).with_context(|| refusal(&shown.join(as_os(&entry)))),
        }
    }
    Ok(Level {
        directory,
        name: name.to_owned(),
        left,
    })
}

fn refusal(path: &Path) -> String {
    format!(
        "cannot remove '{}' (is it immutable, see lsattr(1), or a mount point?)",
        path.display()
    )
}
