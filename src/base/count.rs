//! What was done for a base, bit by bit, in; the numbers that its record and its maker tell out.

use std::path::PathBuf;

use anyhow::{Result, bail};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::written;

/// The most entries of directories that are looked at; they are kept in memory, about 100 bytes each.
const MOST_ENTRIES: u64 = 2_000_000;
/// The most paths that are told one by one.
const MOST_TOLD: usize = 100;

/// What a base is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Files that are the host's own: hard links to the same inodes.
    pub linked: u64,
    /// Files copied for this base.
    pub copied: u64,
    /// Files that share their blocks with the host's (FICLONE), with inodes of their own.
    pub reflinked: u64,
    /// Copies that the base before had already: hard links to those.
    pub kept: u64,
    /// Bytes of the copied files.
    pub bytes_copied: u64,
    /// What others could not read on the host, and the base does not have.
    pub unreadable: u64,
    /// Devices, sockets and pipes, which it does not have either.
    pub special: u64,
    /// Directories on network and pseudo filesystems, which are empty in it.
    pub not_entered: u64,
    /// Files that should have been hard links and could not be, by where and why.
    pub not_linked: Vec<NotLinked>,
    /// Files that changed again and again while they were copied; the base has what was there last. At most 100 of them.
    #[serde(with = "written")]
    pub written_meanwhile: Vec<PathBuf>,
}

/// Files that could not be hard links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NotLinked {
    /// Where they are: `/usr`, `/opt`.
    pub tree: String,
    /// Why.
    pub hindrance: Hindrance,
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why a file cannot be a hard link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hindrance {
    /// It is on another filesystem than the bases.
    OtherFilesystem,
    /// It is on the same one, but behind another mount.
    OtherMount,
    /// It has as many links as its filesystem allows.
    TooManyLinks,
    /// The filesystem has no hard links, or the file is immutable.
    Refused,
}

impl Hindrance {
    /// What the kernel's refusal means, if it means one of these (link(2)).
    pub fn of(cause: Errno) -> Option<Self> {
        match cause {
            Errno::EXDEV => Some(Hindrance::OtherMount),
            Errno::EMLINK => Some(Hindrance::TooManyLinks),
            Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS => Some(Hindrance::Refused),
            _ => None,
        }
    }

    /// In words, behind the tree it is about.
    pub fn words(self) -> &'static str {
        match self {
            Hindrance::OtherFilesystem => "is on another filesystem than the bases",
            Hindrance::OtherMount => {
                "is mounted apart from the bases, though on the same filesystem"
            }
            Hindrance::TooManyLinks => "has files with as many hard links as its filesystem allows",
            Hindrance::Refused => {
                "has files that refuse hard links (immutable, see lsattr(1), or a filesystem without)"
            }
        }
    }
}

impl Counts {
    /// Adds what another walker did.
    pub fn add(&mut self, other: Counts) {
        self.directories += other.directories;
        self.symlinks += other.symlinks;
        self.linked += other.linked;
        self.copied += other.copied;
        self.reflinked += other.reflinked;
        self.kept += other.kept;
        self.bytes_copied += other.bytes_copied;
        self.unreadable += other.unreadable;
        self.special += other.special;
        self.not_entered += other.not_entered;
        for more in other.not_linked {
            self.add_not_linked(more);
        }
        self.written_meanwhile.extend(other.written_meanwhile);
        self.written_meanwhile.truncate(MOST_TOLD);
    }

    /// Notes files that could not be hard links.
    pub fn add_not_linked(&mut self, more: NotLinked) {
        let known = self
            .not_linked
            .iter_mut()
            .find(|known| (&known.tree, known.hindrance) == (&more.tree, more.hindrance));
        match known {
            Some(known) => {
                known.files += more.files;
                known.bytes += more.bytes;
            }
            None => self.not_linked.push(more),
        }
    }

    /// Notes a file that did not hold still.
    pub fn note_written(&mut self, path: PathBuf) {
        if self.written_meanwhile.len() < MOST_TOLD {
            self.written_meanwhile.push(path);
        }
    }
}

/// # Errors
/// When this many entries are more than one base may have.
pub fn within_bounds(entries: u64) -> Result<()> {
    if entries > MOST_ENTRIES {
        bail!(
            "the host has more than {MOST_ENTRIES} files in /usr, /opt, /etc and the first levels of /var, too many for a base"
        );
    }
    Ok(())
}
