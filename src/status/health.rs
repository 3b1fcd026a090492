//! The record of a container's health checks in; whether it does its work, in a word, out.

use anyhow::Result;
use serde::Serialize;

use crate::container::Health;
use crate::health::record;
use crate::systemd::{ServiceState, Systemd};

/// Whether a container does its work.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct HealthStatus {
    /// In one word.
    pub state: HealthWord,
    /// How many checks in a row have failed.
    pub failures: u32,
    /// Why the last check failed, if it did.
    pub why: Option<String>,
}

/// The state of a container's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthWord {
    /// It has not been healthy since its start, and has not had all its tries.
    Starting,
    /// The last check succeeded.
    Healthy,
    /// It did not.
    Unhealthy,
}

/// What the record of its health, if there is one yet, says of a running container.
fn health_status(record: Option<record::Record>, health: &Health) -> HealthStatus {
    let Some(record) = record else {
        return HealthStatus {
            state: HealthWord::Starting,
            failures: 0,
            why: None,
        };
    };
    let has_tries = !record.was_healthy && record.failures < health.retries;
    HealthStatus {
        state: match record.failures {
            _ if has_tries => HealthWord::Starting,
            0 => HealthWord::Healthy,
            _ => HealthWord::Unhealthy,
        },
        failures: record.failures,
        why: record.why,
    }
}

/// Of a service that is active.
///
/// # Errors
/// When systemd does not answer, or the record cannot be read.
pub(super) fn health_of(
    systemd: &mut Systemd,
    service: &ServiceState,
    health: &Health,
) -> Result<HealthStatus> {
    let invocation = systemd.invocation(service)?;
    let record = record::read(&record::path(&service.name), &invocation)?;
    Ok(health_status(record, health))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::container::Unhealthy;
    use record::Record;

    #[test]
    fn health_has_a_word_for_what_the_record_says() {
        let health = Health {
            exec: vec!["x".to_owned()],
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            retries: 2,
            on_failure: Unhealthy::Report,
        };
        let is = |record: Option<&Record>| {
            let status = health_status(record.cloned(), &health);
            (status.state, status.failures)
        };
        assert_eq!(is(None), (HealthWord::Starting, 0));
        let failed = |record: &Record| record.after(Some("no"), 1, true);
        let once = failed(&Record::new("a"));
        assert_eq!(is(Some(&once)), (HealthWord::Starting, 1));
        assert_eq!(is(Some(&failed(&once))), (HealthWord::Unhealthy, 2));
        let healthy = once.after(None, 2, true);
        assert_eq!(is(Some(&healthy)), (HealthWord::Healthy, 0));
        assert_eq!(is(Some(&failed(&healthy))), (HealthWord::Unhealthy, 1));
    }
}
