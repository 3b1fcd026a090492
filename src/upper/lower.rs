//! A base and the mask that takes part of it away, in; what a container sees of both, path by path, out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

use super::node::{self, Kind, Node, Source};
use crate::root::mask::{Entry, Mask, Owner};

/// What an upper lies on.
#[derive(Debug)]
pub struct Lower {
    tree: OwnedFd,
    mask: Mask,
    /// The names that the mask has in each directory.
    names: BTreeMap<PathBuf, Vec<OsString>>,
}

impl Lower {
    /// The tree `tree`, as [`node::open_tree`] opened it, under `mask`.
    pub fn new(tree: OwnedFd, mask: Mask) -> Self {
        let mut names: BTreeMap<PathBuf, Vec<OsString>> = BTreeMap::new();
        for (path, _) in mask.iter() {
            if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
                names
                    .entry(parent.to_path_buf())
                    .or_default()
                    .push(name.to_owned());
            }
        }
        Self { tree, mask, names }
    }

    /// What is at `path`, relative to the tree; `None` if the container sees nothing there.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn node(&self, path: &Path) -> Result<Option<Node>, Errno> {
        match self.mask.get(path) {
            Some(Entry::Whiteout) => Ok(None),
            Some(Entry::Symlink(target)) => Ok(Some(link(target))),
            // Of directories that are merged, the overlay shows owner, mode and attributes of the upmost: the mask's.
            Some(Entry::Opaque(owner) | Entry::Directory(owner)) => Ok(Some(directory(*owner))),
            None if self.is_covered(path) => Ok(None),
            // A file of the host's in place of the base's: what the container has instead is a change either way.
            Some(Entry::File(..)) | None => Node::at(&self.tree, path.as_os_str()),
        }
    }

    /// Calls `each` for the names in the directory at `path` until it says to stop.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn for_each_name(
        &self,
        path: &Path,
        mut each: impl FnMut(OsString) -> bool,
    ) -> Result<(), Errno> {
        let masked = self.names.get(path).map_or(&[][..], Vec::as_slice);
        for name in masked {
            if self.mask.get(&path.join(name)) != Some(&Entry::Whiteout) && !each(name.clone()) {
                return Ok(());
            }
        }
        if self.mask.covers(path) {
            return Ok(());
        }
        match node::directory(&self.tree, path)? {
            Some(directory) => node::for_each_name(directory, |name| {
                masked.iter().any(|has| has == name) || each(name.to_owned())
            }),
            None => Ok(()),
        }
    }

    /// Whether the base's own content at `path` is out of sight because of something above it.
    fn is_covered(&self, path: &Path) -> bool {
        path.parent().is_some_and(|above| self.mask.covers(above))
    }
}

fn directory(owner: Owner) -> Node {
    Node {
        kind: Kind::Directory,
        mode: libc::S_IFDIR | owner.mode,
        uid: owner.uid,
        gid: owner.gid,
        size: 0,
        device: 0,
        allocated: 0,
        source: Source::Mask(None),
    }
}

fn link(target: &Path) -> Node {
    Node {
        kind: Kind::Symlink,
        mode: libc::S_IFLNK | 0o777,
        uid: 0,
        gid: 0,
        size: target.as_os_str().len() as u64,
        device: 0,
        allocated: 0,
        source: Source::Mask(Some(target.to_path_buf())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const OWNER: Owner = Owner {
        mode: 0o750,
        uid: 1,
        gid: 2,
    };

    #[test]
    fn a_mask_takes_away_and_puts_in() {
        let base = tempfile::tempdir().unwrap();
        for directory in ["etc/ssl", "var/lib/db", "root"] {
            fs::create_dir_all(base.path().join(directory)).unwrap();
        }
        for file in ["etc/shadow", "etc/passwd", "var/lib/db/data", "root/key"] {
            fs::write(base.path().join(file), "").unwrap();
        }
        let mut mask = Mask::default();
        for (path, entry) in [
            ("etc", Entry::Directory(OWNER)),
            ("etc/shadow", Entry::Whiteout),
            ("root", Entry::Opaque(OWNER)),
            ("var", Entry::Opaque(OWNER)),
            ("var/lib", Entry::Directory(OWNER)),
            ("var/run", Entry::Symlink("/run".into())),
        ] {
            mask.insert(path, entry);
        }
        let lower = Lower::new(node::open_tree(base.path()).unwrap(), mask);
        let seen = |path: &str| lower.node(Path::new(path)).unwrap().map(|node| node.kind);
        for (path, kind) in [
            ("etc", Some(Kind::Directory)),
            ("etc/passwd", Some(Kind::File)),
            ("etc/ssl", Some(Kind::Directory)),
            ("etc/shadow", None),
            ("root", Some(Kind::Directory)),
            ("root/key", None),
            ("var/lib", Some(Kind::Directory)),
            ("var/lib/db", None),
            ("var/lib/db/data", None),
            ("var/run", Some(Kind::Symlink)),
            ("none", None),
        ] {
            assert_eq!(seen(path), kind, "{path}");
        }
        let names = |path: &str| {
            let mut names = Vec::new();
            let each = |name| {
                names.push(name);
                true
            };
            lower.for_each_name(Path::new(path), each).unwrap();
            names.sort();
            names
        };
        assert_eq!(names(""), ["etc", "root", "var"]);
        assert_eq!(names("etc"), ["passwd", "ssl"]);
        assert_eq!(names("var"), ["lib", "run"]);
        assert_eq!(names("var/lib"), [""; 0]);
        assert_eq!(names("root"), [""; 0]);
        assert_eq!(lower.node(Path::new("var")).unwrap().unwrap().uid, 1);
    }
}
