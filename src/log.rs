//! Where lodgerd's messages go: the journal, with structured fields, when systemd runs it; stderr otherwise.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter::LevelFilter};

use crate::container::Name;
use crate::health::record::{Record, Turn};
use crate::refresh::report::{Action, Report};

/// `MESSAGE_ID=` of the journal entry that sums up a refresh.
pub const REFRESH_FINISHED: &str = "6f1c2a5d8f3e4b0c9d7a1e2b3c4d5e6f";
/// `MESSAGE_ID=` of the journal entry for each container that a refresh left failed or stale.
pub const CONTAINER_AT_FAULT: &str = "b0a9c8d7e6f54d3c8b2a1f0e9d8c7b6a";
/// `MESSAGE_ID=` of the journal entry that a container has become unhealthy.
pub const CONTAINER_UNHEALTHY: &str = "c5d2f1a47b8e4f0f9a36d1c02e7b5d84";
/// `MESSAGE_ID=` of the journal entry that it is healthy again.
pub const CONTAINER_HEALTHY: &str = "3e9b7c60d41a4c0e8f25a8b6d9e1f073";

/// `MESSAGE_ID=` of the journal entry of `lodger-alert@.service`.
pub const ALERT: &str = "3e7d1b9f5a2c4d688c0e4f6a1b3d5c7e";

/// Sends messages on their way. Fields keep their names, in capitals: `CONTAINER=`, `REFRESH=`.
pub fn init() {
    let level = LevelFilter::INFO;
    // systemd sets it for services whose output goes to the journal; without, nobody would look there.
    let is_service = std::env::var_os("JOURNAL_STREAM").is_some();
    if let (true, Ok(journal)) = (is_service, tracing_journald::layer()) {
        tracing_subscriber::registry()
            .with(journal.with_field_prefix(None).with_filter(level))
            .init();
    } else {
        let stderr = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .without_time();
        tracing_subscriber::registry()
            .with(stderr.with_filter(level))
            .init();
    }
}

/// Says what a refresh did: one entry for each container at fault, one for the whole.
pub fn report(report: &Report) {
    let refresh = report.number;
    for container in report
        .containers
        .iter()
        .filter(|container| container.action.is_failure())
    {
        let reason = container.reason.as_deref().unwrap_or("unknown");
        tracing::error!(
            message_id = CONTAINER_AT_FAULT,
            container = container.name,
            refresh,
            "{}: {reason}",
            container.name
        );
    }
    for stale in report.verified.unexpected() {
        tracing::error!(
            message_id = CONTAINER_AT_FAULT,
            container = stale.container,
            refresh,
            "{}: {}",
            stale.container,
            stale.fault()
        );
    }
    if !report.unfinished.is_empty() {
        tracing::error!(
            refresh,
            "nothing was restarted, because dpkg has not finished with {}",
            report.unfinished.join(", ")
        );
    }
    let outcome = report.outcome.word();
    tracing::info!(
        message_id = REFRESH_FINISHED,
        refresh,
        outcome,
        packages = report.packages.len(),
        restarted = report.count(Action::Restarted),
        failed = report.count(Action::Failed),
        rolled_back = report.count(Action::RolledBack),
        put_off = report.count(Action::PutOff),
        skipped = report.count(Action::Skipped),
        unaffected = report.unaffected,
        processes = report.verified.processes,
        stale = report.verified.stale.len(),
        "refresh {refresh} {}: {} packages changed, {} containers restarted, {} not affected, {} put off, {} failed; {} \
         processes of {} on old code",
        outcome,
        report.packages.len(),
        report.count(Action::Restarted),
        report.unaffected,
        report.count(Action::PutOff),
        report.failures(),
        report.verified.stale.len(),
        report.verified.processes,
    );
}

/// Says what has turned with the health of a container, and that it is restarted. `journalctl -u` of the container shows it too.
pub fn health(name: &Name, turn: Turn, record: &Record, restart: bool) {
    let unit = name.service();
    let why = record.why.as_deref().unwrap_or_default();
    let failures = record.failures;
    let since = match (restart, record.was_healthy) {
        (true, _) => "; it is restarted",
        (false, true) => "",
        (false, false) => "; it has not been healthy since its start",
    };
    match turn {
        Turn::Unhealthy => tracing::error!(
            message_id = CONTAINER_UNHEALTHY,
            container = name.as_str(),
            object_systemd_unit = unit,
            failures,
            "{name}: unhealthy, {failures} checks in a row have failed: {why}{since}"
        ),
        Turn::None if restart => tracing::error!(
            container = name.as_str(),
            object_systemd_unit = unit,
            "{name}: still unhealthy: {why}{since}"
        ),
        Turn::HealthyAgain => tracing::info!(
            message_id = CONTAINER_HEALTHY,
            container = name.as_str(),
            object_systemd_unit = unit,
            "{name}: healthy again"
        ),
        Turn::None => {}
    }
}
