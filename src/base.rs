//! Pinned bases: the host's tree and dpkg's database in; numbered read-only trees that share the host's inodes out.
//!
//! ```text
//! host -> part -> linked, copied or left out -> file table -> record -> a number -> current
//!         part    directory, file, copy         table         record   create
//! ```
//!
//! A base is a directory `N` and its record `N.record`; `current` is a symbolic link to the newest. Until it is whole a base
//! has the name `.making-N`, and from the moment its removal begins `.removing-N`: what has a number is whole.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use serde::{Deserialize, Serialize};

pub mod count;
pub mod create;
pub mod diff;
pub mod in_use;
pub mod number_text;
pub mod provide;
pub mod prune;
pub mod record;
pub mod row;
pub mod table;
pub mod verify;

mod attributes;
mod copy;
mod directory;
mod file;
mod filesystem;
mod listing;
mod mounted;
mod part;
mod previous;
mod remove;
mod settled;
mod walk;
mod written;

use crate::prefix::Prefix;
use crate::root::sweep::lock_directory;
use crate::{place, state_file};
pub(crate) use copy::have_same_content;
pub use create::{Consistency, Created, create};
pub use diff::diff;
pub(crate) use previous::{copied_rows, open_below};
pub use prune::prune;
use record::Record;
pub use verify::verify;

/// The link to the newest base.
const CURRENT: &str = "current";
/// The file that whoever makes or removes bases locks.
const LOCK: &str = ".lock";
/// In front of the number of a base that is not yet whole, and of its record.
const MAKING: &str = ".making-";
/// In front of the number of one that is being removed, and of its record.
const REMOVING: &str = ".removing-";
/// Behind the number of a base: the directory with what is known of it.
pub(crate) const RECORD: &str = ".record";

/// Which base: the first is 1, and numbers go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(NonZeroU64);

impl Number {
    const FIRST: Number = Number(NonZeroU64::MIN);

    fn next(self) -> Self {
        // One base a nanosecond would take 500 years.
        Number(self.0.saturating_add(1))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Number {
    type Err = String;

    /// A base's number as its directory has it: digits, without zeros in front.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let number = text.parse().ok().filter(|_| is_plain);
        number
            .map(Number)
            .ok_or_else(|| format!("\"{text}\" is not the number of a base"))
    }
}

/// The host that bases are made of.
#[derive(Debug, Clone)]
pub struct Host {
    /// Where its `/` is.
    pub root: PathBuf,
    /// dpkg's database, `/var/lib/dpkg`.
    pub admindir: PathBuf,
}

impl Host {
    /// The system under `prefix`.
    pub fn under(prefix: &Prefix) -> Self {
        Self {
            root: prefix.at("/"),
            admindir: prefix.at(place::ADMINDIR),
        }
    }
}

/// The directory in which the bases lie.
#[derive(Debug, Clone)]
pub struct Bases {
    directory: PathBuf,
}

impl Bases {
    /// The bases in `directory`, `/var/lib/lodger/bases` unless the host's settings say otherwise. It need not exist yet.
    pub fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where they lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The tree of a base, whether it exists or not.
    pub fn tree(&self, number: Number) -> PathBuf {
        self.directory.join(number.to_string())
    }

    /// The directory with what is known of a base: `base.json`, its file table `files`, and in `dpkg` the file lists of its
    /// packages.
    pub fn record_directory(&self, number: Number) -> PathBuf {
        self.directory.join(format!("{number}{RECORD}"))
    }

    /// What is known of a base, with dpkg's database of its moment.
    ///
    /// # Errors
    /// When there is no such base, or its record cannot be read.
    pub fn record(&self, number: Number) -> Result<Record> {
        let path = self.record_directory(number).join(record::FILE);
        state_file::read(&path)?.with_context(|| {
            format!(
                "there is no base {number} in '{}'",
                self.directory.display()
            )
        })
    }

    /// The base that containers start on; `None` before the first is made.
    ///
    /// # Errors
    /// When the link cannot be read, or does not lead to a base.
    pub fn current(&self) -> Result<Option<Number>> {
        let link = self.directory.join(CURRENT);
        let target = match fs::read_link(&link) {
            Ok(target) => target,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => {
                return Err(cause).with_context(|| format!("cannot read '{}'", link.display()));
            }
        };
        let number = target.to_str().and_then(|target| target.parse().ok());
        match number {
            Some(number) if self.is_whole(number) => Ok(Some(number)),
            _ => bail!(
                "'{}' leads to '{}', which is no base; 'lodger base create' makes a new one",
                link.display(),
                target.display()
            ),
        }
    }

    /// All bases, oldest first.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn numbers(&self) -> Result<Vec<Number>> {
        let mut numbers: Vec<_> = self
            .names()?
            .iter()
            .filter_map(|name| name.parse().ok())
            .filter(|number| self.is_whole(*number))
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The number of the next base: above every one that anything in the directory has.
    fn next_number(&self) -> Result<Number> {
        let names = self.names()?;
        let numbers = names.iter().map(|name| {
            let name = name.strip_suffix(RECORD).unwrap_or(name);
            let half = name.strip_prefix(MAKING);
            half.or_else(|| name.strip_prefix(REMOVING)).unwrap_or(name)
        });
        let last: Option<Number> = numbers.filter_map(|number| number.parse().ok()).max();
        Ok(last.map_or(Number::FIRST, Number::next))
    }

    fn is_whole(&self, number: Number) -> bool {
        self.tree(number).is_dir() && self.record_directory(number).join(record::FILE).is_file()
    }

    /// The names in the directory; none if it is not there.
    fn names(&self) -> Result<Vec<String>> {
        let failed = || format!("cannot read '{}'", self.directory.display());
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(cause).with_context(failed),
        };
        let mut names = Vec::new();
        for entry in entries {
            // What is not UTF-8 is not lodger's.
            let name = entry.with_context(failed)?.file_name().into_string();
            names.extend(name.ok().filter(|name| name != LOCK));
        }
        Ok(names)
    }

    /// Keeps every base in place until the lock is dropped. A start of a container holds it from the moment it resolves
    /// `current` until the root is mounted.
    ///
    /// # Errors
    /// When the directory cannot be locked.
    pub fn hold(&self) -> Result<Flock<File>> {
        lock_directory(&self.directory, FlockArg::LockShared)
    }

    /// Makes the directory if need be, and keeps others from making or removing bases until the lock is dropped. Containers can
    /// start meanwhile: where files have to be copied a base takes minutes.
    fn lock(&self) -> Result<Flock<File>> {
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o755)
            .create(&self.directory)
            .with_context(|| format!("cannot make '{}'", self.directory.display()))?;
        let path = self.directory.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path);
        let locked = file.and_then(|file| {
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, cause)| cause.into())
        });
        locked.with_context(|| format!("cannot lock '{}'", path.display()))
    }

    /// Keeps containers from starting on any base until the lock is dropped.
    fn lock_starts(&self) -> Result<Flock<File>> {
        lock_directory(&self.directory, FlockArg::LockExclusive)
    }
}

#[cfg(test)]
mod tests;
