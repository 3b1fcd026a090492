//! What failed in a wave in; it on the base that it ran on before, and held there, out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};

use super::Refresh;
use super::pending::Failure;
use super::plan::Planned;
use super::recorded::Recorded;
use super::report::{Action, ContainerReport, WaveReport, WaveState};
use super::wave::{Became, Means, Member};
use crate::base::{Bases, Number};
use crate::container::Name;
use crate::container::update::DEFAULT_WAVE;
use crate::hold as base_hold;
use crate::root::lower;

/// How long a container that goes back to its old base has to stay up at least: it has been there before.
const SETTLE_BACK: Duration = Duration::from_secs(1);

impl Refresh<'_> {
    /// Takes what failed back to the base it ran on, if it wants that, and holds it there. What does not become ready stays in
    /// the pending set, with the failure.
    pub(super) fn take_back(
        &mut self,
        outcomes: &mut BTreeMap<String, Recorded>,
        before: &BTreeSet<String>,
        means: &mut Means,
    ) -> Result<()> {
        for (name, outcome) in outcomes.iter() {
            match outcome.action {
                Action::Restarted | Action::Stopped => {
                    self.pending.containers.remove(name);
                }
                Action::Failed => self.note_failure(name, outcome),
                _ => {}
            }
        }
        // On disk before it is held: whoever takes up an interrupted way back is to know of it.
        self.pending.write(self.places)?;
        let mut back = Vec::new();
        for (name, outcome) in outcomes.iter_mut() {
            if outcome.action != Action::Failed {
                continue;
            }
            match self.hold_on_old_base(name) {
                Ok(Some((base, member))) => back.push((base, member)),
                Ok(None) => {}
                Err(cause) => {
                    outcome.add(&format!("it cannot go back: {cause:#}"));
                    self.note_failure(name, outcome);
                }
            }
        }
        let bases: BTreeMap<String, Number> = back
            .iter()
            .map(|(base, member)| (member.name.to_string(), *base))
            .collect();
        let members: Vec<Member> = back.into_iter().map(|(_, member)| member).collect();
        if members.is_empty() {
            return Ok(());
        }
        for (name, went) in self.restart(members, before, means)? {
            let Some(outcome) = outcomes.get_mut(&name) else {
                continue;
            };
            let base = bases.get(&name).map(Number::to_string).unwrap_or_default();
            if went.action == Action::Restarted {
                outcome.action = Action::RolledBack;
                outcome.add(&format!(
                    "it runs on base {base} again, and is held there until 'lodger unhold {name}'"
                ));
            } else {
                let how = went.reason.unwrap_or_default();
                outcome.add(&format!("it does not run on base {base} either: {how}"));
            }
        }
        Ok(())
    }

    /// Notes in the pending set how a container failed.
    fn note_failure(&mut self, name: &str, outcome: &Recorded) {
        if let Some(due) = self.pending.containers.get_mut(name) {
            due.failed = Some(Failure {
                refresh: self.under_way.number,
                how: outcome.reason.clone().unwrap_or_default(),
            });
        }
    }

    /// Finishes the way back of those that were on it when lodgerd was interrupted. They are restarted once more: nobody has seen
    /// whether the base that they run on is the old one, nor whether they stay up.
    pub(super) fn finish_way_back(&mut self) -> Result<()> {
        let mut outcomes = self.on_their_way_back()?;
        if outcomes.is_empty() {
            return Ok(());
        }
        let plan = self.under_way.plan.clone().unwrap_or_default();
        let wave = outcomes.keys().find_map(|name| plan.wave_of(name));
        let wave = wave.map_or(DEFAULT_WAVE, |wave| &wave.name).to_owned();
        let mut means = self.means(true)?;
        let before = self.running_units()?;
        self.take_back(&mut outcomes, &before, &mut means)?;
        self.start_dependents(&before, self.recovered(&outcomes))?;
        let names: BTreeSet<String> = outcomes.keys().cloned().collect();
        self.report.waves.push(WaveReport {
            name: wave.clone(),
            state: WaveState::Failed,
            containers: names.iter().cloned().collect(),
        });
        for (name, outcome) in outcomes {
            let due = self.pending.containers.get(&name);
            self.tell(ContainerReport {
                why: due.map_or(Vec::new(), |due| due.reasons.clone()),
                name,
                action: outcome.action,
                reason: outcome.reason,
                wave: Some(wave.clone()),
                until: None,
            });
        }
        self.note_over(&names)
    }

    /// Those of an interrupted wave that have failed in it, and how. Who runs and is held no more has been let go by somebody since,
    /// and who is down without having failed was stopped.
    fn on_their_way_back(&mut self) -> Result<BTreeMap<String, Recorded>> {
        let restarting = self.under_way.restarting.iter().map(String::as_str);
        let mut found = BTreeMap::new();
        for service in self.systemd.services_of(restarting)? {
            let due = self.pending.containers.get(service.name.as_str());
            let failure = due.and_then(|due| due.failed.as_ref());
            let Some(failure) = failure.filter(|how| how.refresh == self.under_way.number) else {
                continue;
            };
            let is_held = lower::held(&self.places.state_of(&service.name))?.is_some();
            if service.active != "inactive" && (is_held || !service.is_up()) {
                let became = Became::Failed(failure.how.clone());
                found.insert(service.name.to_string(), Recorded::of(&became));
            }
        }
        Ok(found)
    }

    /// Holds a container that failed on the base it ran on. `None` if it does not want to go back, or ran on the live host.
    fn hold_on_old_base(&mut self, name: &str) -> Result<Option<(Number, Member)>> {
        let Some(due) = self.pending.containers.get(name) else {
            return Ok(None);
        };
        let wants = self.containers.get(name);
        if !wants.is_none_or(|container| container.update.rollback) {
            return Ok(None);
        }
        let Some(base) = &due.base else {
            return Ok(None);
        };
        let number: Number = base.parse().map_err(anyhow::Error::msg)?;
        let bases = Bases::at(self.places.bases.clone());
        if !bases.numbers()?.contains(&number) {
            bail!("base {number} has been removed meanwhile");
        }
        let planned = Planned {
            name: name.to_owned(),
            reasons: Vec::new(),
        };
        let Some(mut member) = self.member(&planned) else {
            return Ok(None);
        };
        let parsed = Name::parse(name).map_err(anyhow::Error::msg)?;
        base_hold::hold(&self.places.state_of(&parsed), &bases, number)?;
        member.goes_back = true;
        member.settle = member.settle.max(SETTLE_BACK);
        // It has started since, on the new base.
        member.since = super::moment::Moment::now()?;
        Ok(Some((number, member)))
    }
}
