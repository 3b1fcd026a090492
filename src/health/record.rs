//! The record of a container's health and the answer of a check in; the next record, and what it gives rise to, out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::container::{Health, Name, Unhealthy};
use crate::{place, state_file};

/// What is known of a container's health since its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// systemd's name for that start (`InvocationID=`). Of another one this record knows nothing.
    pub invocation: String,
    /// Whether it has been healthy since then; until it is, it is starting.
    pub was_healthy: bool,
    /// Failed checks in a row, of those that the timer has started.
    pub failures: u32,
    /// Why the last check failed; `None` if it did not.
    pub why: Option<String>,
    /// When the last check began: microseconds of CLOCK_MONOTONIC.
    pub began: u64,
}

/// What a check gives rise to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    None,
    /// The container is unhealthy now, which is to be told.
    Unhealthy,
    /// It is healthy again, after it was told that it was not.
    HealthyAgain,
}

impl Record {
    /// Of a container that has just been started.
    pub fn new(invocation: &str) -> Self {
        Self {
            invocation: invocation.to_owned(),
            was_healthy: false,
            failures: 0,
            why: None,
            began: 0,
        }
    }

    /// This record after a check that began at `began`. A failure `counts` if the timer has started the check: who asks more
    /// often than that shall not have the container restarted for it.
    pub fn after(&self, why: Option<&str>, began: u64, counts: bool) -> Self {
        Self {
            invocation: self.invocation.clone(),
            was_healthy: self.was_healthy || why.is_none(),
            failures: match why {
                None => 0,
                Some(_) => self.failures.saturating_add(counts.into()),
            },
            why: why.map(str::to_owned),
            began,
        }
    }

    /// What is to be told when `next` follows this one.
    pub fn turn(&self, next: &Self, health: &Health) -> Turn {
        let is_unhealthy = |record: &Self| record.failures >= health.retries;
        match (is_unhealthy(self), is_unhealthy(next)) {
            (false, true) => Turn::Unhealthy,
            (true, false) => Turn::HealthyAgain,
            _ => Turn::None,
        }
    }

    /// Whether the container is to be restarted. What has not been healthy since its start would not become so by another one;
    /// while it starts it has all the time that it needs.
    pub fn wants_restart(&self, health: &Health) -> bool {
        let is_unhealthy = self.failures >= health.retries;
        is_unhealthy && self.was_healthy && health.on_failure == Unhealthy::Restart
    }

    /// What the last check found.
    pub fn answer(&self) -> Answer {
        match &self.why {
            None => Answer::Healthy,
            Some(why) => Answer::Unhealthy(why.clone()),
        }
    }
}

/// Where the record of a container lies.
pub fn path(name: &Name) -> PathBuf {
    Path::new(place::HEALTH).join(name.as_str())
}

/// The record at `path` of the start `invocation`; `None` if there is none of that.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read(path: &Path, invocation: &str) -> Result<Option<Record>> {
    let record: Option<Record> = state_file::read(path)?;
    Ok(record.filter(|record| record.invocation == invocation))
}

/// Writes the record, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, record: &Record) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    match fs::create_dir(directory) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
            Err(cause).with_context(|| format!("cannot make '{}'", directory.display()))
        }
        _ => state_file::write(path, record),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn health(on_failure: Unhealthy) -> Health {
        Health {
            exec: vec!["/bin/x".to_owned()],
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            retries: 2,
            on_failure,
        }
    }

    /// What comes of checks, "+" healthy, "-" not, "?" not and asked by hand: the turns, and where a restart was wanted.
    fn turns(checks: &str, on_failure: Unhealthy) -> Vec<(Turn, bool)> {
        let health = health(on_failure);
        let mut record = Record::new("a");
        let checks = checks.chars().map(|check| {
            let why = (check != '+').then_some("no");
            let next = record.after(why, 7, check != '?');
            let turn = record.turn(&next, &health);
            record = next;
            (turn, record.wants_restart(&health))
        });
        checks.collect()
    }

    const QUIET: (Turn, bool) = (Turn::None, false);

    #[test]
    fn failures_in_a_row_lead_to_a_restart() {
        use Unhealthy::{Report, Restart};
        let told = (Turn::Unhealthy, true);
        assert_eq!(turns("+--", Restart), [QUIET, QUIET, told]);
        assert_eq!(turns("+-+-", Restart), [QUIET; 4]);
        // As long as it has not been restarted, for whatever reason, it is to be.
        assert_eq!(turns("+---", Restart)[3], (Turn::None, true));
        assert_eq!(
            turns("+---+", Report),
            [
                QUIET,
                QUIET,
                (Turn::Unhealthy, false),
                QUIET,
                (Turn::HealthyAgain, false)
            ]
        );
    }

    #[test]
    fn what_is_starting_is_told_and_not_restarted() {
        let told = (Turn::Unhealthy, false);
        assert_eq!(
            turns("----", Unhealthy::Restart),
            [QUIET, told, QUIET, QUIET]
        );
        assert_eq!(
            turns("--+--", Unhealthy::Restart)[2..],
            [(Turn::HealthyAgain, false), QUIET, (Turn::Unhealthy, true)]
        );
    }

    #[test]
    fn who_asks_more_often_does_no_harm() {
        assert_eq!(turns("+???-?", Unhealthy::Restart), [QUIET; 6]);
        let record = Record::new("a").after(Some("no"), 3, false);
        assert_eq!(record.answer(), Answer::Unhealthy("no".to_owned()));
        assert_eq!((record.failures, record.began), (0, 3));
        assert_eq!(record.after(None, 4, false).answer(), Answer::Healthy);
    }

    #[test]
    fn a_record_is_of_one_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("health/web");
        assert_eq!(read(&path, "a").unwrap(), None);
        let record = Record::new("a").after(Some("no"), 3, true);
        write(&path, &record).unwrap();
        assert_eq!(read(&path, "a").unwrap(), Some(record));
        assert_eq!(read(&path, "b").unwrap(), None);
    }
}
