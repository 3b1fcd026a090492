//! The pending set, container files, holds and windows in; what the plan is made from, out.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;

use super::pending::{Due, Failure};
use super::plan::{Candidate, Hindrance, Rules};
use super::report::{Action, ContainerReport};
use super::waves::wave_of;
use super::windows::Windows;
use super::{Offer, Refresh, hold};
use crate::container::update::UpdatePolicy;
use crate::container::{Base, Name};
use crate::place;
use crate::root::lower;
use crate::systemd::{ServiceDetails, ServiceState};

/// What the plan is made from.
pub(super) struct Candidates<'a> {
    /// Those that are due.
    pub due: Vec<Candidate>,
    /// Running containers on pinned bases, when there is no new one to look at them for.
    pub without_base: Vec<String>,
    /// The host's rules.
    pub rules: Rules<'a>,
}

impl<'a> Refresh<'a> {
    /// Takes those out of the pending set that need nothing any more, and makes candidates of the rest.
    pub(super) fn candidates(&mut self, offer: Offer) -> Result<Candidates<'a>> {
        let services: BTreeMap<String, ServiceState> = self
            .systemd
            .services()?
            .into_iter()
            .map(|service| (service.name.to_string(), service))
            .collect();
        let mut details = self.details_of_pending(&services)?;
        let mut due = Vec::new();
        for name in self.pending.containers.keys().cloned().collect::<Vec<_>>() {
            let service = services.get(&name).zip(details.remove(&name));
            match self.candidate(service, &name)? {
                Some(candidate) => due.push(candidate),
                None => {
                    self.pending.containers.remove(&name);
                }
            }
        }
        let mut without_base = Vec::new();
        if offer == Offer::NoBase {
            for service in services.values().filter(|service| service.is_running()) {
                if !self.is_pinned(service)? {
                    continue;
                }
                let name = service.name.as_str();
                match due.iter_mut().find(|candidate| candidate.name == name) {
                    Some(candidate) => {
                        candidate.hindrance.get_or_insert(Hindrance::NoBase);
                    }
                    None => without_base.push(name.to_owned()),
                }
            }
        }
        let rules = self.rules(&due);
        Ok(Candidates {
            due,
            without_base,
            rules,
        })
    }

    /// By their names.
    fn details_of_pending(
        &mut self,
        services: &BTreeMap<String, ServiceState>,
    ) -> Result<BTreeMap<String, ServiceDetails>> {
        let names = self.pending.containers.keys();
        let pending: Vec<&ServiceState> = names.filter_map(|name| services.get(name)).collect();
        let details = self.systemd.details_of_each(&pending)?;
        let names = pending.iter().map(|service| service.name.to_string());
        Ok(names.zip(details).collect())
    }

    /// `None` if it has nothing to be restarted for any more: it has started since, or does not run.
    fn candidate(
        &mut self,
        service: Option<(&ServiceState, ServiceDetails)>,
        name: &str,
    ) -> Result<Option<Candidate>> {
        let Some((service, details)) = service else {
            return Ok(None);
        };
        let held = lower::held(&self.places.state_of(&service.name))?;
        self.note_interrupted(service, held.is_none());
        self.note_released(&service.name)?;
        let Some(due) = self.pending.containers.get(name).cloned() else {
            return Ok(None);
        };
        // Somebody has to see to what has failed until it is up.
        if due.failed.is_none() && self.has_no_code(service, held.is_some()) {
            return Ok(None);
        }
        // Whether one that was up in the wave of an interrupted refresh stays so, and is healthy, that has not seen: its wave sees to it
        // once more, without a restart.
        if held.is_none()
            && self.has_started_since(&due, service, &details)
            && !self.was_restarting(name)
        {
            self.tell_interrupted(name, &due);
            return Ok(None);
        }
        let container = self.containers.get(name);
        let update = container.map(|container| container.update.clone());
        let update = update.unwrap_or_default();
        let relations = container.map(|container| container.relations.clone());
        let has_failed = due.failed.is_some();
        let failed = due.failed.filter(|_| !service.is_running());
        let mut hindrance = failed.map(|failure| Hindrance::Failed {
            refresh: failure.refresh,
            how: failure.how,
        });
        hindrance = hindrance.or_else(|| hindrance_of(service, &details));
        if let Some(base) = held {
            hindrance = Some(Hindrance::Base { base });
        } else if update.policy == UpdatePolicy::Never {
            hindrance = Some(Hindrance::Never);
        } else if let Some(hold) = hold::of(self.places, &service.name, SystemTime::now())? {
            hindrance = Some(Hindrance::Hold { until: hold.until });
        }
        Ok(Some(Candidate {
            name: name.to_owned(),
            unit: service.unit.clone(),
            reasons: due.reasons,
            wave: update.wave,
            requires: details.requires,
            after: relations.map_or(Vec::new(), |relations| relations.after),
            hindrance,
            failed: has_failed,
            ignores_windows: due.is_security && self.settings.security_ignores_windows,
        }))
    }

    /// Whether there is nothing of it to be restarted: it is down, or its next try is on the new code and no interrupted refresh has to
    /// see what becomes of that.
    fn has_no_code(&self, service: &ServiceState, is_held: bool) -> bool {
        let is_watched = is_held || self.was_restarting(service.name.as_str());
        !service.is_running() || (service.waits_for_next_try() && !is_watched)
    }

    /// Whether it has started since it is due. What was interrupted in its restart has only once it is up.
    pub(super) fn has_started_since(
        &self,
        due: &Due,
        service: &ServiceState,
        details: &ServiceDetails,
    ) -> bool {
        let has_started = match self.was_restarting(service.name.as_str()) {
            true => service.is_up(),
            false => service.is_running() && !service.waits_for_next_try(),
        };
        has_started && due.since.is_before(&self.boot, details.start_began)
    }

    /// Whether an interrupted refresh was restarting it.
    fn was_restarting(&self, name: &str) -> bool {
        self.under_way.restarting.iter().any(|other| other == name)
    }

    /// What is found failed among those that an interrupted refresh was restarting has failed in it.
    fn note_interrupted(&mut self, service: &ServiceState, is_free: bool) {
        let name = service.name.as_str();
        if !self.was_restarting(name) || service.active != "failed" || !is_free {
            return;
        }
        if let Some(due) = self.pending.containers.get_mut(name) {
            due.failed.get_or_insert_with(|| Failure {
                refresh: self.under_way.number,
                how: "it failed while lodgerd was interrupted".to_owned(),
            });
        }
    }

    /// What was started on a base that the container was held on until now is not on the new code.
    fn note_released(&mut self, name: &Name) -> Result<()> {
        let Some(due) = self.pending.containers.get_mut(name.as_str()) else {
            return Ok(());
        };
        if let Some(released) = hold::released(self.places, name, &self.boot)?
            && due.since.is_before(&self.boot, released.microseconds)
        {
            due.since = released;
        }
        Ok(())
    }

    /// What an interrupted refresh has restarted is part of its record.
    fn tell_interrupted(&mut self, name: &str, due: &Due) {
        let plan = self.under_way.plan.as_ref();
        let Some(wave) = plan.and_then(|plan| plan.wave_of(name)) else {
            return;
        };
        self.report.containers.push(ContainerReport {
            name: name.to_owned(),
            action: Action::Restarted,
            reason: Some("restarted before lodgerd was interrupted".to_owned()),
            why: due.reasons.clone(),
            wave: Some(wave.name.clone()),
            until: None,
        });
    }

    /// Whether it lies on pinned bases.
    pub(super) fn is_pinned(&mut self, service: &ServiceState) -> Result<bool> {
        match self.containers.get(service.name.as_str()) {
            Some(container) => Ok(container.root.base == Base::Pinned),
            None => Ok(wants_base(&self.systemd.details(service)?)),
        }
    }

    fn rules(&self, due: &[Candidate]) -> Rules<'a> {
        let names = due.iter().map(wave_of);
        Rules {
            settings: self.settings,
            windows: Windows::of(names, self.settings, SystemTime::now()),
        }
    }
}

/// Only containers on pinned bases want one.
fn wants_base(details: &ServiceDetails) -> bool {
    details.wants.iter().any(|unit| unit == place::BASE_UNIT)
}

/// What keeps systemd from starting it again.
fn hindrance_of(service: &ServiceState, details: &ServiceDetails) -> Option<Hindrance> {
    if service.load != "loaded" {
        return Some(Hindrance::NoFile);
    }
    // A stub for a broken file has neither.
    let is_intact =
        wants_base(details) || Path::new(&details.root_directory) == service.name.root();
    (!is_intact).then_some(Hindrance::Broken)
}
