//! A refresh that was interrupted in; what systemd had been told is stopping, and not yet that it is to start again, restarted, out.
//!
//! That is a moment in each restart (see [`crate::stops`]). Nobody but lodgerd leaves a service stopping without a job, unless it ends by
//! itself, and then its restart policy decides; so it is seen to before anything is waited for.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::places::Places;
use super::under_way::UnderWay;
use crate::place;
use crate::stops::Stops;
use crate::systemd::{Job, ServiceState, Systemd};

/// How long their jobs may take to begin, and how often to look.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Restarts those of an interrupted wave.
pub(super) fn restart_cut_short(
    places: &Places,
    systemd: &mut Systemd,
    under_way: &UnderWay,
) -> Result<()> {
    let restarting = under_way.restarting.iter().map(String::as_str);
    let mut services = systemd.services_of(restarting)?;
    services.retain(ServiceState::is_stopping_without_job);
    if services.is_empty() {
        return Ok(());
    }
    let mut jobs = HashSet::new();
    for service in &services {
        tracing::warn!(
            "{} was stopping for its restart; restarting it",
            service.unit
        );
        match systemd.restart(&service.unit) {
            Ok(job) => _ = jobs.insert(job),
            Err(cause) => tracing::error!("{cause:#}"),
        }
    }
    end_once_begun(places, systemd, &services, &jobs)
}

/// Has them ended that systemd waits for, once it does.
fn end_once_begun(
    places: &Places,
    systemd: &mut Systemd,
    services: &[ServiceState],
    jobs: &HashSet<Job>,
) -> Result<()> {
    let mut stops = Stops::connect(&places.prefix.at(place::STOPS));
    let services: Vec<&ServiceState> = services.iter().collect();
    let commands = systemd.stop_commands(&services)?;
    for (service, command) in services.iter().zip(commands) {
        // systemd knows that already, and takes no notice.
        if let Some(command) = command {
            stops.announce(&service.unit, &command);
        }
    }
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && !systemd.waiting_jobs()?.is_disjoint(jobs) {
        thread::sleep(LOOK_AGAIN);
    }
    for service in services {
        stops.end(&service.unit);
    }
    Ok(())
}
