//! What is known of a base beside its tree: its numbers and dpkg's database in, `N.record/` out.

use std::ffi::CStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::unistd::linkat;
use serde::{Deserialize, Serialize};

use super::count::{Counts, Hindrance};
use super::listing::{as_os, open_directory, sorted_names};
use super::{Number, table};
use crate::dpkg::Database;

/// The record itself, in the directory of the record. What has none is no base.
pub const FILE: &str = "base.json";
/// The file table there.
pub const TABLE: &str = "files";
/// What dpkg knew, there: `status`, `diversions`, `info/*.list`, `info/*.md5sums`.
pub const DPKG: &str = "dpkg";

/// What is known of a base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// Its number.
    pub number: Number,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Whether it was made while dpkg was at work, so that packages may be half there.
    pub provisional: bool,
    /// What it is made of, and what is not in it.
    #[serde(flatten)]
    pub counts: Counts,
    /// dpkg's database of its moment.
    pub packages: Database,
}

/// Puts a record and the file table into `directory`. Nothing is synced.
///
/// # Errors
/// When something cannot be written.
pub fn write(directory: &Path, record: &Record, parts: &mut [table::Part]) -> Result<()> {
    table::write(&directory.join(TABLE), parts)?;
    write_file(directory, record)
}

/// Puts into `directory`, which is root's alone, what dpkg knows. Nothing is synced.
///
/// # Errors
/// When something cannot be read or written.
pub fn keep_database(directory: &Path, admindir: &Path) -> Result<()> {
    let failed = || format!("cannot make '{}'", directory.display());
    let dpkg = directory.join(DPKG);
    let info = dpkg.join("info");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&info)
        .with_context(failed)?;
    for name in ["status", "diversions"] {
        keep_file(&admindir.join(name), &dpkg.join(name))?;
    }
    keep_lists(&admindir.join("info"), &info)
}

/// Writes the record alone. Nothing is synced.
///
/// # Errors
/// When it cannot be written.
pub fn write_file(directory: &Path, record: &Record) -> Result<()> {
    let path = directory.join(FILE);
    let mut text = serde_json::to_vec(record)?;
    text.push(b'\n');
    fs::write(&path, text).with_context(|| format!("cannot write '{}'", path.display()))
}

/// Links or copies one of dpkg's files, which dpkg replaces whole and never writes into. One that is not there is fine.
fn keep_file(from: &Path, to: &Path) -> Result<()> {
    let copied = match fs::hard_link(from, to) {
        Ok(()) => return Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => fs::copy(from, to),
    };
    match copied {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(cause)
            .with_context(|| format!("cannot copy '{}' to '{}'", from.display(), to.display())),
    }
}

/// The same for what packages own, and the sums of it.
fn keep_lists(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot read '{}'", from.display());
    let source: OwnedFd = match File::open(from) {
        Ok(source) => source.into(),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(cause).with_context(failed),
    };
    let target: OwnedFd = File::open(to).with_context(failed)?.into();
    let listing = open_directory(&source, Path::new("")).with_context(failed)?;
    let mut listing = Dir::from_fd(listing).with_context(failed)?;
    for (name, _) in sorted_names(&mut listing).with_context(failed)? {
        if !is_kept(&name) {
            continue;
        }
        match linkat(
            &source,
            name.as_c_str(),
            &target,
            name.as_c_str(),
            AtFlags::empty(),
        ) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(cause) if Hindrance::of(cause).is_some() => {
                let name = as_os(&name);
                keep_file(&from.join(&name), &to.join(&name))?;
            }
            Err(cause) => {
                return Err(cause).with_context(|| format!("cannot link to '{}'", to.display()));
            }
        }
    }
    Ok(())
}

fn is_kept(name: &CStr) -> bool {
    let name = name.to_bytes();
    name.ends_with(b".list") || name.ends_with(b".md5sums")
}
