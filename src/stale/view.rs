//! The mount table of a process in; what its root is made of, and on which base that is, out.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::mounts::{self, MountLine, OverlayMount};
use super::process::{Buffer, Identity, Process};
use super::trees::Tree;
use crate::container::Name;

/// A regular file of every Debian.
const COMMON_FILE: &str = "usr/lib/os-release";

/// What one process runs on.
#[derive(Debug)]
pub enum Root {
    /// Overlays, each with the tree that a file of its lower has to be compared with.
    Overlays(Vec<(OverlayMount, Tree)>),
    /// A base itself, and what is mounted in it.
    Base,
    /// Something that no container has.
    Unknown,
}

/// What one process sees.
#[derive(Debug)]
pub struct View {
    /// Its root.
    pub root: Root,
    /// The number of the base that this is made of, if it is.
    pub base: Option<String>,
    /// Its mount table.
    pub mounts: Vec<MountLine>,
}

/// The bases of this host, as they are told apart from inside.
#[derive(Debug)]
pub struct Bases {
    directory: PathBuf,
    /// Their numbers by device and inode of their trees.
    roots: HashMap<Identity, String>,
    /// The same by the inodes of their /usr.
    usrs: HashMap<u64, String>,
}

impl Bases {
    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Those in `directory`.
    ///
    /// # Errors
    /// When one of them cannot be looked at.
    pub fn look(directory: &Path) -> Result<Self> {
        let mut bases = Self {
            directory: directory.to_owned(),
            roots: HashMap::new(),
            usrs: HashMap::new(),
        };
        let failed = || format!("cannot read '{}'", directory.display());
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(bases),
            Err(cause) => return Err(cause).with_context(failed),
        };
        for entry in entries {
            let entry = entry.with_context(failed)?;
            let name = entry.file_name();
            let is_number = |name: &&str| name.bytes().all(|byte| byte.is_ascii_digit());
            let Some(number) = name.to_str().filter(is_number) else {
                continue;
            };
            match (
                fs::metadata(entry.path()),
                fs::metadata(entry.path().join("usr")),
            ) {
                (Ok(tree), Ok(usr)) => {
                    bases
                        .roots
                        .insert((tree.dev(), tree.ino()), number.to_owned());
                    bases.usrs.insert(usr.ino(), number.to_owned());
                }
                // It is being removed.
                (Err(cause), _) | (_, Err(cause)) if cause.kind() == io::ErrorKind::NotFound => {}
                (Err(cause), _) | (_, Err(cause)) => return Err(cause).with_context(failed),
            }
        }
        Ok(bases)
    }

    /// The base that the process whose root is `root` is on, if that can be told without its mount table.
    pub fn base_at_once(&self, process: &Process, root: Identity) -> Option<&String> {
        if let Some(number) = self.roots.get(&root) {
            return Some(number);
        }
        // Where the layers are on several filesystems, directories have numbers of their own, and files other devices.
        let (device, _) = process.below_root(COMMON_FILE)?;
        let (_, usr) = process.below_root("usr")?;
        self.usrs.get(&usr).filter(|_| device == root.0)
    }

    /// What the process of the container `name` sees, whose root is `root`.
    ///
    /// # Errors
    /// When its mount table cannot be read.
    pub fn view(
        &self,
        name: &Name,
        process: &Process,
        root: Identity,
        buffer: &mut Buffer,
    ) -> Result<View> {
        process.read("mountinfo", buffer)?;
        let mounts = mounts::mount_lines(buffer.text());
        if let Some(number) = self.roots.get(&root) {
            return Ok(View {
                root: Root::Base,
                base: Some(number.clone()),
                mounts,
            });
        }
        let overlays = mounts::overlays(&mounts, name);
        if overlays.is_empty() || buffer.is_full() {
            return Ok(View {
                root: Root::Unknown,
                base: None,
                mounts,
            });
        }
        let usr = process.below_root("usr").map(|(_, inode)| inode);
        let mut base = None;
        let with_trees = overlays.into_iter().map(|overlay| {
            let on = self.base_of(&overlay, usr);
            // One that systemd stacks lies on a base in any case.
            let tree = match on.is_some() || overlay.lowers.is_empty() {
                true => Tree::CurrentBase,
                false => Tree::Host,
            };
            base = on.or(base.take());
            (overlay, tree)
        });
        Ok(View {
            root: Root::Overlays(with_trees.collect()),
            base,
            mounts,
        })
    }

    fn base_of(&self, overlay: &OverlayMount, usr: Option<u64>) -> Option<String> {
        if overlay.lowers.is_empty() {
            // The mount of one that systemd stacks does not say on which base it lies.
            return self.usrs.get(&usr?).cloned();
        }
        let mut lowers = overlay.lowers.iter();
        let base = lowers.find_map(|lower| lower.strip_prefix(&self.directory).ok());
        base.map(|number| number.display().to_string())
    }
}
