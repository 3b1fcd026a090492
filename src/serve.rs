//! `lodgerd` without a command: refreshes while there is something to refresh, and ends when idle.
//!
//! It ends without care for a mark that may come at that very moment: `lodgerd.path` looks again once it has ended.

use std::time::Duration;

use anyhow::{Context, Result};
use sd_notify::NotifyState;

use crate::refresh::{Places, refresh};
use crate::systemd::Systemd;
use crate::{bus, log, mark};

/// How long to stay for another question over D-Bus.
const IDLE: Duration = Duration::from_secs(10);

/// Serves until idle. `parallel` is how many containers are restarted at a time.
///
/// # Errors
/// When a refresh could not be brought to its end. It is on disk, and taken up again at the next start.
pub fn serve(places: &Places, parallel: usize) -> Result<()> {
    if let Err(cause) = bus::serve(places.clone()) {
        // Marks and systemd's own socket are enough for a refresh.
        tracing::warn!("going on without D-Bus: {cause:#}");
    }
    notify(&[NotifyState::Ready, NotifyState::Status("Idle.")]);
    while mark::wait(places, IDLE)? {
        notify(&[NotifyState::Status("Refreshing containers.")]);
        let mut systemd = Systemd::connect()?;
        match refresh(places, &mut systemd, parallel).context("cannot refresh the containers")? {
            Some(report) => log::report(&report),
            None => tracing::info!("no package has changed since the last refresh, nothing to do"),
        }
        notify(&[NotifyState::Status("Idle.")]);
    }
    notify(&[NotifyState::Stopping]);
    Ok(())
}

/// What systemd shows of it is no reason to stop the work.
fn notify(state: &[NotifyState]) {
    if let Err(cause) = sd_notify::notify(state) {
        tracing::warn!("cannot tell systemd: {cause}");
    }
}
