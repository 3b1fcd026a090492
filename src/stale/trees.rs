//! Paths that containers map in; the inodes that the host, or the current pinned base, has there now, out.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, fstat};

use super::process::{Identity, identity};
use crate::base::record::TABLE;
use crate::base::row::{Kind, Row, Source};
use crate::base::{RECORD, copied_rows, have_same_content, open_below};
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
    current: Option<CurrentBase>,
    in_host: HashMap<OsString, Option<Node>>,
    in_current: HashMap<OsString, Option<Node>>,
}

impl Trees {
    /// The host's `/`, and the current base in `bases`.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub fn open(bases: &Path) -> Result<Self> {
        let current = CurrentBase::open(bases)?;
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

    fn look_up(&mut self, tree: Tree, path: &Path) -> Result<Option<Node>> {
        let below = path.strip_prefix("/").unwrap_or(path);
        let Some(host) = file_below(&self.host, below)? else {
            return Ok(None);
        };
        let found = match (tree, &mut self.current) {
            (Tree::Host, _) => Some(host),
            (Tree::CurrentBase, None) => None,
            (Tree::CurrentBase, Some(current)) => match file_below(&current.tree, below)? {
                Some(base) if current.has_the_hosts(below, &base, &host, &self.host)? => Some(base),
                _ => None,
            },
        };
        Ok(found.map(|found| Node {
            inode: found.st_ino,
            is_the_hosts: is_one(&found, &host),
        }))
    }
}

/// The base that containers start on.
#[derive(Debug)]
struct CurrentBase {
    tree: OwnedFd,
    table: PathBuf,
    /// What was copied into it, by the path relative to it; read when it is asked for.
    copies: Option<HashMap<PathBuf, Row>>,
}

impl CurrentBase {
    /// The one in `bases`; `None` if there is none.
    fn open(bases: &Path) -> Result<Option<Self>> {
        let link = bases.join(place::CURRENT_BASE);
        let failed = || format!("cannot open '{}'", link.display());
        let number = match fs::read_link(&link) {
            Ok(number) => number,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause).with_context(failed),
        };
        let tree = match File::open(bases.join(&number)) {
            Ok(tree) => tree.into(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause).with_context(failed),
        };
        let mut record = number.into_os_string();
        record.push(RECORD);
        Ok(Some(Self {
            tree,
            table: bases.join(record).join(TABLE),
            copies: None,
        }))
    }

    /// Whether its file `base` is the host's file `host` at the same `path`, or holds the same. `tree` is the host.
    fn has_the_hosts(
        &mut self,
        path: &Path,
        base: &FileStat,
        host: &FileStat,
        tree: &OwnedFd,
    ) -> Result<bool> {
        if is_one(base, host) {
            return Ok(true);
        }
        let written = |stat: &FileStat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
        if written(base) != written(host) {
            return Ok(false);
        }
        let row = self.copies()?.get(path);
        let kind = Kind::Copied(Source::of(host));
        if row.is_some_and(|row| row.kind == kind && row.ino == base.st_ino) {
            return Ok(true);
        }
        // Two versions of a file can have size and time in common: packages are built with times that are set.
        let open = |tree: &OwnedFd| {
            open_below(tree, path).with_context(|| format!("cannot read '/{}'", path.display()))
        };
        have_same_content(&open(&self.tree)?, &open(tree)?)
    }

    fn copies(&mut self) -> Result<&HashMap<PathBuf, Row>> {
        if self.copies.is_none() {
            self.copies = Some(copied_rows(&self.table)?);
        }
        Ok(self.copies.get_or_insert_default())
    }
}

/// Whether both are the same inode.
fn is_one(one: &FileStat, two: &FileStat) -> bool {
    (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino)
}

/// The inode at the relative `path` below `directory`; `None` if there is nothing, or a link on the way.
pub fn inode_below(directory: &OwnedFd, path: &Path) -> Result<Option<u64>> {
    Ok(file_below(directory, path)?.map(|file| file.st_ino))
}

/// The directory at the relative `path` below `directory`; `None` if there is none, or a link on the way.
pub fn directory_below(directory: &OwnedFd, path: &Path) -> Result<Option<OwnedFd>> {
    look_up(directory, path, OFlag::O_DIRECTORY)
}

pub fn file_below(directory: &OwnedFd, path: &Path) -> Result<Option<FileStat>> {
    let file = look_up(directory, path, OFlag::empty())?;
    let status = file.map(fstat).transpose();
    status.with_context(|| format!("cannot look at '{}'", path.display()))
}

fn look_up(directory: &OwnedFd, path: &Path, flags: OFlag) -> Result<Option<OwnedFd>> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS,
        );
    match openat2(directory.as_fd(), path, how) {
        Ok(found) => Ok(Some(found)),
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

    #[test]
    fn size_and_time_in_common_are_no_copy() {
        let (base, host) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        let write = |tree: &Path, name: &str, text: &str| {
            let mut file = File::create(tree.join(name)).unwrap();
            std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            file.set_modified(time).unwrap();
        };
        for (name, in_base, in_host) in [
            ("other", "version 1", "version 2"),
            ("same", "version 1", "version 1"),
            ("longer", "version 1", "version 10"),
        ] {
            write(base.path(), name, in_base);
            write(host.path(), name, in_host);
        }
        std::fs::hard_link(host.path().join("other"), host.path().join("linked")).unwrap();
        std::fs::hard_link(host.path().join("other"), base.path().join("linked")).unwrap();
        let host: OwnedFd = File::open(host.path()).unwrap().into();
        let mut current = CurrentBase {
            tree: File::open(base.path()).unwrap().into(),
            table: PathBuf::new(),
            copies: Some(HashMap::new()),
        };
        for (name, expected) in [
            ("other", false),
            ("same", true),
            ("longer", false),
            ("linked", true),
        ] {
            let path = Path::new(name);
            let there = file_below(&host, path).unwrap().unwrap();
            let here = file_below(&current.tree, path).unwrap().unwrap();
            let found = current.has_the_hosts(path, &here, &there, &host).unwrap();
            assert_eq!(found, expected, "{name}");
            // What the record says was copied is not read again.
            let kind = Kind::Copied(Source::of(&there));
            let row = Row::of(name.into(), kind, &here);
            let copies = current.copies.as_mut().unwrap();
            copies.insert(path.to_path_buf(), row);
            if name != "longer" {
                assert!(current.has_the_hosts(path, &here, &there, &host).unwrap());
            }
        }
    }
}
