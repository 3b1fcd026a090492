//! What a refresh did: plain data, as it is written to `/var/lib/lodger/refreshes/N.json` and said in the journal. The form is
//! described in lodgerd(8); fields are added, and none is taken away or given another meaning.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::reason::Reason;
use crate::dpkg::Change;
use crate::exact_path;
use crate::{stale, state_file};

/// How a refresh ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every running container that is affected runs on what the host has now, but for those that are put off or are to stay as
    /// they are.
    #[default]
    Done,
    /// A container could not be restarted, or runs old code that it should not.
    Failed,
    /// dpkg left packages unfinished; nothing was restarted, and the next refresh takes the changes up.
    UnfinishedPackages,
    /// The system is going down; the next boot starts every container afresh.
    ShuttingDown,
}

impl Outcome {
    /// The word for it, the same in records, the journal and `lodger status`.
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The waves, in their order.
    #[serde(default)]
    pub waves: Vec<WaveReport>,
    /// Every container that was due, and what was done with it.
    pub containers: Vec<ContainerReport>,
    /// How many running containers the change does not concern.
    #[serde(default)]
    pub unaffected: usize,
    /// The look at every process afterwards.
    pub verified: Verified,
}

/// One wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveReport {
    /// `canary`, `default` ...
    pub name: String,
    /// How it ended.
    pub state: WaveState,
    /// Those in it.
    pub containers: Vec<String>,
}

/// How a wave ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaveState {
    /// Every container in it is ready.
    Done,
    /// One is not.
    Failed,
    /// One before it has failed.
    NotStarted,
}

/// What was done with one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerReport {
    /// Its name.
    pub name: String,
    /// What was done.
    pub action: Action,
    /// Why that, where it is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it was due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<Reason>,
    /// Its wave, if it was in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// Until when it is put off, RFC 3339, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What a refresh does with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Restarted, and ready.
    Restarted,
    /// It ended by itself or was stopped while it was to be restarted.
    Stopped,
    /// Left alone, because somebody wants that.
    Skipped,
    /// To be restarted later.
    PutOff,
    /// Restarted, not ready, and back on the base it ran on.
    RolledBack,
    /// To be restarted, but not running as it should.
    Failed,
}

impl Action {
    /// The word for it, the same in records, on the bus and in what people read.
    pub fn word(self) -> &'static str {
        match self {
            Action::Restarted => "restarted",
            Action::Stopped => "stopped",
            Action::Skipped => "skipped",
            Action::PutOff => "put-off",
            Action::RolledBack => "rolled-back",
            Action::Failed => "failed",
        }
    }

    /// Whether somebody has to look at it.
    pub fn is_failure(self) -> bool {
        matches!(self, Action::RolledBack | Action::Failed)
    }
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
    /// A file it maps that the host no longer has like that; or, in brackets, why nothing can be told. Then the number may be 0,
    /// for all processes of the container.
    #[serde(flatten, with = "exact_path::path")]
    pub path: PathBuf,
    /// Why it still runs, if that is as it is meant to be: held, put off, never restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Report {
    /// The record of a refresh that has just begun.
    pub fn new(number: u64, started: &str) -> Self {
        Self {
            number,
            started: started.to_owned(),
            ..Self::default()
        }
    }

    /// Whether no container has failed, and no process runs old code that should not.
    pub fn is_good(&self) -> bool {
        self.failures() == 0 && self.verified.unexpected().next().is_none()
    }

    /// How many containers somebody has to look at.
    pub fn failures(&self) -> usize {
        let containers = self.containers.iter();
        containers
            .filter(|container| container.action.is_failure())
            .count()
    }

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

impl Stale {
    /// What is wrong, in words.
    pub fn fault(&self) -> String {
        let path = stale::text_of(&self.path);
        match (self.path.is_absolute(), self.pid) {
            (true, pid) => format!("process {pid} runs the old {path}"),
            (false, 0) => format!("it may run old code {path}"),
            (false, pid) => format!("process {pid} may run old code {path}"),
        }
    }
}

impl Verified {
    /// Processes on old code that should not be.
    pub fn unexpected(&self) -> impl Iterator<Item = &Stale> {
        self.stale.iter().filter(|stale| stale.reason.is_none())
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

/// The newest report in `directory`; or, if it is there and is of no use, the cause: nothing waits for it.
///
/// # Errors
/// When it could be read another time.
pub fn read_newest(directory: &Path) -> Result<(Option<Report>, Option<String>)> {
    let Some((_, path)) = newest(directory)? else {
        return Ok((None, None));
    };
    match state_file::read(&path) {
        Ok(report) => Ok((report, None)),
        Err(cause) if state_file::is_unusable(&cause) => Ok((None, Some(format!("{cause:#}")))),
        Err(cause) => Err(cause),
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
    fn an_action_has_one_word() {
        for action in [
            Action::Restarted,
            Action::Stopped,
            Action::Skipped,
            Action::PutOff,
            Action::RolledBack,
            Action::Failed,
        ] {
            assert_eq!(serde_json::to_value(action).unwrap(), action.word());
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_called_old() {
        let fault = |pid, path: &str| {
            let stale = Stale {
                container: "web".into(),
                pid,
                path: path.into(),
                reason: None,
            };
            stale.fault()
        };
        assert_eq!(fault(7, "/a\nb"), r"process 7 runs the old /a\nb");
        assert_eq!(fault(7, "(why)"), "process 7 may run old code (why)");
        assert_eq!(fault(0, "(why)"), "it may run old code (why)");
    }

    #[test]
    fn a_torn_report_is_told() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("9.json"), "{}").unwrap();
        let torn = directory.path().join("10.json");
        fs::write(&torn, "{\"number\": 1").unwrap();
        let (report, cause) = read_newest(directory.path()).unwrap();
        assert_eq!(report, None);
        let cause = cause.unwrap();
        let expected = format!("cannot make sense of '{}': ", torn.display());
        assert!(cause.starts_with(&expected), "{cause}");
    }

    #[test]
    fn the_newest_report_is_the_one_with_the_highest_number() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_newest(directory.path()).unwrap(), (None, None));
        let mut report = Report {
            finished: "2026-11-22T00:00:01Z".into(),
            containers: vec![ContainerReport {
                name: "web".into(),
                action: Action::Restarted,
                reason: None,
                why: Vec::new(),
                wave: Some("default".into()),
                until: None,
            }],
            ..Report::new(9, "2026-11-22T00:00:00Z")
        };
        report.write(directory.path()).unwrap();
        report.number = 10;
        report.write(directory.path()).unwrap();
        fs::write(directory.path().join("notes.json"), "").unwrap();
        assert_eq!(read_newest(directory.path()).unwrap(), (Some(report), None));
    }
}
