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
    marks: Marks,
}

/// What every run of dpkg that changes anything leaves another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    /// Inode and time of its status file, which the run replaces.
    status: (u64, i64, i64),
    /// Time of the directory of its journal, in which it begins with a file; `None` if there is none.
    updates: Option<(i64, i64)>,
}

impl Marks {
    fn read(admindir: &Path) -> Result<Self> {
        let look = |name| {
            let path = admindir.join(name);
            fs::metadata(&path).with_context(|| format!("cannot read '{}'", path.display()))
        };
        let status = look("status")?;
        let has_updates = admindir.join("updates").exists();
        let updates = has_updates.then(|| look("updates")).transpose()?;
        Ok(Self {
            status: (status.ino(), status.mtime(), status.mtime_nsec()),
            updates: updates.map(|found| (found.mtime(), found.mtime_nsec())),
        })
    }
}

impl State {
    /// Looks, and makes sure that dpkg is at rest unless the base is only for the time being.
    ///
    /// # Errors
    /// When it cannot be read, or, as a [`DpkgAtWork`], when dpkg is at work or has left packages unfinished.
    pub fn read(admindir: &Path, consistency: Consistency) -> Result<Self> {
        if consistency == Consistency::Settled {
            refuse_at_work(admindir)?;
        }
        let marks = Marks::read(admindir)?;
        let packages = Database::read(admindir)?;
        if consistency == Consistency::Settled {
            refuse_unfinished(&packages)?;
        }
        Ok(Self { packages, marks })
    }

    /// Looks once more: reads everything only if dpkg has run, or may be running.
    ///
    /// # Errors
    /// As [`State::read`].
    pub fn read_again(&self, admindir: &Path, consistency: Consistency) -> Result<Self> {
        if consistency == Consistency::Settled {
            refuse_at_work(admindir)?;
            if Marks::read(admindir)? == self.marks {
                return Ok(self.clone());
            }
        }
        Self::read(admindir, consistency)
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
            0 => "dpkg has run".to_owned(),
            1..=10 => names.join(", "),
            more => format!("{} and {} more", names.join(", "), more - 10),
        })
    }
}

fn refuse_at_work(admindir: &Path) -> Result<()> {
    if lock::is_held(admindir)? {
        let message = format!(
            "dpkg or apt is at work (it holds the lock in '{}'); try again once it has finished",
            admindir.display()
        );
        return Err(DpkgAtWork(message).into());
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HALF: &str =
        "Package: one\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 1\n\n";

    fn package(version: &str) -> String {
        format!(
            "Package: one\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"
        )
    }

    /// dpkg replaces its status file; it writes into none.
    fn replace_status(admindir: &Path, text: &str) {
        let new = admindir.join("status-new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, admindir.join("status")).unwrap();
    }

    #[test]
    fn a_second_look_sees_what_dpkg_did() {
        let directory = tempfile::tempdir().unwrap();
        let admindir = directory.path();
        fs::create_dir_all(admindir.join("info")).unwrap();
        fs::create_dir_all(admindir.join("updates")).unwrap();
        fs::write(admindir.join("info/one.list"), "/.\n").unwrap();
        replace_status(admindir, &package("1"));
        let look = || State::read(admindir, Consistency::Settled).unwrap();
        let again = |before: &State| before.read_again(admindir, Consistency::Settled);

        let before = look();
        assert_eq!(before.difference(&again(&before).unwrap()), None);

        replace_status(admindir, &package("2"));
        let changed = before.difference(&again(&before).unwrap());
        assert_eq!(changed.as_deref(), Some("one"));

        let before = look();
        replace_status(admindir, &package("2"));
        let changed = before.difference(&again(&before).unwrap());
        assert_eq!(changed.as_deref(), Some("dpkg has run"));

        // One that was killed has left its journal, and no other status file.
        let before = look();
        let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        let updates = fs::File::open(admindir.join("updates")).unwrap();
        updates.set_times(times).unwrap();
        assert!(before.difference(&again(&before).unwrap()).is_some());

        fs::write(admindir.join("updates/0000"), HALF).unwrap();
        let refused = again(&before).unwrap_err();
        assert!(refused.is::<DpkgAtWork>(), "{refused:#}");
        fs::remove_file(admindir.join("updates/0000")).unwrap();

        let before = look();
        replace_status(admindir, HALF);
        let refused = again(&before).unwrap_err();
        assert!(refused.is::<DpkgAtWork>(), "{refused:#}");
    }
}
