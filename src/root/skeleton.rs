//! The /var of a base, which is directories without anything in them, in; the same directories in a container's own /var out.
//!
//! Programs from packages count on directories there, with the right owners. A container's own /var is made with them, and
//! gets those that later packages bring. What it has already stays as it is: the container may have changed or removed it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{fchown, symlinkat};

use super::mask::Owner;
use super::seen::owner;

/// More than any base has: packages own a few hundred directories below /var.
const MOST_ENTRIES: usize = 100_000;

/// One entry of a skeleton, relative to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Entry {
    /// An empty directory.
    Directory(PathBuf, Owner),
    /// A symbolic link, and what it leads to.
    Link(PathBuf, PathBuf),
}

/// The directories and links below `tree`, outer ones first.
///
/// # Errors
/// When it cannot be read.
pub fn read(tree: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(directory) = waiting.pop() {
        let at = tree.join(&directory);
        let refused = || format!("cannot read '{}'", at.display());
        for entry in fs::read_dir(&at).with_context(refused)? {
            let entry = entry.with_context(refused)?;
            let metadata = entry.metadata().with_context(refused)?;
            let path = directory.join(entry.file_name());
            if metadata.is_dir() {
                waiting.push(path.clone());
                entries.push(Entry::Directory(path, owner(&metadata)));
            } else if metadata.is_symlink() {
                let target = fs::read_link(entry.path()).with_context(refused)?;
                entries.push(Entry::Link(path, target));
            }
            if entries.len() > MOST_ENTRIES {
                bail!(
                    "'{}' has more than {MOST_ENTRIES} directories",
                    tree.display()
                );
            }
        }
    }
    Ok(entries)
}

/// Makes in `own`, a container's /var, what `skeleton` has and it has not. The container may write there, so no link of its
/// own is followed.
///
/// # Errors
/// When a directory cannot be made.
pub fn complete(own: &Path, skeleton: &[Entry]) -> Result<()> {
    let tree: OwnedFd = File::open(own)
        .with_context(|| format!("cannot open '{}'", own.display()))?
        .into();
    for entry in skeleton {
        let (Entry::Directory(path, _) | Entry::Link(path, _)) = entry;
        entry
            .make(&tree)
            .with_context(|| format!("cannot make '{}'", own.join(path).display()))?;
    }
    Ok(())
}

impl Entry {
    fn make(&self, tree: &OwnedFd) -> Result<(), Errno> {
        let (Entry::Directory(path, _) | Entry::Link(path, _)) = self;
        let (above, name) = match (path.parent(), path.file_name()) {
            (Some(above), Some(name)) => (above, name),
            _ => return Ok(()),
        };
        let Some(above) = directory(tree, above)? else {
            // The container has no use for what is above it.
            return Ok(());
        };
        let made = match self {
            Entry::Directory(_, owner) => make_directory(&above, name, *owner),
            Entry::Link(_, target) => symlinkat(target.as_path(), &above, name),
        };
        match made {
            Err(Errno::EEXIST) => Ok(()),
            other => other,
        }
    }
}

/// A directory of the container's, if it is one.
fn directory(tree: &OwnedFd, path: &Path) -> Result<Option<OwnedFd>, Errno> {
    let path = match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    };
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(tree.as_fd(), path, how) {
        Ok(directory) => Ok(Some(directory)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
        Err(cause) => Err(cause),
    }
}

fn make_directory(above: &OwnedFd, name: &OsStr, owner: Owner) -> Result<(), Errno> {
    mkdirat(above, name, Mode::S_IRWXU)?;
    let Some(made) = directory(above, Path::new(name))? else {
        return Ok(());
    };
    fchown(&made, Some(owner.uid.into()), Some(owner.gid.into()))?;
    fchmod(&made, Mode::from_bits_truncate(owner.mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_missing_is_made_and_the_rest_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (base, own) = (directory.path().join("base"), directory.path().join("own"));
        for path in ["lib/nginx/body", "lib/kept", "cache/gone", "led/away"] {
            fs::create_dir_all(base.join(path)).unwrap();
        }
        fs::set_permissions(base.join("lib/nginx"), fs::Permissions::from_mode(0o2750)).unwrap();
        symlink("/run", base.join("run")).unwrap();
        fs::create_dir_all(own.join("lib/kept")).unwrap();
        fs::set_permissions(own.join("lib/kept"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(own.join("lib/kept/data"), "kept").unwrap();
        fs::write(own.join("cache"), "a file where the base has a directory").unwrap();
        symlink(directory.path(), own.join("led")).unwrap();

        let skeleton = read(&base).unwrap();
        complete(&own, &skeleton).unwrap();
        complete(&own, &skeleton).unwrap();

        let mode = |path: &str| fs::metadata(own.join(path)).unwrap().mode() & 0o7777;
        assert_eq!(mode("lib/nginx"), 0o2750);
        assert!(own.join("lib/nginx/body").is_dir());
        assert_eq!(mode("lib/kept"), 0o700);
        assert_eq!(
            fs::read_to_string(own.join("lib/kept/data")).unwrap(),
            "kept"
        );
        assert!(own.join("cache").is_file());
        assert_eq!(fs::read_link(own.join("run")).unwrap(), Path::new("/run"));
        assert!(
            !directory.path().join("away").exists(),
            "a link of the container's was followed"
        );
    }
}
