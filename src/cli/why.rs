//! `lodger why`: a container in; why it is due, or what the last refresh did with it, out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::container::{Name, installed};
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::refresh::pending::Pending;
use lodger::refresh::reason::Reason;
use lodger::refresh::report::{self, ContainerReport, Report};
use lodger::refresh::standing::{Standing, standings};
use serde::Serialize;

use super::{present, write_json};

/// Tell why a container is due for a restart, or why the last refresh restarted it, and what is left to do.
///
/// A container is due when a package change affects it and it has not started since. The exit status is 0 if it is due, 1 if it
/// is not.
#[derive(Debug, Args)]
pub struct Why {
    /// The container: web, or web@3.
    #[arg(value_parser = Name::parse)]
    name: Name,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    name: String,
    due: Option<Standing>,
    /// The last refresh, if it had to do with the container.
    last: Option<Last>,
}

#[derive(Debug, Serialize)]
struct Last {
    refresh: u64,
    started: String,
    #[serde(flatten)]
    container: ContainerReport,
}

impl Why {
    /// Writes the reasons.
    ///
    /// # Errors
    /// When there is no such container, or what refreshes have written cannot be read.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let present = present::read(prefix, "why")?;
        let places = Places::default();
        let pending = Pending::read(&places)?;
        let record = report::read_newest(&places.refreshes())?;
        let told = Told {
            name: self.name.to_string(),
            due: standings(&pending, &present.plan).remove(self.name.as_str()),
            last: record.and_then(|record| last(record, &self.name)),
        };
        if told.due.is_none() && told.last.is_none() && !is_known(prefix, &self.name) {
            bail!(
                "no container is called '{}'; 'lodger list' shows all",
                self.name
            );
        }
        if self.json {
            write_json(out, &told)?;
        } else {
            write_text(out, &told)?;
        }
        Ok(match told.due {
            Some(_) => ExitCode::SUCCESS,
            None => ExitCode::FAILURE,
        })
    }
}

fn last(record: Report, name: &Name) -> Option<Last> {
    let mut containers = record.containers.into_iter();
    Some(Last {
        refresh: record.number,
        started: record.started,
        container: containers.find(|container| container.name == name.as_str())?,
    })
}

fn is_known(prefix: &Prefix, name: &Name) -> bool {
    let installed = installed::read(prefix);
    let mut refused = installed.refused.iter().flat_map(|refused| &refused.names);
    installed.containers().any(|has| has.name == *name) || refused.any(|has| has == name)
}

fn write_text(out: &mut dyn Write, told: &Told) -> Result<()> {
    let name = &told.name;
    if let Some(due) = &told.due {
        writeln!(out, "{name} is due since refresh {}: it", due.refresh)?;
        write_reasons(out, &due.reasons)?;
        if let Some(failed) = &due.failed {
            writeln!(
                out,
                "Its restart failed in refresh {}: {}",
                failed.refresh, failed.how
            )?;
        }
        let remedy = due.hindrance.as_ref();
        let remedy = remedy.and_then(|hindrance| hindrance.remedy(name));
        match remedy {
            Some(remedy) => writeln!(out, "What it waits for: {}; {remedy}", due.waits_for())?,
            None => writeln!(out, "What it waits for: {}", due.waits_for())?,
        }
        return Ok(());
    }
    writeln!(out, "{name} is not due.")?;
    let Some(last) = &told.last else {
        return Ok(());
    };
    let container = &last.container;
    let mut text = format!(
        "Refresh {}, at {}: {}",
        last.refresh,
        last.started,
        container.action.word()
    );
    if let Some(wave) = &container.wave {
        text += &format!(" in wave '{wave}'");
    }
    if let Some(reason) = &container.reason {
        text += &format!(", {reason}");
    }
    if !container.why.is_empty() {
        text += "; it";
    }
    writeln!(out, "{text}")?;
    write_reasons(out, &container.why)
}

fn write_reasons(out: &mut dyn Write, reasons: &[Reason]) -> Result<()> {
    for reason in reasons {
        writeln!(out, "  {reason}")?;
    }
    Ok(())
}
