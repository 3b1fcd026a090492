//! The jobs of a refresh: containers to restart in, what became of each out. At most so many jobs at a time, and what a
//! container requires before the container itself.
//!
//! A restart takes those along that require the container. So a container that has started since, or has a job already, is
//! not restarted once more.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::plan::Running;
use super::report::{Action, ContainerReport};
use crate::systemd::{FinishedJobs, Job, Systemd};

/// How long one restart may take: systemd's own limits for stop and start, and dependencies that are restarted with it.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// What became of the restarts.
pub(super) struct Restarted {
    pub containers: Vec<ContainerReport>,
    /// The system began to go down meanwhile; what was not restarted by then was left.
    pub system_is_stopping: bool,
}

/// A container with a job.
struct UnderWay {
    service: Running,
    job: Job,
    /// Whether the refresh queued it, or it was there.
    ours: bool,
    begun: Instant,
}

/// What there is to do for a container.
enum Begun {
    Ours(Job),
    Theirs(Job),
    Nothing,
}

/// Restarts `services`, `parallel` at a time.
pub(super) fn restart(
    systemd: &mut Systemd,
    services: Vec<Running>,
    parallel: usize,
    since: u64,
) -> Result<Restarted> {
    let mut finished = systemd.finished_jobs()?;
    let mut waiting = services;
    let mut under_way: Vec<UnderWay> = Vec::new();
    let mut restarted = Restarted {
        containers: Vec::new(),
        system_is_stopping: false,
    };
    loop {
        while under_way.len() < parallel.max(1) {
            let Some(service) = next(&mut waiting, &under_way) else {
                break;
            };
            let (job, ours) = match begin(systemd, &service, since) {
                Ok(Begun::Ours(job)) => (job, true),
                Ok(Begun::Theirs(job)) => (job, false),
                Ok(Begun::Nothing) => {
                    restarted.containers.push(outcome(systemd, &service, None)?);
                    continue;
                }
                // Jobs are refused while the system goes down; the next boot mounts everything afresh.
                Err(_) if systemd.is_stopping()? => {
                    restarted.system_is_stopping = true;
                    return Ok(restarted);
                }
                Err(cause) => {
                    restarted
                        .containers
                        .push(failed(&service, format!("{cause:#}")));
                    continue;
                }
            };
            under_way.push(UnderWay {
                service,
                job,
                ours,
                begun: Instant::now(),
            });
        }
        if under_way.is_empty() {
            return Ok(restarted);
        }
        let (ended, result) = match next_ended(systemd, &mut finished, &mut under_way)? {
            Some(ended) => ended,
            None => {
                restarted.containers.extend(give_up_late(&mut under_way));
                continue;
            }
        };
        // After somebody else's job the container may need its restart still; or a second job followed the first.
        if !ended.ours
            || systemd
                .service(&ended.service.unit)?
                .is_some_and(|state| state.job.is_some())
        {
            waiting.insert(0, ended.service);
        } else {
            restarted
                .containers
                .push(outcome(systemd, &ended.service, result.as_deref())?);
        }
    }
}

/// Takes the first container out of `waiting` that requires none that is still to be restarted. If all do, in a circle, the
/// first.
fn next(waiting: &mut Vec<Running>, under_way: &[UnderWay]) -> Option<Running> {
    let unfinished: BTreeSet<&str> = waiting
        .iter()
        .chain(under_way.iter().map(|restart| &restart.service))
        .map(|s| s.unit.as_str())
        .collect();
    let is_free = |service: &Running| {
        service
            .requires
            .iter()
            .all(|unit| !unfinished.contains(unit.as_str()))
    };
    let at = match waiting.iter().position(is_free) {
        Some(at) => at,
        None if under_way.is_empty() && !waiting.is_empty() => 0,
        None => return None,
    };
    Some(waiting.remove(at))
}

fn begin(systemd: &mut Systemd, service: &Running, since: u64) -> Result<Begun> {
    if let Some(state) = systemd.service(&service.unit)? {
        if let Some(job) = state.job {
            return Ok(Begun::Theirs(job));
        }
        if systemd.start_began(&state)? > since {
            return Ok(Begun::Nothing);
        }
    }
    systemd.try_restart(&service.unit).map(Begun::Ours)
}

/// Waits for a job to end; `None` if none has for a while.
fn next_ended(
    systemd: &mut Systemd,
    finished: &mut FinishedJobs,
    under_way: &mut Vec<UnderWay>,
) -> Result<Option<(UnderWay, Option<String>)>> {
    let jobs: Vec<Job> = under_way
        .iter()
        .map(|restart| restart.job.clone())
        .collect();
    let ended = finished.wait(systemd, &jobs)?;
    Ok(ended.map(|(at, result)| (under_way.swap_remove(at), result)))
}

/// Gives up waiting for a restart that takes too long.
fn give_up_late(under_way: &mut Vec<UnderWay>) -> Option<ContainerReport> {
    let at = under_way
        .iter()
        .position(|restart| restart.begun.elapsed() > LIMIT)?;
    let restart = under_way.swap_remove(at);
    Some(failed(
        &restart.service,
        format!(
            "its restart has not ended within {} minutes",
            LIMIT.as_secs() / 60
        ),
    ))
}

/// A job's result says how it ended; the unit's state says whether the container runs. Both have to be good.
fn outcome(
    systemd: &mut Systemd,
    service: &Running,
    result: Option<&str>,
) -> Result<ContainerReport> {
    let Some(state) = systemd.service(&service.unit)? else {
        return Ok(failed(service, "systemd knows it no more".to_owned()));
    };
    let is_good_result = matches!(result, None | Some("done"));
    // "activating" without a job is a container that failed and is about to be tried again.
    if is_good_result && matches!(state.active.as_str(), "active" | "reloading" | "refreshing") {
        tracing::info!(container = %service.name, "restarted {}", service.unit);
        return Ok(ContainerReport {
            name: service.name.to_string(),
            action: Action::Restarted,
            reason: None,
        });
    }
    if state.active == "inactive" {
        return Ok(skipped(service, "it ended or was stopped meanwhile"));
    }
    let details = systemd.details(&state)?;
    let job = result.unwrap_or("unknown");
    Ok(failed(
        service,
        format!(
            "the job's result is {job}, the unit is {} ({})",
            state.active, details.result
        ),
    ))
}

fn failed(service: &Running, reason: String) -> ContainerReport {
    tracing::error!(container = %service.name, "cannot restart {}: {reason}", service.unit);
    ContainerReport {
        name: service.name.to_string(),
        action: Action::Failed,
        reason: Some(reason),
    }
}

fn skipped(service: &Running, reason: &str) -> ContainerReport {
    ContainerReport {
        name: service.name.to_string(),
        action: Action::Skipped,
        reason: Some(reason.to_owned()),
    }
}
