//! What a container wrote: its uppers and the lowers they lie on in, the paths it added, changed and deleted out.
//!
//! ```text
//! state directory -> uppers -> each walked beside its lower -> changes, sorted by path
//!                    layers    walk   (node, mark, lower)      same
//! ```
//!
//! The upper is what an overlay keeps of a container's writes, in overlayfs's own form
//! (Documentation/filesystems/overlayfs.rst), and the container decides what is in it. So no link in it is followed, no file
//! of it is opened but a regular one, and how much of it is looked at is bounded.

use std::path::PathBuf;

use serde::Serialize;

use crate::exact_path;

pub mod in_use;
pub mod layers;
pub mod lower;
pub mod mark;
pub mod node;
mod same;
pub mod shown;
mod walk;

pub use layers::{Subject, diff};
pub use node::Kind;
pub use walk::{Upper, walk};

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Change {
    /// The lower does not have it.
    #[serde(rename = "A")]
    Added,
    /// The lower has something else, or the same that does not follow the lower any more.
    #[serde(rename = "C")]
    Changed,
    /// The lower has it, and the container does not see it.
    #[serde(rename = "D")]
    Deleted,
}

impl Change {
    /// The letter for it.
    pub fn letter(self) -> char {
        match self {
            Change::Added => 'A',
            Change::Changed => 'C',
            Change::Deleted => 'D',
        }
    }
}

/// One path that is not as it is in the lower.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What became of it.
    pub change: Change,
    /// Absolute, as the container sees it.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
    /// What the container has there; `None` if deleted.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// What the lower has there; `None` if added.
    #[serde(rename = "base_type")]
    pub lower: Option<Kind>,
    /// Whether type, owner, mode, attributes and content are those of the lower all the same. `None` for directories, for
    /// what is in one layer only, and where the comparison would have taken too long.
    pub same: Option<bool>,
    /// A feature of overlayfs that somebody used on it, and that lodger's mounts refuse to follow: `redirect`, `metacopy`.
    pub refused: Option<&'static str>,
}

/// The paths of all uppers of one container.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// By path.
    pub entries: Vec<Entry>,
    /// Why something may be missing above, in words; empty if nothing is.
    pub missing: Vec<String>,
    /// Places, relative to the root, that have an upper although nothing is mounted there now: what the container wrote
    /// there it does not see.
    pub unused: Vec<PathBuf>,
}

/// How much may still be looked at, over all that a command looks at.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Names in uppers, and in those directories of lowers that are hidden.
    pub names: usize,
    /// Bytes of all paths that are told.
    pub path_bytes: usize,
    /// Bytes of files that are read to tell whether they are the same.
    pub content_bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            names: 500_000,
            path_bytes: 64 << 20,
            content_bytes: 1 << 30,
        }
    }
}

/// Which part of an upper is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    All,
    /// Only what stands in the way of something in the lower; additions are left out.
    Shadowing,
}
