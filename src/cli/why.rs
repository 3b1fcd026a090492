//! `lodger why`: a container in; why it is due, what the last refresh did with it, and what its processes show, out.

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
use lodger::systemd::Systemd;
use lodger::why::{Why as Seen, why};
use nix::unistd::Uid;
use serde::Serialize;

use super::output::stderr;
use super::{present, write_json};

/// Tell why a container is due for a restart, or why the last refresh restarted it, and what is left to do.
///
/// A container is due when a package change affects it and it has not started since. If no refresh has found it so, its processes
/// are looked at now: what they map and have open is seen by inode, and compared with the base that it would start on; what they
/// may load, run or read next is told by what packages say that they need, and by where their files lie: modules of the
/// interpreter that it runs, and of PAM if it lets people log in, parts of its program, data that its program needs, and everything
/// for a shell that runs other programs, or for what runs jobs.
///
/// The exit status is 0 if it is due or affected, 1 if it is not. It takes root to look at processes.
#[derive(Debug, Args)]
pub struct Why {
    /// The container: web, or web@3.
    #[arg(value_parser = Name::parse)]
    name: Name,
    /// Write JSON, with all that was seen.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    /// `None` without a good container file.
    #[serde(flatten)]
    seen: Option<Seen>,
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
        let (pending, unreadable) = Pending::known(&places);
        let (record, unreadable_record) = report::read_newest(&places.refreshes())?;
        let told = Told {
            seen: seen(prefix, &places, &self.name)?,
            due: standings(&pending, &present.plan).remove(self.name.as_str()),
            last: record.and_then(|record| last(record, &self.name)),
        };
        let is_known = told.due.is_some() || told.last.is_some() || told.seen.is_some();
        if !is_known && !is_installed(prefix, &self.name) {
            bail!(
                "no container is called '{}', or its file has a mistake; 'lodger list' shows all",
                self.name
            );
        }
        if let Some(cause) = &unreadable {
            writeln!(stderr(), "note: {}", present::unreadable(cause))?;
        }
        if let Some(cause) = &unreadable_record {
            writeln!(stderr(), "note: {}", present::unreadable_record(cause))?;
        }
        for fault in told.seen.iter().flat_map(|seen| &seen.faults) {
            writeln!(stderr(), "note: in dpkg's status, {fault}")?;
        }
        match self.json {
            true => write_json(out, &told)?,
            false => write_text(out, self.name.as_str(), &told)?,
        }
        Ok(match told.due.is_some() || told.is_affected() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

impl Told {
    fn is_affected(&self) -> bool {
        let Some(seen) = self
            .seen
            .as_ref()
            .filter(|seen| seen.evidence.processes > 0)
        else {
            return false;
        };
        // One that is to follow every change is affected by none as long as there is none.
        let mut reasons = seen.reasons.iter();
        reasons.any(|reason| *reason != Reason::Always || !seen.packages.is_empty())
    }
}

/// What the processes of a container show; who is not root cannot look at them.
fn seen(prefix: &Prefix, places: &Places, name: &Name) -> Result<Option<Seen>> {
    let installed = installed::read(prefix);
    let mut containers = installed.containers();
    let Some(container) = containers.find(|container| container.name == *name) else {
        return Ok(None);
    };
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let mut systemd = Systemd::connect()?;
    let group = match systemd.service(&name.service())? {
        Some(service) => systemd.control_group(&service)?,
        None => String::new(),
    };
    why(places, container, &group).map(Some)
}

fn is_installed(prefix: &Prefix, name: &Name) -> bool {
    let installed = installed::read(prefix);
    installed
        .containers()
        .any(|container| container.name == *name)
}

fn last(record: Report, name: &Name) -> Option<Last> {
    let mut containers = record.containers.into_iter();
    Some(Last {
        refresh: record.number,
        started: record.started,
        container: containers.find(|container| container.name == name.as_str())?,
    })
}

fn write_text(out: &mut dyn Write, name: &str, told: &Told) -> Result<()> {
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
    if let Some(seen) = told.seen.as_ref().filter(|_| told.is_affected()) {
        writeln!(out, "{name} is not due in a refresh, and affected: it")?;
        write_reasons(out, &seen.reasons)?;
    } else {
        writeln!(out, "{name} is not due.")?;
    }
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

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples(seen: Vec<Seen>, due: Vec<Standing>, record: &Report) -> Vec<serde_json::Value> {
    let mut samples = vec![serde_json::json!(Told {
        seen: None,
        due: None,
        last: None,
    })];
    for (seen, due) in seen.into_iter().zip(due) {
        samples.push(serde_json::json!(Told {
            seen: Some(seen),
            due: Some(due),
            last: last(record.clone(), &Name::parse("web").unwrap()),
        }));
    }
    samples
}
