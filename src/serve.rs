//! `lodgerd` without a command: refreshes while there is something to refresh, and ends when idle.
//!
//! It ends without care for a mark that may come at that very moment: `lodgerd.path` looks again once it has ended.

use std::time::Duration;

use anyhow::{Context, Result};
use sd_notify::NotifyState;

use crate::prefix::Prefix;
use crate::refresh::{Places, refresh};
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
    bus::serve(places.clone())?;
    notify(&[NotifyState::Ready, NotifyState::Status("Idle.")]);
    while mark::wait(places, IDLE)? {
        notify(&[NotifyState::Status("Refreshing containers.")]);
        let mut systemd = Systemd::connect()?;
        let refreshed = refresh(places, &mut systemd, &settings(), &mut ());
        match refreshed.context("cannot refresh the containers")? {
            Some(report) => log::report(&report),
            None => tracing::info!("no package has changed and nothing was put off: nothing to do"),
        }
        notify(&[NotifyState::Status("Idle.")]);
    }
    notify(&[NotifyState::Stopping]);
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
