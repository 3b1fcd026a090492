//! `lodger refresh`: a wish in; a refresh asked for, and with `--wait` followed to its end, out.

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use lodger::bus::client::{self, Followed};
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::refresh::history;
use lodger::refresh::report::{Outcome, Report};
use serde::Serialize;

use super::progress::Progress;
use super::summary::summary;
use super::write_json;

/// How long to listen before it is looked whether the refresh is over: a lodgerd that is restarted says nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Have what is due restarted now, as after a run of dpkg.
///
/// It asks lodgerd, which waits until dpkg has finished, looks what has changed, and restarts the containers that this affects in
/// waves; 'lodger plan' shows them beforehand. Holds and windows count as ever. Who is not root is asked for an authorization by
/// polkit, if it is there.
///
/// With --wait it shows how the refresh goes, a bar for each wave on a terminal and a line for each container otherwise. The exit
/// status is 0 if every container that is affected runs the new code or is put off, 1 if one does not, and 2 if lodgerd could not
/// be asked.
#[derive(Debug, Args)]
pub struct Refresh {
    /// Wait until it is over.
    #[arg(long)]
    wait: bool,
    /// Write JSON: the number that the refresh gets if it has anything to do, or with --wait the records of what was done.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    /// That which the refresh gets if it has anything to do.
    number: u64,
}

impl Refresh {
    /// Asks for it.
    ///
    /// # Errors
    /// When lodgerd cannot be asked, or refuses.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("'refresh' is of the running system; it cannot be had of another root");
        }
        if self.wait {
            return self.follow(out);
        }
        let number = client::ask(async |manager| manager.refresh().await)?;
        match self.json {
            true => write_json(out, &Told { number })?,
            false => writeln!(
                out,
                "lodgerd has been asked; if anything is due, refresh {number} does it"
            )?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn follow(&self, out: &mut dyn Write) -> Result<ExitCode> {
        let places = Places::default();
        let followed = client::follow()?;
        let number = client::ask(async |manager| manager.refresh().await)?;
        let mut progress = Progress::new(self.json);
        listen(&places, &followed, &mut progress, out)?;
        progress.end();
        let records = records(&places, number)?;
        if self.json {
            write_json(out, &records)?;
        } else {
            for report in &records {
                let (number, outcome) = (report.number, report.outcome.word());
                writeln!(out, "Refresh {number}: {outcome}. {}", summary(report))?;
            }
            if records.is_empty() {
                writeln!(
                    out,
                    "Nothing to do: no package has changed, and nothing is due."
                )?;
            }
        }
        let is_good = |report: &Report| report.outcome == Outcome::Done;
        Ok(match records.iter().all(is_good) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

/// Returns once nothing is due or under way any more: what was asked for has been done then.
fn listen(
    places: &Places,
    followed: &Followed,
    progress: &mut Progress,
    out: &mut dyn Write,
) -> Result<()> {
    while places.is_refresh_due() {
        match followed.recv_timeout(LOOK_AGAIN) {
            Ok(heard) => progress.hear(&heard, out)?,
            Err(RecvTimeoutError::Timeout) => {}
            // The bus is gone; the refresh may go on.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK_AGAIN),
        }
    }
    while let Ok(heard) = followed.try_recv() {
        progress.hear(&heard, out)?;
    }
    Ok(())
}

/// The records from `number` on.
fn records(places: &Places, number: u64) -> Result<Vec<Report>> {
    let directory = places.refreshes();
    let numbers = history::numbers(&directory)?.into_iter();
    let numbers = numbers.filter(|found| *found >= number);
    let records = numbers.map(|number| history::record(&directory, number));
    Ok(records
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples() -> Vec<serde_json::Value> {
    vec![serde_json::json!(Told { number: 7 })]
}
