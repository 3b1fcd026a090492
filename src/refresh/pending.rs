//! The containers that a change is still to reach: what is found affected in; who is due, and since when, out.
//!
//! The set is on disk before anything is restarted, and a container leaves it only once it has started after the change. So
//! whatever puts a restart off (a window, a hold, a wave that failed, a crash), the change is not forgotten.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::places::{Baseline, Places};
use super::reason::{Reason, bounded};
use crate::container::Name;
use crate::state_file;

/// The set, by the names of containers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Those that are due.
    pub containers: BTreeMap<String, Due>,
}

/// Why a container has to be restarted, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// A start after this is on the new code.
    pub since: Moment,
    /// The refresh that found it first.
    pub refresh: u64,
    /// Why, as [`bounded`] has them.
    pub reasons: Vec<Reason>,
    /// The number of the base that it ran on when it was found: what it can go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Whether a security update is among the changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_security: bool,
    /// How its restart failed, in the refresh of that number, if it did: waves after its own do not start while this stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
}

/// How a restart failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In which refresh.
    pub refresh: u64,
    /// How.
    pub how: String,
}

impl Pending {
    /// The set on disk; empty if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written there.
    pub fn read(places: &Places) -> Result<Self> {
        Ok(state_file::read(&places.affected())?.unwrap_or_default())
    }

    /// The set on disk for those who only tell of it: what cannot be read counts as empty, with the cause.
    pub fn known(places: &Places) -> (Self, Option<String>) {
        match Self::read(places) {
            Ok(pending) => (pending, None),
            Err(cause) => (Self::default(), Some(format!("{cause:#}"))),
        }
    }

    /// Whether the container is in the set on disk, or for none whether anyone is; and if that cannot be told.
    pub fn may_be_due(places: &Places, name: Option<&Name>) -> bool {
        match (Self::known(places), name) {
            ((_, Some(_)), _) => true,
            ((pending, None), Some(name)) => pending.containers.contains_key(name.as_str()),
            ((pending, None), None) => !pending.containers.is_empty(),
        }
    }

    /// The set on disk for a refresh. A file that makes no sense would stop every refresh to come: it is set aside, and every
    /// running container counts as affected, which the baseline says first. So whenever lodgerd is killed, that is not lost.
    ///
    /// # Errors
    /// When it cannot be read just now, or not be set aside.
    pub fn read_or_set_aside(places: &Places) -> Result<Self> {
        let cause = match Self::read(places) {
            Err(cause) if state_file::is_unusable(&cause) => cause,
            read => return read,
        };
        let baseline = state_file::read::<Baseline>(&places.baseline());
        // Without a baseline that can be read the same holds.
        if let Ok(Some(mut baseline)) = baseline {
            baseline.is_due_unknown = true;
            state_file::write(&places.baseline(), &baseline)?;
        }
        let aside = state_file::set_aside(&places.affected())
            .with_context(|| format!("nobody knows who is due: {cause:#}"))?;
        tracing::error!(
            "nobody knows who was due, so every running container counts as affected: {cause:#}; the file is '{}' now",
            aside.display()
        );
        Ok(Self::default())
    }

    /// Puts the set on disk; an empty one has no file.
    ///
    /// # Errors
    /// When that fails; then the set from before is there.
    pub fn write(&self, places: &Places) -> Result<()> {
        if self.containers.is_empty() {
            return state_file::remove(&places.affected());
        }
        state_file::write(&places.affected(), self)
    }

    /// Adds what a refresh found. A container that is there already is due for both; it still runs on the base of the first.
    pub fn add(&mut self, name: &str, due: Due) {
        let Some(there) = self.containers.get_mut(name) else {
            self.containers.insert(name.to_owned(), due);
            return;
        };
        there.since = due.since;
        there.is_security |= due.is_security;
        let before = std::mem::take(&mut there.reasons);
        there.reasons = bounded(before.into_iter().chain(due.reasons));
        there.base = there.base.take().or(due.base);
    }
}
