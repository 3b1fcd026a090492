//! `lodger history`: the records of refreshes in; a table of them, or one of them, out.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::dpkg::Change;
use lodger::place;
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::refresh::history::{Summary, numbers, record};
use lodger::refresh::report::{Report, WaveState};

use super::output::stderr;
use super::plain_table::{plain_table, trimmed};
use super::write_json;

/// The most processes on old code of one refresh that are told here; the JSON has them all.
const MOST_STALE: usize = 20;

/// List past refreshes, the newest last, or tell one of them whole.
///
/// PACKAGES is how many had changed. PUT OFF counts those that wait for a hold, a window or another container, and those that
/// are to stay as they are; FAILED those that did not become ready, whether they went back to their old base or not. The records
/// are /var/lib/lodger/refreshes/N.json; their form is described in lodgerd(8).
/// The exit status is 1 if one of them cannot be read.
#[derive(Debug, Args)]
pub struct History {
    /// The number of a refresh.
    number: Option<u64>,
    /// How many of the newest are listed; 0 for all.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 20,
        conflicts_with = "number"
    )]
    last: usize,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl History {
    /// Writes what the records tell. One that cannot be read makes the exit status 1, and hides no other.
    ///
    /// # Errors
    /// When there is no record of that number, or it cannot be read.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let places = Places {
            state: prefix.at(Path::new(place::STATE)),
            ..Places::default()
        };
        let directory = places.refreshes();
        if let Some(number) = self.number {
            let Some(report) = record(&directory, number)? else {
                bail!(
                    "there is no record of a refresh {number}; 'lodger history --last 0' lists all"
                );
            };
            match self.json {
                true => write_json(out, &report)?,
                false => write_one(out, &report)?,
            }
            return Ok(ExitCode::SUCCESS);
        }
        self.list(&directory, out)
    }

    fn list(&self, directory: &Path, out: &mut dyn Write) -> Result<ExitCode> {
        let numbers = numbers(directory)?;
        let skipped = match self.last {
            0 => 0,
            last => numbers.len().saturating_sub(last),
        };
        let mut summaries = Vec::new();
        let mut unreadable = Vec::new();
        for number in &numbers[skipped..] {
            match record(directory, *number) {
                Ok(report) => summaries.extend(report.as_ref().map(Summary::of)),
                Err(cause) => unreadable.push(cause),
            }
        }
        match self.json {
            true => write_json(out, &summaries)?,
            false if numbers.is_empty() => writeln!(out, "There has been no refresh yet.")?,
            false if summaries.is_empty() => {}
            false => writeln!(out, "{}", table(&summaries))?,
        }
        out.flush()?;
        for cause in &unreadable {
            writeln!(stderr(), "note: {cause:#}")?;
        }
        Ok(match unreadable.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

fn table(summaries: &[Summary]) -> String {
    let mut table = plain_table([
        "NUMBER",
        "STARTED",
        "OUTCOME",
        "PACKAGES",
        "RESTARTED",
        "PUT OFF",
        "FAILED",
        "SECONDS",
    ]);
    for summary in summaries {
        let seconds = summary.seconds.map(|seconds| seconds.to_string());
        table.add_row([
            summary.number.to_string(),
            summary.started.clone(),
            summary.outcome.word().to_owned(),
            summary.packages.to_string(),
            summary.restarted.to_string(),
            summary.put_off.to_string(),
            summary.failed.to_string(),
            seconds.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    trimmed(&mut table)
}

fn write_one(out: &mut dyn Write, report: &Report) -> Result<()> {
    writeln!(
        out,
        "Refresh {}: {}, from {} to {}",
        report.number,
        report.outcome.word(),
        report.started,
        report.finished
    )?;
    for unfinished in &report.unfinished {
        writeln!(out, "dpkg had not finished with {unfinished}")?;
    }
    if !report.packages.is_empty() {
        writeln!(out, "\n{}", packages(&report.packages))?;
    }
    if !report.containers.is_empty() {
        writeln!(out, "\n{}", containers(report))?;
    }
    writeln!(
        out,
        "\n{} running containers were not affected. {} of {} processes on old code.",
        report.unaffected,
        report.verified.stale.len(),
        report.verified.processes
    )?;
    for stale in report.verified.stale.iter().take(MOST_STALE) {
        let reason = stale.reason.as_ref();
        let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
        writeln!(out, "  {}: {}{reason}", stale.container, stale.fault())?;
    }
    Ok(())
}

fn packages(changes: &[Change]) -> String {
    let mut table = plain_table(["PACKAGE", "OLD", "NEW"]);
    for change in changes {
        let version = |version: &Option<String>| version.clone().unwrap_or("-".to_owned());
        table.add_row([
            format!("{}:{}", change.name, change.architecture),
            version(&change.old),
            version(&change.new),
        ]);
    }
    trimmed(&mut table)
}

/// The containers in the order of the waves they were in, those in none last.
fn containers(report: &Report) -> String {
    let place = |name: &str| {
        let mut waves = report.waves.iter();
        waves.position(|wave| wave.containers.iter().any(|has| has == name))
    };
    let mut rows: Vec<_> = report
        .containers
        .iter()
        .map(|container| (place(&container.name), container))
        .collect();
    rows.sort_by_key(|(place, container)| (place.unwrap_or(usize::MAX), &container.name));
    let mut table = plain_table(["WAVE", "NAME", "ACTION", "REASON"]);
    for (place, container) in rows {
        let wave = place.map(|place| {
            let wave = &report.waves[place];
            match wave.state {
                WaveState::NotStarted => format!("{} {} (not started)", place + 1, wave.name),
                _ => format!("{} {}", place + 1, wave.name),
            }
        });
        let mut reasons: Vec<String> = container.reason.iter().cloned().collect();
        reasons.extend(container.why.iter().map(ToString::to_string));
        table.add_row([
            wave.unwrap_or_else(|| "-".to_owned()),
            container.name.clone(),
            container.action.word().to_owned(),
            reasons.join("; "),
        ]);
    }
    trimmed(&mut table)
}
