//! The base before and its file table in; copies that the next one can share out.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, fstat};
use nix::unistd::linkat;

use super::row::{Kind, Row, Source};
use super::table::Rows;
use super::{attributes, copy};

/// The copies in a base.
pub struct Previous {
    tree: OwnedFd,
    table: PathBuf,
    /// Read by whoever needs them first: the walkers have other work before they come to what is copied.
    rows: OnceLock<Result<HashMap<PathBuf, Row>>>,
}

impl Previous {
    /// Those of the base at `tree` with this file table.
    ///
    /// # Errors
    /// When the tree cannot be opened.
    pub fn open(tree: &Path, table: PathBuf) -> Result<Self> {
        let tree = File::open(tree).with_context(|| format!("cannot open '{}'", tree.display()))?;
        Ok(Self {
            tree: tree.into(),
            table,
            rows: OnceLock::new(),
        })
    }

    /// What the file table has of them.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn rows(&self) -> Result<&HashMap<PathBuf, Row>> {
        self.rows
            .get_or_init(|| copied_rows(&self.table))
            .as_ref()
            .map_err(|cause| anyhow!("{cause:#}"))
    }

    /// Puts the copy that this base has of `source` at `path` into `directory` as `name`; its row, or `None` if it has none
    /// that is still what it was, of what `source` is now.
    ///
    /// # Errors
    /// When a file cannot be read, or the link cannot be made for other reasons than that there are too many.
    pub fn link(
        &self,
        path: &Path,
        source: &File,
        stat: &FileStat,
        directory: &OwnedFd,
    ) -> Result<Option<Row>> {
        let Some(row) = self.rows()?.get(path).filter(|row| is_like(row, stat)) else {
            return Ok(None);
        };
        let Some(copy) = self.open_copy(path, row)? else {
            return Ok(None);
        };
        let from = Source::of(stat);
        // The time of the inode's last change also moves with its links; then the contents decide.
        if row.kind != Kind::Copied(from) && !is_same(source, &copy)? {
            return Ok(None);
        }
        match linkat(
            &self.tree,
            path,
            directory,
            row.name.as_os_str(),
            AtFlags::empty(),
        ) {
            Ok(()) => Ok(Some(Row {
                kind: Kind::Copied(from),
                ..row.clone()
            })),
            Err(Errno::EMLINK | Errno::EXDEV | Errno::ENOENT | Errno::EPERM) => Ok(None),
            Err(cause) => Err(cause).context("cannot link the copy of the base before"),
        }
    }

    /// The copy at `path`, if it is still the one that the table has.
    fn open_copy(&self, path: &Path, row: &Row) -> Result<Option<File>> {
        let copy = match open_below(&self.tree, path) {
            Ok(copy) => copy,
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(None),
            Err(cause) => return Err(cause).context("cannot open the copy of the base before"),
        };
        let stat = fstat(&copy)?;
        Ok((is_like(row, &stat) && row.ino == stat.st_ino).then_some(copy))
    }
}

/// Opens a file of a tree for reading, without following any link.
///
/// # Errors
/// That of openat2(2).
pub fn open_below(tree: &OwnedFd, path: &Path) -> Result<File, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(tree, path, how).map(File::from)
}

/// The rows of what was copied into a base with this file table, by their paths relative to it.
///
/// # Errors
/// When the table cannot be read.
pub fn copied_rows(table: &Path) -> Result<HashMap<PathBuf, Row>> {
    let mut rows = HashMap::new();
    for placed in Rows::open(table)? {
        let placed = placed?;
        if let Kind::Copied(_) = placed.row.kind {
            rows.insert(placed.path(), placed.row);
        }
    }
    Ok(rows)
}

/// Whether a copy of the file would have just the attributes of this row.
fn is_like(row: &Row, stat: &FileStat) -> bool {
    let of = Row::of(row.name.clone(), row.kind.clone(), stat);
    (row.mode, row.uid, row.gid, row.size, row.mtime)
        == (copy::mode(stat), of.uid, of.gid, of.size, of.mtime)
}

fn is_same(source: &File, copy: &File) -> Result<bool> {
    Ok(attributes::kept(source)? == attributes::kept(copy)?
        && copy::have_same_content(source, copy)?)
}
