//! `lodgerd` without a command: refreshes while there is something to refresh, answers on the bus, and ends when idle.
//!
//! It ends without care for a mark that may come at that very moment: `lodgerd.path` looks again once it has ended.

use std::time::Duration;

use anyhow::{Context, Result};
use sd_notify::NotifyState;

use crate::bus::{Bus, NOTHING_TO_DO};
use crate::prefix::Prefix;
use crate::refresh::{Places, refresh, report};
use crate::settings::Settings;
use crate::systemd::Systemd;
use crate::{bus, log, mark, settings};

/// How long to stay for another question over D-Bus.
const IDLE: Duration = Duration::from_secs(10);

/// Serves until idle.
///
/// # Errors
/// When there is no system bus, or a refresh could not be brought to its end. It is on disk, and taken up again at the next
/// start, which systemd sees to.
pub fn serve(places: &Places) -> Result<()> {
    let bus = bus::serve(places.clone())?;
    notify(&[NotifyState::Ready, NotifyState::Status("Idle.")]);
    loop {
        let is_marked = mark::wait(places, IDLE)?;
        if is_marked {
            refresh_once(places, &bus)?;
        } else if bus.is_idle(IDLE) {
            break;
        }
    }
    // First, so that a call that comes once the name is given back starts the next one when this has ended.
    notify(&[NotifyState::Stopping]);
    bus.leave();
    Ok(())
}

fn refresh_once(places: &Places, bus: &Bus) -> Result<()> {
    notify(&[NotifyState::Status("Refreshing containers.")]);
    let mut systemd = Systemd::connect()?;
    let mut observer = bus;
    let refreshed = refresh(places, &mut systemd, &settings(), &mut observer);
    match refreshed.context("cannot refresh the containers")? {
        Some(report) => {
            log::report(&report);
            bus.finished(report.number, report.outcome.word());
        }
        None => {
            tracing::info!("no package has changed and nothing was put off: nothing to do");
            let newest = report::newest(&places.refreshes())?;
            let number = newest.map_or(0, |(number, _)| number) + 1;
            bus.finished(number, NOTHING_TO_DO);
        }
    }
    notify(&[NotifyState::Status("Idle.")]);
    Ok(())
}

/// A mistake in the settings is no reason to leave containers on old code.
fn settings() -> Settings {
    settings::read(&Prefix::host()).unwrap_or_else(|mistakes| {
        for mistake in mistakes {
            tracing::error!("{}", mistake.one_line());
        }
        Settings::default()
    })
}

/// What systemd shows of it is no reason to stop the work.
fn notify(state: &[NotifyState]) {
    if let Err(cause) = sd_notify::notify(state) {
        tracing::warn!("cannot tell systemd: {cause}");
    }
}
