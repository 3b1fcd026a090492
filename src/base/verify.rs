//! A base and its file table in; what is no longer as it was made, with the package each belongs to, out.
//!
//! The files of a base are the host's own. Whoever writes into one in place, instead of replacing it as dpkg does, changes
//! every base and every container at once; that is what this finds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use md5::{Digest, Md5};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::readlinkat;
use nix::sys::stat::{FileStat, fstat};
use serde::Serialize;

use super::diff::Letter;
use super::listing::{look, open_directory, sorted_names, type_of};
use super::part::Type;
use super::record::{DPKG, TABLE};
use super::row::{Kind, Row};
use super::table::Rows;
use super::{Bases, Number};
use crate::dpkg::owners::{md5sums, owners};
use crate::exact_path;

/// One path that is not as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Added, changed or deleted since.
    #[serde(rename = "change")]
    pub letter: Letter,
    /// As a container sees it.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
    /// What differs: `size`, `time`, `inode`, `mode`, `owner`, `type`, `target`, `content`.
    pub what: Vec<&'static str>,
    /// The packages that own the path.
    pub packages: Vec<String>,
}

/// Compares a base with its file table; with `content`, also every file of a package with the MD5 sum that the package gives.
///
/// # Errors
/// When the base, or what is known of it, cannot be read.
pub fn verify(bases: &Bases, number: Number, content: bool) -> Result<Vec<Finding>> {
    let record = bases.record_directory(number);
    let tree = bases.tree(number);
    let top = File::open(&tree).with_context(|| format!("cannot open '{}'", tree.display()))?;
    let mut check = Check {
        tree: top.into(),
        sums: match content {
            true => md5sums(&record.join(DPKG))?,
            false => BTreeMap::new(),
        },
        directory: None,
        unexpected: BTreeSet::new(),
        findings: Vec::new(),
    };
    for placed in Rows::open(&record.join(TABLE))? {
        let placed = placed?;
        match placed.row.kind {
            Kind::Directory => check.enter(&placed.path(), &placed.row),
            _ => check.entry(&placed.row),
        }
        .with_context(|| format!("cannot check '/{}'", placed.path().display()))?;
    }
    let mut findings = check.finish();
    let paths = findings
        .iter()
        .map(|finding| finding.path.clone())
        .collect();
    let owners = owners(&record.join(DPKG), &paths)?;
    for finding in &mut findings {
        let packages = owners.get(&finding.path).into_iter().flatten();
        finding.packages = packages.cloned().collect();
    }
    Ok(findings)
}

struct Check {
    tree: OwnedFd,
    sums: BTreeMap<PathBuf, (String, String)>,
    /// The directory whose rows are being read, if it is there.
    directory: Option<Open>,
    /// Directories that were seen and have no row yet.
    unexpected: BTreeSet<PathBuf>,
    findings: Vec<Finding>,
}

struct Open {
    path: PathBuf,
    directory: OwnedFd,
    /// What is in it and no row has told of yet.
    names: HashMap<OsString, Option<Type>>,
}

impl Check {
    fn enter(&mut self, path: &Path, row: &Row) -> Result<()> {
        self.leave();
        self.unexpected.remove(path);
        let directory = match open_directory(&self.tree, path) {
            Ok(directory) => directory,
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {
                self.find(Letter::Deleted, path.to_path_buf(), Vec::new());
                return Ok(());
            }
            Err(cause) => return Err(cause.into()),
        };
        let what = attributes(row, &fstat(&directory)?);
        if !what.is_empty() {
            self.find(Letter::Changed, path.to_path_buf(), what);
        }
        let mut names = HashMap::new();
        let mut listing = Dir::from_fd(open_directory(&directory, Path::new(""))?)?;
        for (name, kind) in sorted_names(&mut listing)? {
            let name = OsString::from_vec(name.into_bytes());
            if kind == Some(Type::Directory) {
                self.unexpected.insert(path.join(name));
            } else {
                names.insert(name, kind);
            }
        }
        self.directory = Some(Open {
            path: path.to_path_buf(),
            directory,
            names,
        });
        Ok(())
    }

    fn entry(&mut self, row: &Row) -> Result<()> {
        let Some(open) = &mut self.directory else {
            return Ok(());
        };
        if let Kind::LeftOut(_) = row.kind {
            return Ok(());
        }
        open.names.remove(&row.name);
        let path = open.path.join(&row.name);
        self.unexpected.remove(&path);
        let name = CString::new(row.name.as_bytes())?;
        let Some(stat) = look(&open.directory, &name)? else {
            self.find(Letter::Deleted, path, Vec::new());
            return Ok(());
        };
        let mut what = attributes(row, &stat);
        match &row.kind {
            Kind::Symlink(target) if type_of(&stat) == Type::Symlink => {
                if readlinkat(&open.directory, name.as_c_str())? != *target {
                    what.push("target");
                }
            }
            Kind::Linked | Kind::Copied(_) if type_of(&stat) == Type::File => {
                what.extend(file_differences(row, &stat));
                let absolute = Path::new("/").join(&path);
                if let Some((sum, _)) = self.sums.get(&absolute)
                    && md5_of(&self.tree, &path)? != *sum
                {
                    what.push("content");
                }
            }
            _ => what.push("type"),
        }
        if !what.is_empty() {
            self.find(Letter::Changed, path, what);
        }
        Ok(())
    }

    /// What no row has told of is not of the base.
    fn leave(&mut self) {
        if let Some(open) = self.directory.take() {
            for name in open.names.into_keys() {
                self.find(Letter::Added, open.path.join(name), Vec::new());
            }
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        self.leave();
        for path in std::mem::take(&mut self.unexpected) {
            self.find(Letter::Added, path, Vec::new());
        }
        self.findings.sort_by(|one, two| one.path.cmp(&two.path));
        self.findings
    }

    fn find(&mut self, letter: Letter, path: PathBuf, what: Vec<&'static str>) {
        self.findings.push(Finding {
            letter,
            path: Path::new("/").join(path),
            what,
            packages: Vec::new(),
        });
    }
}

/// What can differ in anything.
fn attributes(row: &Row, stat: &FileStat) -> Vec<&'static str> {
    let now = Row::of(OsString::new(), Kind::Linked, stat);
    let mut what = Vec::new();
    what.extend((now.mode != row.mode).then_some("mode"));
    what.extend(((now.uid, now.gid) != (row.uid, row.gid)).then_some("owner"));
    what
}

fn file_differences(row: &Row, stat: &FileStat) -> Vec<&'static str> {
    let now = Row::of(OsString::new(), Kind::Linked, stat);
    let mut what = Vec::new();
    what.extend((now.ino != row.ino).then_some("inode"));
    what.extend((now.size != row.size).then_some("size"));
    what.extend((now.mtime != row.mtime).then_some("time"));
    what
}

fn md5_of(tree: &OwnedFd, path: &Path) -> Result<String> {
    let mut file = super::previous::open_below(tree, path)?;
    let mut hash = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
