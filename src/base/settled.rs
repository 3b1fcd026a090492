//! dpkg's database and locks in; whether it is at rest, and what changed between two looks, out.

use std::error::Error;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::Consistency;
use crate::dpkg::{Database, lock};

/// The package whose own installation makes the first base.
const OWN: &str = "lodger";

/// Why there is no base now and may be one in a moment: dpkg is at work, or was while the base was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpkgAtWork(pub String);

impl fmt::Display for DpkgAtWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for DpkgAtWork {}

/// What dpkg had at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The packages.
    pub packages: Database,
    /// Inode and time of its status file: every run of dpkg that changes anything replaces it.
    status: (u64, i64, i64),
}

impl State {
    /// Looks, and makes sure that dpkg is at rest unless the base is only for the time being.
    ///
    /// # Errors
    /// When it cannot be read, or, as a [`DpkgAtWork`], when dpkg is at work or has left packages unfinished.
    pub fn read(admindir: &Path, consistency: Consistency) -> Result<Self> {
        if consistency == Consistency::Settled && lock::is_held(admindir)? {
            let message = format!(
                "dpkg or apt is at work (it holds the lock in '{}'); try again once it has finished",
                admindir.display()
            );
            return Err(DpkgAtWork(message).into());
        }
        let path = admindir.join("status");
        let status =
            fs::metadata(&path).with_context(|| format!("cannot read '{}'", path.display()))?;
        let packages = Database::read(admindir)?;
        if consistency == Consistency::Settled {
            refuse_unfinished(&packages)?;
        }
        Ok(Self {
            packages,
            status: (status.ino(), status.mtime(), status.mtime_nsec()),
        })
    }

    /// What another run of dpkg did between `self` and `later`, in words; `None` if there was none.
    pub fn difference(&self, later: &Self) -> Option<String> {
        if self == later {
            return None;
        }
        let changes = self.packages.changes(&later.packages);
        let names: Vec<_> = changes
            .iter()
            .map(|change| change.name.as_str())
            .take(10)
            .collect();
        Some(match changes.len() {
            0 => "dpkg's status file was replaced".to_owned(),
            1..=10 => names.join(", "),
            more => format!("{} and {} more", names.join(", "), more - 10),
        })
    }
}

fn refuse_unfinished(packages: &Database) -> Result<()> {
    let own = format!("{OWN}:");
    let unfinished: Vec<_> = packages
        .unfinished()
        .into_iter()
        .filter(|package| !package.starts_with(&own))
        .collect();
    if !unfinished.is_empty() {
        let message = format!(
            "dpkg has not finished with {}; 'dpkg --configure --pending' or 'apt --fix-broken install' may",
            unfinished.join(", ")
        );
        return Err(DpkgAtWork(message).into());
    }
    Ok(())
}
