//! One upper and the lower below it in; every path that differs out, in no order.
//!
//! Directories wait in a list, by their paths, and each is opened anew from the top: neither depth nor width of what a
//! container makes takes descriptors or stack.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::lower::Lower;
use super::mark::{Marked, Marks};
use super::node::{self, Kind, Node};
use super::shown::text;
use super::{Budget, Change, Diff, Entry, Extent, same};

/// An upper to be walked.
#[derive(Debug)]
pub struct Upper<'a> {
    /// As [`node::open_tree`] opened it.
    pub tree: OwnedFd,
    /// What it lies on.
    pub lower: &'a Lower,
    /// Which marks its mount reads.
    pub marks: Marks,
    /// Where in the container its root is.
    pub at: &'a Path,
    /// Places in the container where something else is mounted over it.
    pub covered: &'a [PathBuf],
}

/// Adds to `diff` what `upper` changes. What cannot be looked at is told there too.
pub fn walk(upper: &Upper<'_>, extent: Extent, budget: &mut Budget, diff: &mut Diff) {
    let mut walk = Walk {
        upper,
        extent,
        budget,
        diff,
        waiting: Vec::new(),
        is_over: false,
    };
    if let Err(cause) = walk.root() {
        walk.miss(Path::new(""), &cause);
    }
    while let Some((path, below)) = walk.waiting.pop().filter(|_| !walk.is_over) {
        if let Err(cause) = walk.directory(&path, below) {
            walk.miss(&path, &cause);
        }
    }
}

/// What the lower has under a directory of the upper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Below {
    /// No directory.
    Nothing,
    /// One that is seen through it.
    Merged,
    /// One that is hidden by it, or by one above it.
    Hidden,
}

/// The most complaints that are told.
const MOST_MISSING: usize = 20;

struct Walk<'a> {
    upper: &'a Upper<'a>,
    extent: Extent,
    budget: &'a mut Budget,
    diff: &'a mut Diff,
    waiting: Vec<(PathBuf, Below)>,
    /// Whether the budget is.
    is_over: bool,
}

impl Walk<'_> {
    fn root(&mut self) -> io::Result<()> {
        let top = Path::new("");
        let Some(upper) = Node::at(&self.upper.tree, OsStr::new(""))? else {
            return Ok(());
        };
        let below = match self.upper.lower.node(top)? {
            Some(lower) => {
                if !same::has_same_metadata(&upper, &lower)? {
                    self.tell(top, Change::Changed, Some(&upper), Some(&lower));
                }
                Below::Merged
            }
            None => Below::Nothing,
        };
        // No mark is read from the top of an upper.
        self.waiting.push((top.to_path_buf(), below));
        Ok(())
    }

    fn directory(&mut self, path: &Path, below: Below) -> io::Result<()> {
        let Some(directory) = node::directory(&self.upper.tree, path)? else {
            return Ok(());
        };
        let mut names: HashSet<OsString> = HashSet::new();
        let mut is_over = false;
        node::for_each_name(directory.try_clone()?, |name| {
            is_over = !take_name(self.budget);
            names.insert(name.to_owned());
            !is_over
        })?;
        for name in &names {
            let at = path.join(name);
            if self.upper.covered.contains(&self.upper.at.join(&at)) {
                continue;
            }
            if let Err(cause) = self.name(&directory, name, at.clone(), below) {
                self.miss(&at, &cause);
            }
        }
        if is_over {
            self.end();
        } else if below == Below::Hidden {
            self.delete_names(path, &names)?;
        }
        Ok(())
    }

    fn name(
        &mut self,
        directory: &OwnedFd,
        name: &OsStr,
        at: PathBuf,
        below: Below,
    ) -> io::Result<()> {
        let Some(upper) = Node::at(directory, name)? else {
            return Ok(());
        };
        let lower = match below {
            Below::Nothing => None,
            Below::Merged | Below::Hidden => self.upper.lower.node(&at)?,
        };
        let marked = self.upper.marks.of(&upper)?;
        if marked.whiteout {
            if let Some(lower) = &lower {
                self.tell(&at, Change::Deleted, None, Some(lower));
            }
            return Ok(());
        }
        match (upper.kind, lower) {
            (_, None) => self.added(at, &upper, marked),
            (Kind::Directory, Some(lower)) if lower.kind == Kind::Directory => {
                let changed = marked.refused.is_some() || !same::has_same_metadata(&upper, &lower)?;
                if changed {
                    self.tell(&at, Change::Changed, Some(&upper), Some(&lower));
                    self.mark_refused(marked);
                }
                let hidden = marked.opaque || below == Below::Hidden;
                self.waiting
                    .push((at, if hidden { Below::Hidden } else { Below::Merged }));
            }
            (_, Some(lower)) => self.replaced(at, &upper, &lower, marked)?,
        }
        Ok(())
    }

    fn added(&mut self, at: PathBuf, upper: &Node, marked: Marked) {
        if self.extent == Extent::Shadowing {
            return;
        }
        self.tell(&at, Change::Added, Some(upper), None);
        self.mark_refused(marked);
        if upper.kind == Kind::Directory {
            self.waiting.push((at, Below::Nothing));
        }
    }

    /// Not a directory, in at least one of the layers.
    fn replaced(
        &mut self,
        at: PathBuf,
        upper: &Node,
        lower: &Node,
        marked: Marked,
    ) -> io::Result<()> {
        let same = match marked.refused {
            Some(_) => None,
            None if upper.kind == lower.kind => {
                same::is_same(upper, lower, &mut self.budget.content_bytes)?
            }
            None => Some(false),
        };
        self.tell(&at, Change::Changed, Some(upper), Some(lower));
        if let Some(entry) = self.diff.entries.last_mut() {
            entry.same = same;
        }
        self.mark_refused(marked);
        if lower.kind == Kind::Directory {
            self.delete_names(&at, &HashSet::new())?;
        } else if upper.kind == Kind::Directory && self.extent == Extent::All {
            self.waiting.push((at, Below::Nothing));
        }
        Ok(())
    }

    /// What the lower has in a directory that is hidden, but for the names that the upper has there too.
    fn delete_names(&mut self, directory: &Path, kept: &HashSet<OsString>) -> io::Result<()> {
        let mut gone = Vec::new();
        let mut is_over = false;
        self.upper.lower.for_each_name(directory, |name| {
            is_over = !take_name(self.budget);
            if !kept.contains(&name) {
                gone.push(name);
            }
            !is_over
        })?;
        for name in gone {
            let at = directory.join(name);
            if let Some(lower) = self.upper.lower.node(&at)? {
                self.tell(&at, Change::Deleted, None, Some(&lower));
            }
        }
        if is_over {
            self.end();
        }
        Ok(())
    }

    fn tell(&mut self, path: &Path, change: Change, upper: Option<&Node>, lower: Option<&Node>) {
        let path = self.place(path);
        let length = path.as_os_str().len();
        if self.is_over || length > self.budget.path_bytes {
            self.end();
            return;
        }
        self.budget.path_bytes -= length;
        self.diff.entries.push(Entry {
            change,
            path,
            kind: upper.map(|node| node.kind),
            lower: lower.map(|node| node.kind),
            same: None,
            refused: None,
        });
    }

    fn mark_refused(&mut self, marked: Marked) {
        if let Some(entry) = self.diff.entries.last_mut() {
            entry.refused = marked.refused;
        }
    }

    /// The path as the container knows it.
    fn place(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() {
            self.upper.at.to_path_buf()
        } else {
            self.upper.at.join(path)
        }
    }

    fn end(&mut self) {
        if !self.is_over {
            self.is_over = true;
            let told = "there is more than is looked at; the rest is not told".to_owned();
            self.diff.missing.push(told);
        }
    }

    fn miss(&mut self, path: &Path, cause: &io::Error) {
        let told = match cause.raw_os_error().map(Errno::from_raw) {
            // Removed while it was looked at.
            Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE) => return,
            Some(Errno::ENAMETOOLONG) => "its path is too long".to_owned(),
            _ => cause.to_string(),
        };
        if self.diff.missing.len() < MOST_MISSING {
            let place = text(&self.place(path));
            self.diff
                .missing
                .push(format!("cannot look at '{place}': {told}"));
        }
    }
}

fn take_name(budget: &mut Budget) -> bool {
    let left = budget.names.checked_sub(1);
    budget.names = left.unwrap_or(0);
    left.is_some()
}
