//! Paths that containers map in; the inodes that the host, or the current pinned base, has there now, out.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, fstat};

use super::process::{Identity, identity};
use crate::place;

/// The most inode numbers that are remembered.
const MOST_REMEMBERED: usize = 200_000;

/// A tree that containers may run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tree {
    /// The live host.
    Host,
    /// The pinned base that containers start on.
    CurrentBase,
}

/// What a tree has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its inode number.
    pub inode: u64,
    /// Whether it is the very file that the host has, and no copy: then its number is proof, whatever tree was meant.
    pub is_the_hosts: bool,
}

/// Both trees; remembers what was looked up.
#[derive(Debug)]
pub struct Trees {
    host: OwnedFd,
    identity: Identity,
    /// `None` if there is no base.
    current: Option<OwnedFd>,
    in_host: HashMap<OsString, Option<Node>>,
    in_current: HashMap<OsString, Option<Node>>,
}

impl Trees {
    /// The host's `/`, and the current base in `bases`.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub fn open(bases: &Path) -> Result<Self> {
        let path = bases.join(place::CURRENT_BASE);
        let current = match File::open(&path) {
            Ok(tree) => Some(tree.into()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => {
                return Err(cause).with_context(|| format!("cannot open '{}'", path.display()));
            }
        };
        let host: OwnedFd = File::open("/").context("cannot open '/'")?.into();
        Ok(Self {
            identity: identity(&host).context("cannot look at '/'")?,
            host,
            current,
            in_host: HashMap::new(),
            in_current: HashMap::new(),
        })
    }

    /// Device and inode of the host's `/`.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// What is at the absolute `path` of `tree`; `None` if it has nothing there, or if it is a base that has something else than
    /// the host: then the next base is due.
    ///
    /// # Errors
    /// When it cannot be looked up.
    pub fn node(&mut self, tree: Tree, path: &Path) -> Result<Option<Node>> {
        let remembered = match tree {
            Tree::Host => &self.in_host,
            Tree::CurrentBase => &self.in_current,
        };
        if let Some(node) = remembered.get(path.as_os_str()) {
            return Ok(*node);
        }
        let node = self.look_up(tree, path)?;
        let remembered = match tree {
            Tree::Host => &mut self.in_host,
            Tree::CurrentBase => &mut self.in_current,
        };
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(path.as_os_str().to_owned(), node);
        Ok(node)
    }

    /// What a container is on that has just been started, most likely.
    pub fn usual(&self) -> Tree {
        match self.current {
            Some(_) => Tree::CurrentBase,
            None => Tree::Host,
        }
    }

    fn look_up(&self, tree: Tree, path: &Path) -> Result<Option<Node>> {
        let below = path.strip_prefix("/").unwrap_or(path);
        let Some(host) = file_below(&self.host, below)? else {
            return Ok(None);
        };
        let found = match (tree, &self.current) {
            (Tree::Host, _) => Some(host),
            (Tree::CurrentBase, None) => None,
            (Tree::CurrentBase, Some(current)) => {
                file_below(current, below)?.filter(|base| is_same(base, &host))
            }
        };
        Ok(found.map(|found| Node {
            inode: found.st_ino,
            is_the_hosts: (found.st_dev, found.st_ino) == (host.st_dev, host.st_ino),
        }))
    }
}

/// Whether a base has what the host has: the same file, or a copy of it, which keeps size and time.
fn is_same(base: &FileStat, host: &FileStat) -> bool {
    let written = |stat: &FileStat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    (base.st_dev, base.st_ino) == (host.st_dev, host.st_ino) || written(base) == written(host)
}

/// The inode at the relative `path` below `directory`; `None` if there is nothing, or a link on the way.
pub fn inode_below(directory: &OwnedFd, path: &Path) -> Result<Option<u64>> {
    Ok(file_below(directory, path)?.map(|file| file.st_ino))
}

fn file_below(directory: &OwnedFd, path: &Path) -> Result<Option<FileStat>> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS,
        );
    match openat2(directory.as_fd(), path, how) {
        Ok(file) => fstat(&file)
            .map(Some)
            .with_context(|| format!("cannot look at '{}'", path.display())),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG) => Ok(None),
        Err(cause) => Err(cause).with_context(|| format!("cannot look up '{}'", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_followed_when_looking_for_an_inode() {
        use std::os::unix::fs::MetadataExt;
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("real")).unwrap();
        std::fs::write(tree.path().join("real/file"), "").unwrap();
        std::os::unix::fs::symlink("real", tree.path().join("link")).unwrap();
        let inode = std::fs::metadata(tree.path().join("real/file"))
            .unwrap()
            .ino();
        let directory: OwnedFd = File::open(tree.path()).unwrap().into();
        assert_eq!(
            inode_below(&directory, Path::new("real/file")).unwrap(),
            Some(inode)
        );
        assert_eq!(
            inode_below(&directory, Path::new("link/file")).unwrap(),
            None
        );
        assert_eq!(
            inode_below(&directory, Path::new("real/none")).unwrap(),
            None
        );
        assert_eq!(
            inode_below(&directory, Path::new("real/file/below")).unwrap(),
            None
        );
    }
}
