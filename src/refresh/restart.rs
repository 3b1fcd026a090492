//! The jobs of a refresh: containers to restart in, what became of each out. At most so many jobs at a time.

use std::collections::VecDeque;
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

struct UnderWay {
    service: Running,
    job: Job,
    queued: Instant,
}

/// Restarts `services`, `parallel` at a time. Those that a job for another one restarted already, because they require
/// it, are not restarted again.
pub(super) fn restart(
    systemd: &mut Systemd,
    services: Vec<Running>,
    parallel: usize,
    since: u64,
) -> Result<Restarted> {
    let mut finished = systemd.finished_jobs()?;
    let mut waiting = VecDeque::from(services);
    let mut under_way: Vec<UnderWay> = Vec::new();
    let mut restarted = Restarted {
        containers: Vec::new(),
        system_is_stopping: false,
    };
    loop {
        while under_way.len() < parallel.max(1) {
            let Some(service) = waiting.pop_front() else {
                break;
            };
            match begin(systemd, &service, since) {
                Ok(Some(job)) => under_way.push(UnderWay {
                    service,
                    job,
                    queued: Instant::now(),
                }),
                Ok(None) => restarted.containers.push(outcome(systemd, &service, None)?),
                // Jobs are refused while the system goes down; the next boot mounts everything afresh.
                Err(_) if systemd.is_stopping()? => {
                    restarted.system_is_stopping = true;
                    return Ok(restarted);
                }
                Err(cause) => restarted
                    .containers
                    .push(failed(&service, format!("{cause:#}"))),
            }
        }
        if under_way.is_empty() {
            return Ok(restarted);
        }
        restarted
            .containers
            .extend(next_outcome(systemd, &mut finished, &mut under_way)?);
    }
}

/// The job to wait for: a new one, or, if a job for another container has started this one since, what is left of that.
fn begin(systemd: &mut Systemd, service: &Running, since: u64) -> Result<Option<Job>> {
    if let Some(state) = systemd.service(&service.unit)?
        && systemd.start_began(&state)? > since
    {
        // Asked again: a start that has begun by now has its job by now.
        let state = systemd.service(&service.unit)?;
        return Ok(state.and_then(|state| state.job));
    }
    systemd.try_restart(&service.unit).map(Some)
}

/// Waits for a job to end, or to have taken too long.
fn next_outcome(
    systemd: &mut Systemd,
    finished: &mut FinishedJobs,
    under_way: &mut Vec<UnderWay>,
) -> Result<Option<ContainerReport>> {
    let jobs: Vec<Job> = under_way
        .iter()
        .map(|restart| restart.job.clone())
        .collect();
    if let Some((at, result)) = finished.wait(systemd, &jobs)? {
        let restart = under_way.swap_remove(at);
        return outcome(systemd, &restart.service, result.as_deref()).map(Some);
    }
    let late = under_way
        .iter()
        .position(|restart| restart.queued.elapsed() > LIMIT);
    Ok(late.map(|at| {
        let restart = under_way.swap_remove(at);
        failed(
            &restart.service,
            format!(
                "its restart has not ended within {} minutes",
                LIMIT.as_secs() / 60
            ),
        )
    }))
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
    if is_good_result && state.is_running() {
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
