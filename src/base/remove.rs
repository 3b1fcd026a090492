//! A tree that only lodger has written in; nothing of it out.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Uid, UnlinkatFlags, unlinkat};

use super::listing::{as_os, look, open_on_same_mount, sorted_names, type_of};
use super::part::Type;

/// Removes `directory` and all that is in it, but for what is mounted in there: that is somebody else's. One that is not there is
/// fine. What cannot be removed keeps nothing else from being.
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
    name: CString,
    /// Directories in it that are still there.
    left: Vec<CString>,
}

/// Empties a directory, deepest first. One descriptor a level: no path of a base is longer than PATH_MAX.
fn empty(top: OwnedFd, shown: &Path) -> Result<()> {
    let mut path = shown.to_path_buf();
    let mut refused = Refused::default();
    let mut levels: Vec<_> = enter(top, c"", &path, &mut refused).into_iter().collect();
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.left.pop() else {
            let Some(done) = levels.pop() else { break };
            if let Some(above) = levels.last() {
                let name = done.name.as_c_str();
                let removed = unlinkat(&above.directory, name, UnlinkatFlags::RemoveDir);
                // What is in it has said why.
                if removed != Err(Errno::ENOTEMPTY) {
                    refused.unless(removed, &path);
                }
                path.pop();
            }
            continue;
        };
        path.push(as_os(&name));
        let below = open_on_same_mount(&level.directory, Path::new(&as_os(&name)));
        let below = refused.unless(below, &path);
        match below.and_then(|below| enter(below, &name, &path, &mut refused)) {
            Some(level) => levels.push(level),
            None => drop(path.pop()),
        }
    }
    match refused.first {
        Some(cause) => Err(cause),
        None => Ok(()),
    }
}

/// Removes what is no directory; what is stays for later. `None` if it cannot be listed.
fn enter(directory: OwnedFd, name: &CStr, shown: &Path, refused: &mut Refused) -> Option<Level> {
    // Root may write where the mode says that nobody may.
    if !Uid::effective().is_root() {
        refused.unless(fchmod(&directory, Mode::S_IRWXU), shown)?;
    }
    let entries = refused.unless(entries(&directory), shown)?;
    let mut left = Vec::new();
    for (entry, kind) in entries {
        if kind == Some(Type::Directory) {
            left.push(entry);
            continue;
        }
        match unlinkat(&directory, entry.as_c_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            removed => drop(refused.unless(removed, &shown.join(as_os(&entry)))),
        }
    }
    Some(Level {
        directory,
        name: name.to_owned(),
        left,
    })
}

/// The names in a directory, with what each is; `None` for what has just gone.
fn entries(directory: &OwnedFd) -> Result<Vec<(CString, Option<Type>)>, Errno> {
    let mut listing = Dir::from_fd(open_on_same_mount(directory, Path::new(""))?)?;
    let mut entries = sorted_names(&mut listing)?;
    for (entry, kind) in &mut entries {
        if kind.is_none() {
            *kind = look(directory, entry)?.map(|stat| type_of(&stat));
        }
    }
    Ok(entries)
}

/// The first thing that could not be removed.
#[derive(Debug, Default)]
struct Refused {
    first: Option<anyhow::Error>,
}

impl Refused {
    /// What was done, unless that failed.
    fn unless<T>(&mut self, done: Result<T, Errno>, path: &Path) -> Option<T> {
        let cause = match done {
            Ok(done) => return Some(done),
            Err(cause) => cause,
        };
        let error = || anyhow::Error::new(cause).context(refusal(path));
        self.first.get_or_insert_with(error);
        None
    }
}

fn refusal(path: &Path) -> String {
    format!(
        "cannot remove '{}' (is it immutable, see lsattr(1), or a mount point?)",
        path.display()
    )
}
