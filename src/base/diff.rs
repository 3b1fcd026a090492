//! Two bases in; the packages and the paths in which they differ out.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::copy::have_same_content;
use super::record::TABLE;
use super::row::{Kind, Row};
use super::table::{Placed, Rows, compare};
use super::{Bases, Number};
use crate::dpkg::Change;
use crate::exact_path;

/// What became of a path from one base to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Letter {
    /// Only the second has it.
    #[serde(rename = "A")]
    Added,
    /// Both have it, with another content, owner or mode, or as another kind of thing.
    #[serde(rename = "C")]
    Changed,
    /// Only the first has it.
    #[serde(rename = "D")]
    Deleted,
}

impl Letter {
    /// As in `svn status` and `git status`.
    pub fn letter(self) -> char {
        match self {
            Letter::Added => 'A',
            Letter::Changed => 'C',
            Letter::Deleted => 'D',
        }
    }
}

/// A path in which two bases differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathChange {
    /// What became of it.
    #[serde(rename = "change")]
    pub letter: Letter,
    /// As a container sees it.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
}

/// How two bases differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Packages with another version, or installed anew.
    pub packages: Vec<Change>,
    /// Paths, by their bytes.
    pub paths: Vec<PathChange>,
}

/// How `to` differs from `from`. Files that are the same inode are not read; where the inodes differ and nothing else does,
/// the contents decide.
///
/// # Errors
/// When one of the bases, or a file in it, cannot be read.
pub fn diff(bases: &Bases, from: Number, to: Number) -> Result<Difference> {
    let (old, new) = (bases.record(from)?, bases.record(to)?);
    let rows = |number| Rows::open(&bases.record_directory(number).join(TABLE));
    let (old_tree, new_tree) = (bases.tree(from), bases.tree(to));
    let mut paths = Vec::new();
    let held = |placed: &Result<Placed>| placed.as_ref().map_or(true, Placed::is_held);
    compare(
        rows(from)?.filter(held),
        rows(to)?.filter(held),
        |one, two| {
            let Some(placed) = two.or(one) else {
                return Ok(());
            };
            let letter = match (one, two) {
                (None, _) => Letter::Added,
                (_, None) => Letter::Deleted,
                (Some(one), Some(two)) if differ(one, two, &old_tree, &new_tree)? => {
                    Letter::Changed
                }
                _ => return Ok(()),
            };
            let path = Path::new("/").join(placed.path());
            paths.push(PathChange { letter, path });
            Ok(())
        },
    )?;
    Ok(Difference {
        packages: old.packages.changes(&new.packages),
        paths: in_order(paths),
    })
}

/// By path, each once. What was a file and is a directory has a row of each kind, in different places of the tables.
fn in_order(mut paths: Vec<PathChange>) -> Vec<PathChange> {
    paths.sort_by(|one, two| {
        let bytes = |change: &PathChange| change.path.as_os_str().as_bytes().to_vec();
        bytes(one)
            .cmp(&bytes(two))
            .then(two.letter.cmp(&one.letter))
    });
    paths.dedup_by(|two, one| {
        let same = one.path == two.path;
        if same {
            one.letter = Letter::Changed;
        }
        same
    });
    paths
}

fn differ(one: &Placed, two: &Placed, old: &Path, new: &Path) -> Result<bool> {
    if one.row.holds_same(&two.row) {
        return Ok(false);
    }
    let is_file = |row: &Row| matches!(row.kind, Kind::Linked | Kind::Copied(_));
    let attributes = |row: &Row| (row.mode, row.uid, row.gid, row.size);
    // The same inode with another time has been written in place.
    if !is_file(&one.row)
        || !is_file(&two.row)
        || attributes(&one.row) != attributes(&two.row)
        || one.row.ino == two.row.ino
    {
        return Ok(true);
    }
    let open = |tree: &Path| {
        let path = tree.join(one.path());
        File::open(&path).with_context(|| format!("cannot read '{}'", path.display()))
    };
    Ok(!have_same_content(&open(old)?, &open(new)?)?)
}

/// A path as text that holds it without loss: a backslash is doubled, and control characters and what is not UTF-8 are `\xNN`.
pub fn text_of(path: &Path) -> String {
    let mut text = String::new();
    for chunk in OsStr::as_bytes(path.as_os_str()).utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                character if character.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in character.encode_utf8(&mut bytes).bytes() {
                        text.push_str(&format!("\\x{byte:02x}"));
                    }
                }
                character => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_told_without_loss() {
        for (name, text) in [
            (&b"/usr/bin/[\xc3\xa9"[..], "/usr/bin/[\u{e9}"),
            (b"/a\nb\x7f", "/a\\x0ab\\x7f"),
            (b"/a\\x0a", "/a\\\\x0a"),
            (b"/\xff\xc3", "/\\xff\\xc3"),
            (b"/\xc2\x9b", "/\\xc2\\x9b"),
        ] {
            assert_eq!(text_of(Path::new(OsStr::from_bytes(name))), text);
        }
    }
}
