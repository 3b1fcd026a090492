//! Where a refresh reads and writes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::moment::{Moment, boot_id};
use crate::container::Name;
use crate::dpkg::Database;
use crate::place;
use crate::prefix::Prefix;
use crate::state_file;

/// Where a refresh reads and writes; other places in tests.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where container files and settings are looked for.
    pub prefix: Prefix,
    /// `/var/lib/lodger`.
    pub state: PathBuf,
    /// `/var/lib/dpkg`.
    pub admindir: PathBuf,
    /// `/run/lodger/bases`.
    pub bases: PathBuf,
    /// `/var/lib/apt/lists`.
    pub lists: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            prefix: Prefix::host(),
            state: PathBuf::from(place::STATE),
            admindir: PathBuf::from("/var/lib/dpkg"),
            bases: PathBuf::from(place::MOUNTED_BASES),
            lists: PathBuf::from("/var/lib/apt/lists"),
        }
    }
}

impl Places {
    /// The mark that dpkg's hooks leave.
    pub fn pending(&self) -> PathBuf {
        self.state.join("pending")
    }

    /// There while a refresh is under way.
    pub fn refreshing(&self) -> PathBuf {
        self.state.join("refreshing.json")
    }

    /// dpkg's database as it was when containers were last looked at for what it had changed.
    pub fn baseline(&self) -> PathBuf {
        self.state.join("baseline.json")
    }

    /// The containers that a change is still to reach.
    pub fn affected(&self) -> PathBuf {
        self.state.join("affected.json")
    }

    /// The records of refreshes.
    pub fn refreshes(&self) -> PathBuf {
        self.state.join("refreshes")
    }

    /// The state of a container.
    pub fn state_of(&self, name: &Name) -> PathBuf {
        self.state.join("containers").join(name.as_str())
    }

    /// Whether there is something to do.
    pub fn is_refresh_due(&self) -> bool {
        self.pending().exists() || self.refreshing().exists()
    }

    /// Leaves the mark, as dpkg's hooks do: a refresh is due, for a change made in this boot.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn mark(&self) -> Result<()> {
        let path = self.pending();
        fs::write(&path, boot_id()?).with_context(|| format!("cannot make '{}'", path.display()))
    }

    /// The number that the link to the current base names; `None` if there is no such link.
    pub fn current_base(&self) -> Option<String> {
        let number = fs::read_link(self.bases.join(place::CURRENT_BASE)).ok()?;
        let number = number.file_name()?.to_str()?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| number.to_owned())
    }

    /// Records dpkg's present database as the baseline.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn record_baseline(&self) -> Result<()> {
        let baseline = Baseline {
            base: self.current_base(),
            is_due_unknown: false,
            live_host: None,
            database: Database::read(&self.admindir)?,
        };
        state_file::write(&self.baseline(), &baseline)
    }
}

/// What containers were last looked at for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Baseline {
    /// The number of the base that was current then; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Whether it is no longer known who was due then: every running container counts as affected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_due_unknown: bool,
    /// What those on the live host were last looked at for, if no base could be made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_host: Option<LiveHost>,
    /// dpkg's database.
    #[serde(flatten)]
    pub database: Database,
}

/// A state of the host of which there is no base.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LiveHost {
    /// Since when it was complete: what started on the live host after that is on this code.
    pub since: Moment,
    /// dpkg's database.
    pub database: Database,
}
