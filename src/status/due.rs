//! Containers, and what is pending, in; which of them are due, and what for they wait, out.

use anyhow::Result;
use serde::Serialize;

use super::ContainerStatus;
use crate::refresh::pending::{Failure, Pending};
use crate::refresh::reason::Reason;
use crate::refresh::standing::standings;
use crate::refresh::{Places, present};
use crate::settings;
use crate::systemd::Systemd;

/// A container that a change is still to reach.
#[derive(Debug, Serialize)]
pub struct DueStatus {
    /// The refresh that found it first.
    pub refresh: u64,
    /// Why it is due.
    pub reasons: Vec<Reason>,
    /// What it waits for, in words; `None` if that cannot be told without being root.
    pub waits_for: Option<String>,
    /// How its restart failed, if it has.
    pub failed: Option<Failure>,
}

/// Who is due is known to everybody, what for they wait to root: holds on bases are nobody else's to see. Why it cannot be told
/// who is due, if so.
///
/// # Errors
/// When what refreshes have written cannot be read, or systemd does not answer.
pub fn add(
    containers: &mut [ContainerStatus],
    places: &Places,
    systemd: &mut Systemd,
    look: bool,
) -> Result<Option<String>> {
    let (mut pending, unreadable) = Pending::known(places);
    if pending.containers.is_empty() {
        return Ok(unreadable);
    }
    let mut standings = match look {
        true => {
            let settings = settings::read(&places.prefix).unwrap_or_default();
            let present = present(places, systemd, &settings)?;
            Some(standings(&pending, &present.plan))
        }
        false => None,
    };
    for container in containers {
        let Some(due) = pending.containers.remove(&container.name) else {
            continue;
        };
        let waits_for = match &mut standings {
            Some(standings) => match standings.remove(&container.name) {
                Some(standing) => Some(standing.waits_for()),
                // It has started since.
                None => continue,
            },
            None => None,
        };
        container.due = Some(DueStatus {
            refresh: due.refresh,
            reasons: due.reasons,
            waits_for,
            failed: due.failed,
        });
    }
    Ok(unreadable)
}
