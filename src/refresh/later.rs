//! What was put off in; a timer for when it can be done, out.

use std::time::SystemTime;

use super::report::{Action, Report};
use crate::systemd::Systemd;

/// Sees to it that a refresh looks again once a hold ends or a window opens. Without the timer the next package change does.
pub(super) fn come_back(systemd: &mut Systemd, report: &Report) {
    let put_off = report.containers.iter();
    let put_off = put_off.filter(|container| container.action == Action::PutOff);
    let times = put_off.filter_map(|container| container.until.as_deref());
    let Some(at) = times
        .filter_map(|until| humantime::parse_rfc3339(until).ok())
        .filter(|until| *until > SystemTime::now())
        .min()
    else {
        return;
    };
    if let Err(cause) = systemd.start_timer(&report.number.to_string(), at) {
        tracing::warn!("what was put off waits for the next package change: {cause:#}");
    }
}
