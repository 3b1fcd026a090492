//! What was put off in; a timer for when it can be done, or a mark if that is now, out.

use std::time::SystemTime;

use super::places::Places;
use super::report::{Action, Report};
use crate::systemd::Systemd;

/// Sees to it that a refresh looks again once a hold ends or a window opens. Without the timer the next package change does.
pub(super) fn come_back(systemd: &mut Systemd, places: &Places, report: &Report) {
    let Some(at) = first_time(report) else {
        return;
    };
    // One that came while the refresh was under way is missed by its plan and would be by a timer.
    let is_over = at <= SystemTime::now();
    let asked = match is_over {
        true => places.mark(),
        false => systemd.start_timer(&report.number.to_string(), at),
    };
    if let Err(cause) = asked {
        tracing::warn!("what was put off waits for the next package change: {cause:#}");
    }
}

/// The first time, since the refresh began, at which something of it can be done. What was over before that is no end of anything.
fn first_time(report: &Report) -> Option<SystemTime> {
    let started = humantime::parse_rfc3339(&report.started).ok()?;
    let put_off = report.containers.iter();
    let put_off = put_off.filter(|container| container.action == Action::PutOff);
    let times = put_off.filter_map(|container| container.until.as_deref());
    let times = times.filter_map(|until| humantime::parse_rfc3339(until).ok());
    times.filter(|until| *until > started).min()
}
