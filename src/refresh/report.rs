//! What a refresh did: plain data, as it is written to `/var/lib/lodger/refreshes/N.json` and said in the journal.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::dpkg::Change;
use crate::state_file;

/// How a refresh ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every running container runs on what the host has now.
    Done,
    /// A container could not be restarted, or still runs old code.
    Failed,
    /// dpkg left packages unfinished; nothing was restarted, and the next refresh takes the changes up.
    UnfinishedPackages,
    /// The system is going down; the next boot starts every container afresh.
    ShuttingDown,
}

impl Outcome {
    /// The word for it, the same in reports, the journal and `lodger status`.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::UnfinishedPackages => "unfinished-packages",
            Outcome::ShuttingDown => "shutting-down",
        }
    }
}

/// One refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// 1 for the first of this host.
    pub number: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC.
    pub finished: String,
    /// The packages that changed.
    pub packages: Vec<Change>,
    /// Packages dpkg left unfinished, `name:architecture (state)`.
    pub unfinished: Vec<String>,
    /// Every running container, and what was done with it.
    pub containers: Vec<ContainerReport>,
    /// The look at every process afterwards.
    pub verified: Verified,
}

/// What was done with one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerReport {
    /// Its name.
    pub name: String,
    /// What was done.
    pub action: Action,
    /// Why, where it is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a refresh does with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Restarted, and running.
    Restarted,
    /// Left alone.
    Skipped,
    /// To be restarted, but not running as it should.
    Failed,
}

/// The look at every process of every container after the restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// How many processes were looked at.
    pub processes: usize,
    /// Those on old code.
    pub stale: Vec<Stale>,
}

/// A process on old code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Whose.
    pub container: String,
    /// Its number on the host.
    pub pid: i32,
    /// A file it maps that the host no longer has like that.
    pub path: String,
}

impl Report {
    /// Containers with this action.
    pub fn count(&self, action: Action) -> usize {
        self.containers
            .iter()
            .filter(|container| container.action == action)
            .count()
    }

    /// Writes the report into `directory`.
    ///
    /// # Errors
    /// When it cannot be written; then no part of it is there.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make '{}'", directory.display()))?;
        state_file::write(&directory.join(format!("{}.json", self.number)), self)
    }
}

/// The number and path of the newest report in `directory`; `None` before the first refresh.
///
/// # Errors
/// When the directory cannot be read.
pub fn newest(directory: &Path) -> Result<Option<(u64, PathBuf)>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => {
            return Err(cause).with_context(|| format!("cannot read '{}'", directory.display()));
        }
    };
    let mut newest = None;
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read '{}'", directory.display()))?
            .path();
        let stem = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".json"));
        let Some(number) = stem.and_then(|stem| stem.parse::<u64>().ok()) else {
            continue;
        };
        if newest.as_ref().is_none_or(|(highest, _)| number > *highest) {
            newest = Some((number, path));
        }
    }
    Ok(newest)
}

/// The newest report in `directory`.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_newest(directory: &Path) -> Result<Option<Report>> {
    match newest(directory)? {
        Some((_, path)) => state_file::read(&path),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_has_one_word() {
        for outcome in [
            Outcome::Done,
            Outcome::Failed,
            Outcome::UnfinishedPackages,
            Outcome::ShuttingDown,
        ] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.word());
        }
    }

    #[test]
    fn the_newest_report_is_the_one_with_the_highest_number() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_newest(directory.path()).unwrap(), None);
        let mut report = Report {
            number: 9,
            outcome: Outcome::Done,
            started: "2026-11-22T00:00:00Z".into(),
            finished: "2026-11-22T00:00:01Z".into(),
            packages: vec![],
            unfinished: vec![],
            containers: vec![ContainerReport {
                name: "web".into(),
                action: Action::Restarted,
                reason: None,
            }],
            verified: Verified::default(),
        };
        report.write(directory.path()).unwrap();
        report.number = 10;
        report.write(directory.path()).unwrap();
        fs::write(directory.path().join("notes.json"), "").unwrap();
        assert_eq!(read_newest(directory.path()).unwrap(), Some(report));
    }
}
