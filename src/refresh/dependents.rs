//! What ran before a wave, and what failed in it and runs again, in; what had only stopped because of that is started, out.
//!
//! systemd restarts with a unit what requires it. When the start of the unit fails, those who wait for it are given up with it
//! ("dependency"), and its next start, which may be good, does not bring them back.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Refresh;
use crate::systemd::ServiceState;

impl Refresh<'_> {
    /// The units of all containers that run.
    pub(super) fn running_units(&mut self) -> Result<BTreeSet<String>> {
        let mut services = self.systemd.services()?;
        services.retain(ServiceState::is_running);
        Ok(services.into_iter().map(|service| service.unit).collect())
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
