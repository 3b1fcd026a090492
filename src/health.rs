//! `lodgerd health`: a container in; whether it does its work, what is known of that since its start, and a restart if it has
//! not for too long, out.
//!
//! ```text
//! lodgerd-health@NAME.timer     is started with the container, stops with it, and starts
//! lodgerd-health@NAME.service   lodgerd health NAME: systemd's word on the container, then check -> record -> restart
//! ```
//!
//! lodgerd.service, which has not the rights to enter containers, has the same service started and reads the record.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::container::{Container, Health, Name, installed};
use crate::log;
use crate::main_process::MainProcess;
use crate::prefix::Prefix;
use crate::refresh::moment::monotonic;
use crate::systemd::{Job, Run, Systemd};

pub mod check;
mod group;
pub mod record;

use record::Record;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The command succeeded.
    Healthy,
    /// It did not, and why: one line, fit to be shown.
    Unhealthy(String),
    /// There was nothing to check: the container is not running, or not yet or not any more, or has no health command.
    Unchecked,
}

impl Answer {
    /// The exit status of `lodgerd health` that says so.
    pub fn exit_status(&self) -> u8 {
        match self {
            Answer::Healthy => 0,
            Answer::Unhealthy(_) => 1,
            Answer::Unchecked => 3,
        }
    }
}

/// Checks the health of the container `name`, records the answer, and does what is to be done. Only what `counts` leads to that.
///
/// # Errors
/// When systemd does not answer, or the check cannot be made.
pub fn run(name: &Name, counts: bool) -> Result<Answer> {
    let Some(container) = read_container(name)? else {
        bail!("no container file makes '{name}'");
    };
    let Some(health) = &container.health else {
        return Ok(Answer::Unchecked);
    };
    let mut systemd = Systemd::connect()?;
    let Some(run) = running(&mut systemd, name)? else {
        return Ok(Answer::Unchecked);
    };
    let began = monotonic()?;
    let answer = check_running(&container, health, &run)?;
    // While it stops, or is started anew, it need not answer.
    if answer != Answer::Healthy && running(&mut systemd, name)?.as_ref() != Some(&run) {
        return Ok(Answer::Unchecked);
    }
    let why = match &answer {
        Answer::Healthy => None,
        Answer::Unhealthy(why) => Some(why.as_str()),
        Answer::Unchecked => return Ok(answer),
    };
    let path = record::path(name);
    let before = record::read(&path, &run.invocation).unwrap_or_else(|error| {
        tracing::warn!("{name}: its failed checks are counted anew: {error:#}");
        None
    });
    let before = before.unwrap_or_else(|| Record::new(&run.invocation));
    let next = before.after(why, began, counts);
    record::write(&path, &next)?;
    let restart = counts && next.wants_restart(health);
    log::health(name, before.turn(&next, health), &next, restart);
    if restart {
        systemd.try_restart(&name.service())?;
    }
    Ok(answer)
}

/// A check that somebody has asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    name: Name,
    invocation: String,
    since: u64,
    /// The job that makes it.
    pub job: Job,
}

impl Asked {
    /// Has the health of the container `name` checked by its own service. It does not count towards a restart. `None` if the
    /// container is not up.
    ///
    /// # Errors
    /// When systemd does not answer, or refuses.
    pub fn of(systemd: &mut Systemd, name: &Name) -> Result<Option<Self>> {
        let Some(run) = running(systemd, name)? else {
            return Ok(None);
        };
        let since = monotonic()?;
        Ok(Some(Self {
            name: name.clone(),
            invocation: run.invocation,
            since,
            job: systemd.start(&name.health_service())?,
        }))
    }

    /// What it found, once its job has ended.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn answer(&self) -> Result<Answer> {
        answer_since(&self.name, &self.invocation, self.since)
    }
}

/// What a check found that began at `since` ([`monotonic`]) or later, of the container `name` since its start `invocation`;
/// [`Answer::Unchecked`] if there was none.
///
/// # Errors
/// When the record cannot be read.
fn answer_since(name: &Name, invocation: &str, since: u64) -> Result<Answer> {
    let record = record::read(&record::path(name), invocation)?;
    let record = record.filter(|record| record.began >= since);
    Ok(record.map_or(Answer::Unchecked, |record| record.answer()))
}

fn read_container(name: &Name) -> Result<Option<Container>> {
    installed::read_one(&Prefix::host(), name).map_err(|mistakes| {
        let first = mistakes.first().map(|mistake| mistake.one_line());
        anyhow::anyhow!(
            "its container file has a mistake: {}",
            first.unwrap_or_default()
        )
    })
}

/// What systemd knows of the container if it is up: neither starting nor stopping, nor frozen.
fn running(systemd: &mut Systemd, name: &Name) -> Result<Option<Run>> {
    let service = systemd.service(&name.service())?;
    match service.filter(|service| service.active == "active" && service.sub == "running") {
        Some(service) => systemd.run(&service),
        None => Ok(None),
    }
}

fn check_running(container: &Container, health: &Health, run: &Run) -> Result<Answer> {
    let Some(main) = MainProcess::in_service(run.main_pid, &run.control_group)? else {
        return Ok(Answer::Unchecked);
    };
    let checked = check::check(container, health, &main, &run.control_group);
    // It may have ended before all of it was found there.
    let is_healthy = matches!(checked, Ok(Answer::Healthy));
    if !is_healthy && main.handle.wait(Duration::ZERO)? {
        return Ok(Answer::Unchecked);
    }
    checked
}
