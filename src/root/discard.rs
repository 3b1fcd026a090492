//! A directory that a container has written, in; nothing left of it, out.
//!
//! Root inside a container decides what is in there: links to anywhere, a million directories inside one another. So
//! nothing is followed, and nothing is done once for each level: a directory that is not empty is moved up to the top of
//! the tree and emptied there, which takes neither stack nor descriptors, and goes on after an interruption as if there
//! had been none.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::NixPath;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

/// What is being removed, in the directory of a container.
const ASIDE: &str = "discarded";

/// Removes the directory `name` in `state`, and what an interrupted call left of it. It loses its name first, so that
/// no half of it is ever taken for the whole. One that is not there is fine.
///
/// # Errors
/// When something cannot be removed: it is immutable, or something is mounted there. All the rest has gone then.
pub fn discard(state: &Path, name: &str) -> Result<()> {
    sweep(state)?;
    let directory = state.join(name);
    match fs::rename(&directory, state.join(ASIDE)) {
        Ok(()) => sweep(state),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => {
            Err(cause).with_context(|| format!("cannot remove '{}'", directory.display()))
        }
    }
}

/// Takes the names of several away before anything of them goes; [`sweep`] has to follow, and the container's next start does
/// it if nobody else has. Those that are not there are fine.
///
/// # Errors
/// When one cannot be moved; those before it have lost their names.
pub fn set_aside(state: &Path, names: &[&str]) -> Result<()> {
    sweep(state)?;
    let aside = &state.join(ASIDE);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(aside)
        .with_context(|| format!("cannot make '{}'", aside.display()))?;
    for name in names {
        rename(&state.join(name), &aside.join(name))?;
    }
    // What was said to be discarded does not come back with a power failure.
    for directory in [aside, state] {
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .with_context(|| format!("cannot write '{}' to disk", directory.display()))?;
    }
    Ok(())
}

/// Gives those that [`set_aside`] has moved their names back.
///
/// # Errors
/// When one cannot be moved: something else has its name by now.
pub fn put_back(state: &Path, names: &[&str]) -> Result<()> {
    let aside = state.join(ASIDE);
    let mut names = names.iter();
    names.try_for_each(|name| rename(&aside.join(name), &state.join(name)))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result
            .with_context(|| format!("cannot move '{}' to '{}'", from.display(), to.display())),
    }
}

/// Removes what an interrupted [`discard()`] left in `state`.
///
/// # Errors
/// As there.
pub fn sweep(state: &Path) -> Result<()> {
    let shown = state.join(ASIDE);
    let failed = || format!("cannot remove '{}'", shown.display());
    let state = File::open(state).with_context(failed)?;
    let top = match open_below(&state, ASIDE) {
        Ok(top) => top,
        Err(Errno::ENOENT) => return Ok(()),
        Err(cause) => return Err(cause).with_context(failed),
    };
    let mut tree = Tree {
        top,
        shown: &shown,
        moved: 0,
        refused: Vec::new(),
    };
    tree.empty()?;
    if !tree.refused.is_empty() {
        bail!("{}", tree.refused.join("; "));
    }
    unlinkat(&state, ASIDE, UnlinkatFlags::RemoveDir).with_context(failed)
}

/// The most refusals that are told.
const MOST_REFUSED: usize = 10;

/// A tree whose directories come up to its top one after the other.
struct Tree<'a> {
    top: OwnedFd,
    shown: &'a Path,
    /// How many have come up: their names there.
    moved: u64,
    /// What could not be removed, and why.
    refused: Vec<String>,
}

impl Tree<'_> {
    fn empty(&mut self) -> Result<()> {
        let shown = self.shown;
        let top = self.top.try_clone().context("cannot hold a directory")?;
        for_each_name(&top, shown, |name| {
            match remove(&top, name) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(cause) => return Ok(self.refuse(shown, name, cause)),
            }
            let directory = match open_below(&top, name) {
                Ok(directory) => directory,
                Err(cause) => return Ok(self.refuse(shown, name, cause)),
            };
            let within = at(shown, name);
            let progress = for_each_name(&directory, &within, |name| {
                let gone = match remove(&directory, name) {
                    Ok(false) => self.move_up(&directory, name).map(|()| true),
                    result => result,
                };
                Ok(gone.unwrap_or_else(|cause| self.refuse(&within, name, cause)))
            })?;
            match remove(&top, name) {
                // What has come up to the top may have passed its reader by.
                Ok(gone) => Ok(gone || progress),
                Err(cause) => Ok(self.refuse(shown, name, cause) || progress),
            }
        })
        .map(drop)
    }

    /// Notes what stays. It is met again each time that something else has gone.
    fn refuse(&mut self, directory: &Path, name: &CStr, cause: Errno) -> bool {
        let told = format!("{}: {cause}", refusal(directory, name));
        if self.refused.len() < MOST_REFUSED && !self.refused.contains(&told) {
            self.refused.push(told);
        }
        false
    }

    /// Moves a directory to the top, under a name that nothing has there.
    fn move_up(&mut self, from: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        loop {
            self.moved += 1;
            match renameat(from, name, &self.top, self.moved.to_string().as_str()) {
                // Something of the tree's own has that name.
                Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => {}
                Err(Errno::ENOENT) => return Ok(()),
                result => return result,
            }
        }
    }
}

/// Calls `act` for what is in a directory, again and again, until nothing is or nothing more goes; `act` tells what does.
/// Whether anything has gone.
fn for_each_name(
    directory: &OwnedFd,
    shown: &Path,
    mut act: impl FnMut(&CStr) -> Result<bool>,
) -> Result<bool> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let unreadable = || format!("cannot read '{}'", shown.display());
    let mut entries = Dir::openat(directory, ".", flags, Mode::empty()).with_context(unreadable)?;
    let mut progress = false;
    loop {
        let mut any = false;
        for entry in entries.iter() {
            let entry = entry.with_context(unreadable)?;
            if ![c".", c".."].contains(&entry.file_name()) {
                any |= act(entry.file_name())?;
            }
        }
        if !any {
            return Ok(progress);
        }
        progress = true;
    }
}

/// Removes a file, a link or an empty directory; `false` for a directory that is not empty.
fn remove(directory: &OwnedFd, name: &CStr) -> Result<bool, Errno> {
    match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => return Ok(true),
        Err(Errno::EISDIR) => {}
        Err(cause) => return Err(cause),
    }
    match unlinkat(directory, name, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(true),
        Err(Errno::ENOTEMPTY | Errno::EEXIST) => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Opens a directory that is neither a link nor a mount point.
fn open_below<P: ?Sized + NixPath>(directory: &impl AsFd, name: &P) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
    openat2(directory.as_fd(), name, how)
}

fn at(directory: &Path, name: &CStr) -> PathBuf {
    directory.join(name.to_string_lossy().as_ref())
}

fn refusal(directory: &Path, name: &CStr) -> String {
    format!(
        "cannot remove '{}' (is it immutable, see lsattr(1), or a mount point?)",
        at(directory, name).display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn all_goes_but_what_links_lead_to() {
        let state = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "").unwrap();
        let upper = state.path().join("ephemeral/upper");
        fs::create_dir_all(upper.join("a/b/c")).unwrap();
        fs::create_dir_all(upper.join("empty")).unwrap();
        fs::write(upper.join("a/b/file"), "").unwrap();
        fs::write(upper.join("\u{e9}\n"), "").unwrap();
        symlink(outside.path(), upper.join("a/link")).unwrap();
        symlink("..", upper.join("a/b/up")).unwrap();
        // Names that directories get on their way up.
        fs::create_dir_all(upper.join("1/2/3/1")).unwrap();
        fs::write(upper.join("2"), "").unwrap();
        fs::create_dir_all(state.path().join("upper/data")).unwrap();
        discard(state.path(), "ephemeral").unwrap();
        let left: Vec<_> = fs::read_dir(state.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert!(state.path().join("upper/data").is_dir());
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn depth_is_no_obstacle() {
        use nix::fcntl::openat;
        use nix::sys::stat::mkdirat;
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("ephemeral")).unwrap();
        let mut directory: OwnedFd = File::open(state.path().join("ephemeral")).unwrap().into();
        // More than PATH_MAX and the usual limits of descriptors and stack.
        for _ in 0..3_000 {
            mkdirat(&directory, "d", Mode::S_IRWXU).unwrap();
            directory = openat(&directory, "d", OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        }
        drop(directory);
        discard(state.path(), "ephemeral").unwrap();
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_interrupted_goes_as_well() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir_all(state.path().join("discarded/upper/x")).unwrap();
        fs::create_dir_all(state.path().join("ephemeral/upper")).unwrap();
        discard(state.path(), "ephemeral").unwrap();
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
        discard(state.path(), "ephemeral").unwrap();
    }

    #[test]
    fn what_is_set_aside_can_be_put_back() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir_all(state.path().join("upper/a")).unwrap();
        fs::create_dir_all(state.path().join("discarded/old")).unwrap();
        let names = ["upper", "work"];
        set_aside(state.path(), &names).unwrap();
        assert!(state.path().join("discarded/upper/a").is_dir());
        assert!(!state.path().join("upper").exists());
        put_back(state.path(), &names).unwrap();
        assert!(state.path().join("upper/a").is_dir());
        set_aside(state.path(), &names).unwrap();
        sweep(state.path()).unwrap();
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_in_place_of_the_tree_is_an_error() {
        let state = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), state.path().join("discarded")).unwrap();
        let message = format!("{:#}", sweep(state.path()).unwrap_err());
        assert!(message.contains("/discarded'"), "{message}");
        assert!(outside.path().exists());
    }
}
