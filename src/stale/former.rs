//! The inode of a file that a container moved or deleted in; the place where the base it runs on has that file out.
//!
//! In an overlay a file that was renamed keeps its inode for those who map it, under the new name: by its path alone old code
//! would pass for the container's own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::base::record::TABLE;
use crate::base::row::Kind;
use crate::base::table::Rows;

/// The most bases whose files are remembered; of one with 120,000 files that takes 20 MB.
const MOST_REMEMBERED: usize = 2;

/// The files of bases by inode, read when they are asked for.
#[derive(Debug, Default)]
pub struct Former(HashMap<String, HashMap<u64, PathBuf>>);

impl Former {
    /// Where the base `number` in `bases` has the file with this inode, absolute; `None` if it has no such file.
    ///
    /// # Errors
    /// When its table cannot be read.
    pub fn place(&mut self, bases: &Path, number: &str, inode: u64) -> Result<Option<&Path>> {
        if !self.0.contains_key(number) {
            if self.0.len() >= MOST_REMEMBERED {
                self.0.clear();
            }
            let files = files(&bases.join(format!("{number}.record")).join(TABLE))?;
            self.0.insert(number.to_owned(), files);
        }
        let files = self.0.get(number);
        Ok(files
            .and_then(|files| files.get(&inode))
            .map(PathBuf::as_path))
    }
}

fn files(table: &Path) -> Result<HashMap<u64, PathBuf>> {
    let mut files = HashMap::new();
    for placed in Rows::open(table)? {
        let placed = placed?;
        if matches!(placed.row.kind, Kind::Linked | Kind::Copied(_)) {
            files.insert(placed.row.ino, Path::new("/").join(placed.path()));
        }
    }
    Ok(files)
}
