//! `lodger verify`: packages in; how many processes of containers run their present files, and who does not, out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::dpkg::Database;
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::refresh::history;
use lodger::refresh::proof::{Proof, Question, proof};
use lodger::settings;
use lodger::systemd::Systemd;
use nix::unistd::Uid;

use super::plain_table::{plain_table, trimmed};
use super::write_json;

/// The most records that are read.
const MOST_RECORDS: usize = 1000;

/// Prove that package changes have reached every process of every container.
///
/// For each package that changed last, or that is named, it counts the processes that map a file of it: NEW as the host has it
/// now, OLD as it was before, SHADOW a copy of the container's own, which updates do not reach ('lodger audit'). All processes of
/// all running containers are looked at, by inode. A package of which no process maps a file has zeros. Without --package old
/// files of all others count as well.
///
/// The exit status is 0 only if none is old and every process could be looked at, else 1. It takes root.
#[derive(Debug, Args)]
pub struct Verify {
    /// A package, by its name without the architecture; may be given several times.
    #[arg(long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    /// Writes what was found.
    ///
    /// # Errors
    /// When there is no such package, or not everything can be read.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("'verify' is of the running system; it cannot be had of another root");
        }
        if !Uid::effective().is_root() {
            bail!("only root may look at the processes of containers");
        }
        let places = Places::default();
        let packages = self.packages(&places)?;
        let mut systemd = Systemd::connect()?;
        let settings = settings::read(prefix).unwrap_or_default();
        let question = Question {
            packages: &packages,
            everything: self.packages.is_empty(),
        };
        let proof = proof(&places, &mut systemd, &settings, question)?;
        match self.json {
            true => write_json(out, &proof)?,
            false => write_text(out, &proof)?,
        }
        Ok(match proof.is_good() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    /// Those that are asked for, sorted, each once.
    fn packages(&self, places: &Places) -> Result<Vec<String>> {
        let mut packages = self.packages.clone();
        if packages.is_empty() {
            packages = last_changed(places)?;
        } else {
            let database = Database::read(&places.admindir)?;
            let ids = database.packages.keys();
            let known: Vec<&str> = ids.filter_map(|id| id.split(':').next()).collect();
            if let Some(unknown) = packages.iter().find(|name| !known.contains(&name.as_str())) {
                bail!("no package is called '{unknown}' on this host");
            }
        }
        packages.sort();
        packages.dedup();
        Ok(packages)
    }
}

/// The packages of the last refresh that was about any: those after it took up what had been put off.
fn last_changed(places: &Places) -> Result<Vec<String>> {
    let directory = places.refreshes();
    let numbers = history::numbers(&directory)?;
    for number in numbers.into_iter().rev().take(MOST_RECORDS) {
        let record = history::record(&directory, number)?;
        let packages = record.map_or(Vec::new(), |record| record.packages);
        if !packages.is_empty() {
            return Ok(packages.into_iter().map(|change| change.name).collect());
        }
    }
    bail!("no refresh has been about a package yet; name one with --package")
}

fn write_text(out: &mut dyn Write, proof: &Proof) -> Result<()> {
    let mut table = plain_table(["PACKAGE", "NEW", "OLD", "SHADOW"]);
    for package in &proof.packages {
        table.add_row([
            package.name.clone(),
            package.new.to_string(),
            package.old.to_string(),
            package.shadow.to_string(),
        ]);
    }
    writeln!(out, "{}", trimmed(&mut table))?;
    if !proof.is_good() {
        writeln!(out)?;
    }
    for old in &proof.old {
        let reason = old.reason.as_deref();
        let reason = reason.unwrap_or("and nobody wants that: see 'lodger why'");
        let what = match old.packages.as_slice() {
            [] => "old files".to_owned(),
            packages => format!("what {} had before", packages.join(", ")),
        };
        let (name, processes) = (&old.name, old.processes);
        writeln!(out, "{name}: {processes} processes run {what}: {reason}")?;
    }
    for unknown in &proof.unknown {
        writeln!(
            out,
            "{}: nothing can be told of {} processes {}",
            unknown.name, unknown.processes, unknown.why
        )?;
    }
    Ok(())
}
