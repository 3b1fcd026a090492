//! What ran before a wave, and what failed in it and runs again, in; what had only stopped because of that is started, out.
//!
//! systemd restarts with a unit what requires it. When the start of the unit fails, those who wait for it are given up with it
//! ("dependency"), and its next start, which may be good, does not bring them back.
//!
//! Afterwards nobody can tell them from what was stopped on purpose. So a start that fails is on disk, with what ran before,
//! before anything else is tried: whenever lodgerd is killed, the next one knows who is to be brought back.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Refresh;
use crate::systemd::{ServiceState, Systemd};

/// Starts that have failed in a wave, as they are kept on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FailedStarts {
    /// The units of containers that ran before it.
    ran: BTreeSet<String>,
    /// Those of the containers that did not start, and that others require.
    failed: BTreeSet<String>,
}

impl FailedStarts {
    pub(super) fn is_empty(&self) -> bool {
        self.failed.is_empty()
    }

    /// Adds one, in a wave before which all of `ran` did.
    pub(super) fn add(&mut self, unit: &str, ran: &BTreeSet<String>) {
        self.ran.extend(ran.iter().cloned());
        self.failed.insert(unit.to_owned());
    }

    /// Forgets those of a wave that is over.
    pub(super) fn forget(&mut self, units: &BTreeSet<String>) {
        self.failed.retain(|unit| !units.contains(unit));
        if self.failed.is_empty() {
            self.ran.clear();
        }
    }
}

impl Refresh<'_> {
    /// The units of all containers that run, and of those that ran before a wave that was interrupted.
    pub(super) fn running_units(&mut self) -> Result<BTreeSet<String>> {
        let mut running = units_up(self.systemd)?;
        running.extend(self.under_way.failed_starts.ran.iter().cloned());
        Ok(running)
    }

    /// Whether a start of the unit has failed before lodgerd was interrupted.
    pub(super) fn had_failed(&self, unit: &str) -> bool {
        self.under_way.failed_starts.failed.contains(unit)
    }

    /// Starts what had stopped because of a failed start that was made up for while lodgerd was interrupted.
    pub(super) fn start_dependents_of_interrupted(&mut self) -> Result<()> {
        let interrupted = self.under_way.failed_starts.clone();
        if interrupted.is_empty() {
            return Ok(());
        }
        let running = units_up(self.systemd)?;
        let recovered: BTreeSet<String> =
            interrupted.failed.intersection(&running).cloned().collect();
        self.start_dependents(&interrupted.ran, recovered)
    }

    /// Starts what ran `before`, does not any more, and requires one of `recovered`, or what requires one of these.
    pub(super) fn start_dependents(
        &mut self,
        before: &BTreeSet<String>,
        recovered: BTreeSet<String>,
    ) -> Result<()> {
        if recovered.is_empty() {
            return Ok(());
        }
        let units: Vec<&str> = before.iter().map(String::as_str).collect();
        let mut stopped = self.systemd.services_named(&units)?;
        stopped.retain(|service| !service.is_running() && service.job.is_none());
        let details = self
            .systemd
            .details_of_each(&stopped.iter().collect::<Vec<_>>())?;
        let requirements = details.into_iter().map(|details| details.requires);
        let units = stopped.into_iter().map(|service| service.unit);
        for unit in dependents(units.zip(requirements).collect(), recovered) {
            tracing::warn!("{unit} had stopped because what it requires failed; starting it");
            if let Err(cause) = self.systemd.start(&unit) {
                tracing::error!("{cause:#}");
            }
        }
        Ok(())
    }
}

fn units_up(systemd: &mut Systemd) -> Result<BTreeSet<String>> {
    let mut services = systemd.services()?;
    services.retain(ServiceState::is_running);
    Ok(services.into_iter().map(|service| service.unit).collect())
}

/// Of units and what they require, those that require one of `those`, directly or by way of another one.
fn dependents(mut units: Vec<(String, Vec<String>)>, mut those: BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let (more, rest): (Vec<_>, Vec<_>) = units
            .into_iter()
            .partition(|(_, requires)| requires.iter().any(|unit| those.contains(unit)));
        if more.is_empty() {
            return found;
        }
        units = rest;
        for (unit, _) in more {
            those.insert(unit.clone());
            found.push(unit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_requires_a_dependent_is_one_too() {
        let unit = |name: &str, requires: &[&str]| {
            let requires = requires.iter().map(|unit| (*unit).to_owned());
            (name.to_owned(), requires.collect())
        };
        let units = vec![
            unit("top", &["middle"]),
            unit("middle", &["system.slice", "bottom"]),
            unit("other", &["elsewhere"]),
        ];
        let bottom = BTreeSet::from(["bottom".to_owned()]);
        assert_eq!(dependents(units.clone(), bottom), ["middle", "top"]);
        assert!(dependents(units, BTreeSet::new()).is_empty());
    }
}
