//! The directory of records in; what is told of past refreshes out, within bounds.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::report::{Action, Outcome, Report};

/// The largest record that is read; one of 10,000 containers with their reasons has some MB.
const LARGEST: u64 = 64 << 20;

/// A refresh in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its number.
    pub number: u64,
    /// When it began, RFC 3339.
    pub started: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How many packages had changed.
    pub packages: usize,
    /// How many containers were restarted.
    pub restarted: usize,
    /// How many were put off, or are to stay as they are.
    pub put_off: usize,
    /// How many are not as they should be.
    pub failed: usize,
    /// How long it took; `None` if the record tells no times, or the clock was set back.
    pub seconds: Option<u64>,
}

impl Summary {
    /// The line for a record.
    pub fn of(report: &Report) -> Self {
        Self {
            number: report.number,
            started: report.started.clone(),
            outcome: report.outcome,
            packages: report.packages.len(),
            restarted: report.count(Action::Restarted),
            put_off: report.count(Action::PutOff) + report.count(Action::Skipped),
            failed: report.count(Action::Failed) + report.count(Action::RolledBack),
            seconds: took(report).map(|took| took.as_secs()),
        }
    }
}

/// How long a refresh took, by the wall clock.
fn took(report: &Report) -> Option<Duration> {
    let started = humantime::parse_rfc3339(&report.started).ok()?;
    let finished = humantime::parse_rfc3339(&report.finished).ok()?;
    finished.duration_since(started).ok()
}

/// The numbers of the records in `directory`, ascending; none before the first refresh.
///
/// # Errors
/// When the directory cannot be read.
pub fn numbers(directory: &Path) -> Result<Vec<u64>> {
    let failed = || format!("cannot read '{}'", directory.display());
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause).with_context(failed),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.with_context(failed)?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
        numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The record of a refresh; `None` if there is none of that number.
///
/// # Errors
/// When it cannot be read, is too large, or makes no sense.
pub fn record(directory: &Path, number: u64) -> Result<Option<Report>> {
    let path = directory.join(format!("{number}.json"));
    let failed = || format!("cannot read '{}'", path.display());
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause).with_context(failed),
    };
    let mut text = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut text);
    if read.with_context(failed)? as u64 > LARGEST {
        bail!("'{}' is larger than {LARGEST} bytes", path.display());
    }
    serde_json::from_slice(&text)
        .map(Some)
        .with_context(|| format!("cannot make sense of '{}'", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_number_and_told_in_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(numbers(&path.join("none")).unwrap(), [0; 0]);
        for number in [10, 9, 100] {
            let report = Report {
                finished: "2026-11-22T00:01:05.250Z".into(),
                ..Report::new(number, "2026-11-22T00:00:00.500Z")
            };
            report.write(path).unwrap();
        }
        fs::write(path.join("notes.json"), "").unwrap();
        fs::write(path.join("11.json"), "{").unwrap();
        assert_eq!(numbers(path).unwrap(), [9, 10, 11, 100]);
        let summary = Summary::of(&record(path, 100).unwrap().unwrap());
        assert_eq!((summary.number, summary.seconds), (100, Some(64)));
        assert_eq!(record(path, 1).unwrap(), None);
        assert!(record(path, 11).is_err());
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_time() {
        let report = Report {
            finished: "2026-11-22T00:00:00Z".into(),
            ..Report::new(1, "2026-11-22T00:01:00Z")
        };
        assert_eq!(Summary::of(&report).seconds, None);
    }
}
