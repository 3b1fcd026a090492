//! The mask: which paths of a base are taken away from a container, in; a lower layer on disk that does it, out.
//!
//! The layer is content-addressed (`/run/lodger/masks/HASH`) and never changes once it has its name: containers with the
//! same mask share one, and a mounted lower is never written to, which overlayfs would not allow
//! (Documentation/filesystems/overlayfs.rst, "Changes to underlying filesystems").

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown, symlink};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use sha2::{Digest, Sha256};

use super::xattr;

/// Owner and permission bits of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Permission bits, `0o7777` at most.
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// What the mask has at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The path does not exist for the container.
    Whiteout,
    /// A directory that the mask only passes through: what the mask does not name in it is seen. In an opaque directory,
    /// an empty one.
    Directory(Owner),
    /// A directory that is empty but for what the mask itself has in it.
    Opaque(Owner),
    /// A symbolic link.
    Symlink(PathBuf),
    /// A regular file with this content.
    File(Owner, Vec<u8>),
}

/// A mask layer as data: paths relative to the tree it masks, in an order that puts a directory before its contents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    entries: BTreeMap<PathBuf, Entry>,
}

impl Mask {
    /// Puts `entry` at `path`, which is relative to the masked tree.
    pub fn insert(&mut self, path: impl Into<PathBuf>, entry: Entry) {
        let path = path.into();
        debug_assert!(
            path.is_relative() && path.components().all(|c| matches!(c, Component::Normal(_)))
        );
        self.entries.insert(path, entry);
    }

    /// Takes away everything at and below `path`.
    pub fn remove_tree(&mut self, path: &Path) {
        self.entries.retain(|at, _| !at.starts_with(path));
    }

    /// The entry at `path`.
    pub fn get(&self, path: &Path) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Whether the base's own content at `path` is out of sight: the path or one above it is whited out or opaque.
    pub fn covers(&self, path: &Path) -> bool {
        path.ancestors().any(|above| match self.entries.get(above) {
            Some(Entry::Whiteout | Entry::Symlink(_) | Entry::File(..) | Entry::Opaque(_)) => true,
            Some(Entry::Directory(_)) | None => false,
        })
    }

    /// Whether it takes nothing away.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Entry)> {
        self.entries
            .iter()
            .map(|(path, entry)| (path.as_path(), entry))
    }

    /// The part of the mask at and below `tree`, with paths relative to it: the mask of a filesystem mounted there.
    pub fn below(&self, tree: &Path) -> Mask {
        let entries = self.entries.iter().filter_map(|(path, entry)| {
            let rest = path.strip_prefix(tree).ok()?;
            (!rest.as_os_str().is_empty()).then(|| (rest.to_path_buf(), entry.clone()))
        });
        Mask {
            entries: entries.collect(),
        }
    }

    /// The name of the layer: a hash over everything that is in it.
    pub fn hash(&self) -> String {
        let mut sha = Sha256::new();
        for (path, entry) in &self.entries {
            // Neither a path nor a link target can hold NUL, so this reads back in one way only.
            sha.update(path.as_os_str().as_encoded_bytes());
            match entry {
                Entry::Whiteout => sha.update(b"\0w"),
                Entry::Directory(owner) => {
                    sha.update(format!("\0m{:o} {} {}", owner.mode, owner.uid, owner.gid))
                }
                Entry::Opaque(owner) => {
                    sha.update(format!("\0o{:o} {} {}", owner.mode, owner.uid, owner.gid))
                }
                Entry::Symlink(target) => {
                    sha.update(b"\0l");
                    sha.update(target.as_os_str().as_encoded_bytes());
                }
                Entry::File(owner, content) => {
                    let Owner { mode, uid, gid } = owner;
                    sha.update(format!("\0f{mode:o} {uid} {gid} {}\0", content.len()));
                    sha.update(content);
                }
            }
            sha.update(b"\0");
        }
        sha.finalize()
            .iter()
            .take(16)
            .fold(String::new(), |mut hex, byte| {
                // Writing to a String cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }

    /// The layer's directory below `masks`, made if it is not there yet. The parent of every entry has to be in the mask.
    ///
    /// # Errors
    /// When the layer cannot be made; a half-made one never gets the name.
    pub fn layer(&self, masks: &Path) -> Result<PathBuf> {
        let layer = masks.join(self.hash());
        if layer.is_dir() {
            return Ok(layer);
        }
        let making = tempfile::Builder::new()
            .prefix(".making-")
            .tempdir_in(masks)
            .with_context(|| format!("cannot make a mask layer in '{}'", masks.display()))?;
        fs::set_permissions(making.path(), fs::Permissions::from_mode(0o755))?;
        for (path, entry) in &self.entries {
            let at = making.path().join(path);
            entry
                .create(&at)
                .with_context(|| format!("cannot make '{}' of a mask layer", at.display()))?;
        }
        match fs::rename(making.path(), &layer) {
            Ok(()) => {
                // It has its name now; nothing is left to clean up.
                let _ = making.keep();
                Ok(layer)
            }
            // Another start made the same layer meanwhile.
            Err(_) if layer.is_dir() => Ok(layer),
            Err(cause) => Err(cause)
                .with_context(|| format!("cannot name the mask layer '{}'", layer.display())),
        }
    }
}

impl Entry {
    fn create(&self, at: &Path) -> Result<()> {
        match self {
            // A character device 0/0 is a whiteout (overlayfs.rst, "whiteouts and opaque directories").
            Entry::Whiteout => mknod(at, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0))?,
            Entry::Directory(owner) => owner.make_directory(at)?,
            Entry::Opaque(owner) => {
                owner.make_directory(at)?;
                xattr::set_opaque(at)?;
            }
            Entry::Symlink(target) => symlink(target, at)?,
            Entry::File(owner, content) => {
                fs::write(at, content)?;
                owner.apply(at)?;
            }
        }
        Ok(())
    }
}

impl Owner {
    fn make_directory(self, at: &Path) -> Result<()> {
        fs::DirBuilder::new().mode(0o700).create(at)?;
        self.apply(at)
    }

    fn apply(self, at: &Path) -> Result<()> {
        lchown(at, Some(self.uid), Some(self.gid))?;
        fs::set_permissions(at, fs::Permissions::from_mode(self.mode))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Owner = Owner {
        mode: 0o755,
        uid: 0,
        gid: 0,
    };

    fn mask(entries: &[(&str, Entry)]) -> Mask {
        let mut mask = Mask::default();
        for (path, entry) in entries {
            mask.insert(*path, entry.clone());
        }
        mask
    }

    #[test]
    fn what_is_below_an_opaque_or_whited_out_path_is_covered() {
        let mask = mask(&[
            ("etc", Entry::Directory(ROOT)),
            ("etc/shadow", Entry::Whiteout),
            ("root", Entry::Opaque(ROOT)),
        ]);
        assert!(mask.covers(Path::new("root")));
        assert!(mask.covers(Path::new("root/.ssh/id")));
        assert!(mask.covers(Path::new("etc/shadow")));
        assert!(!mask.covers(Path::new("etc")));
        assert!(!mask.covers(Path::new("etc/shadow-")));
        assert!(!mask.covers(Path::new("rootfs")));
    }

    #[test]
    fn the_mask_below_a_submount_is_relative_to_it() {
        let whole = mask(&[
            ("opt", Entry::Directory(ROOT)),
            ("opt/app", Entry::Directory(ROOT)),
            ("opt/app/key", Entry::Whiteout),
            ("optional", Entry::Whiteout),
        ]);
        let below = whole.below(Path::new("opt/app"));
        assert_eq!(below, mask(&[("key", Entry::Whiteout)]));
    }

    #[test]
    fn the_hash_changes_with_anything_in_the_mask() {
        let one = mask(&[("a", Entry::Opaque(ROOT))]);
        let others = [
            mask(&[("b", Entry::Opaque(ROOT))]),
            mask(&[("a", Entry::Directory(ROOT))]),
            mask(&[("a", Entry::Opaque(Owner { uid: 1, ..ROOT }))]),
            mask(&[("a", Entry::Symlink("b".into()))]),
            mask(&[("a", Entry::Symlink("c".into()))]),
            mask(&[("a", Entry::File(ROOT, b"b".to_vec()))]),
            mask(&[("a", Entry::File(ROOT, b"c".to_vec()))]),
            mask(&[]),
        ];
        for other in &others {
            assert_ne!(one.hash(), other.hash(), "{other:?}");
        }
        assert_eq!(one.hash(), one.clone().hash());
    }
}
