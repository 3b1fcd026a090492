//! The waves of a refresh that have not begun in; those without what is to be left after all, out: a hold was given since the plan was
//! made, a window has closed, a base was chosen for it.
//!
//! A refresh takes as long as containers take to stop, to become healthy and to settle, and operators look at the first of them. Container
//! files and settings count as they were when it began. What a restart of others has taken along already is not left.

use std::collections::{BTreeSet, VecDeque};
use std::time::SystemTime;

use anyhow::Result;

use super::plan::{self, Candidate, Hindrance, Left, Rules};
use super::{Refresh, hold};
use crate::container::Name;
use crate::root::lower;
use crate::state_file;
use crate::systemd::{ServiceDetails, ServiceState};

impl Refresh<'_> {
    /// Takes out of the waves that are to come what is to be left, tells of it, and has the plan on disk say so.
    pub(super) fn leave_meanwhile(
        &mut self,
        rest: &mut VecDeque<plan::Wave>,
        candidates: &[Candidate],
        rules: &mut Rules,
    ) -> Result<()> {
        let mut there = candidates_in(rest, candidates);
        for candidate in &mut there {
            candidate.hindrance = self.hindrance_meanwhile(&candidate.name)?;
        }
        rules.windows.look_again(rules.settings, SystemTime::now());
        let mut left = plan::plan(&there, rules).left;
        if left.is_empty() {
            return Ok(());
        }
        let fresh = self.started_since(&left)?;
        there.retain(|candidate| !fresh.contains(&candidate.name));
        left = plan::plan(&there, rules).left;
        if left.is_empty() {
            return Ok(());
        }
        for left in &left {
            tracing::info!(
                refresh = self.under_way.number,
                container = left.name,
                "{} is left as it is after all: {}",
                left.name,
                left.hindrance
            );
            self.tell_left(&left.name, &left.reasons, &left.hindrance);
        }
        take_out(rest.iter_mut(), &left);
        rest.retain(|wave| !wave.containers.is_empty());
        if let Some(plan) = &mut self.under_way.plan {
            take_out(plan.waves.iter_mut(), &left);
            plan.waves.retain(|wave| !wave.containers.is_empty());
            plan.left.extend(left);
        }
        state_file::write(&self.places.refreshing(), &self.under_way)
    }

    /// What the operator has said of it by now.
    fn hindrance_meanwhile(&self, name: &str) -> Result<Option<Hindrance>> {
        let name = Name::parse(name).map_err(anyhow::Error::msg)?;
        if let Some(base) = lower::held(&self.places.state_of(&name))? {
            return Ok(Some(Hindrance::Base { base }));
        }
        let hold = hold::of(self.places, &name, SystemTime::now())?;
        Ok(hold.map(|hold| Hindrance::Hold { until: hold.until }))
    }

    /// Those of `left` that have started since they are due: with what they require, or by somebody else.
    fn started_since(&mut self, left: &[Left]) -> Result<BTreeSet<String>> {
        let names = left.iter().map(|left| left.name.as_str());
        let services = self.systemd.services_of(names)?;
        let found: Vec<&ServiceState> = services.iter().collect();
        let details: Vec<ServiceDetails> = self.systemd.details_of_each(&found)?;
        let started = services.iter().zip(details).filter(|(service, details)| {
            let due = self.pending.containers.get(service.name.as_str());
            due.is_some_and(|due| self.has_started_since(due, service, details))
        });
        Ok(started
            .map(|(service, _)| service.name.to_string())
            .collect())
    }
}

/// The candidates that are in these waves.
fn candidates_in(waves: &VecDeque<plan::Wave>, candidates: &[Candidate]) -> Vec<Candidate> {
    let planned = waves.iter().flat_map(|wave| &wave.containers);
    let names: BTreeSet<&str> = planned.map(|planned| planned.name.as_str()).collect();
    let those = candidates.iter();
    let those = those.filter(|candidate| names.contains(candidate.name.as_str()));
    those.cloned().collect()
}

fn take_out<'a>(waves: impl Iterator<Item = &'a mut plan::Wave>, left: &[Left]) {
    let left: BTreeSet<&str> = left.iter().map(|left| left.name.as_str()).collect();
    for wave in waves {
        wave.containers
            .retain(|planned| !left.contains(planned.name.as_str()));
    }
}
