//! What a base is made of, as its record has it, in; the same for scripts out. The record on disk has names of its own.

use lodger::base::count::{Counts, Hindrance, NotLinked};
use lodger::exact_path::ExactPath;
use serde::Serialize;

/// As [`Counts`].
#[derive(Debug, Serialize)]
pub struct ToldCounts {
    directories: u64,
    symlinks: u64,
    linked: u64,
    copied: u64,
    reflinked: u64,
    kept: u64,
    bytes_copied: u64,
    unreadable: u64,
    special: u64,
    not_entered: u64,
    not_linked: Vec<ToldNotLinked>,
    written_meanwhile: Vec<ExactPath>,
}

/// As [`NotLinked`].
#[derive(Debug, Serialize)]
struct ToldNotLinked {
    tree: String,
    hindrance: Hindrance,
    files: u64,
    bytes: u64,
}

impl ToldCounts {
    /// What `counts` has.
    pub fn of(counts: &Counts) -> Self {
        let written = counts.written_meanwhile.iter().cloned();
        Self {
            directories: counts.directories,
            symlinks: counts.symlinks,
            linked: counts.linked,
            copied: counts.copied,
            reflinked: counts.reflinked,
            kept: counts.kept,
            bytes_copied: counts.bytes_copied,
            unreadable: counts.unreadable,
            special: counts.special,
            not_entered: counts.not_entered,
            not_linked: counts.not_linked.iter().map(ToldNotLinked::of).collect(),
            written_meanwhile: written.map(ExactPath).collect(),
        }
    }
}

impl ToldNotLinked {
    fn of(files: &NotLinked) -> Self {
        Self {
            tree: files.tree.clone(),
            hindrance: files.hindrance,
            files: files.files,
            bytes: files.bytes,
        }
    }
}

/// All there can be.
#[cfg(test)]
pub fn sample() -> Counts {
    Counts {
        not_linked: vec![NotLinked {
            tree: "/usr".into(),
            hindrance: Hindrance::OtherMount,
            files: 1,
            bytes: 2,
        }],
        written_meanwhile: crate::cli::json_page_tests::odd_paths().to_vec(),
        ..Counts::default()
    }
}
