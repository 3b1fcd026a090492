//! What failed in a wave in; it on the base that it ran on before, and held there, out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};

use super::Refresh;
use super::pending::Failure;
use super::plan::Planned;
use super::recorded::Recorded;
use super::report::Action;
use super::wave::{Means, Member};
use crate::base::{Bases, Number};
use crate::container::Name;
use crate::hold as base_hold;

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
        let mut back = Vec::new();
        for (name, outcome) in outcomes.iter_mut() {
            match outcome.action {
                Action::Restarted | Action::Stopped => {
                    self.pending.containers.remove(name);
                }
                Action::Failed => match self.hold_on_old_base(name) {
                    Ok(Some((base, member))) => back.push((base, member)),
                    Ok(None) => {}
                    Err(cause) => outcome.add(&format!("it cannot go back: {cause:#}")),
                },
                _ => {}
            }
            if outcome.action == Action::Failed
                && let Some(due) = self.pending.containers.get_mut(name)
            {
                due.failed = Some(Failure {
                    refresh: self.under_way.number,
                    how: outcome.reason.clone().unwrap_or_default(),
                });
            }
        }
        // On disk before the restart: an interrupted way back is not begun again as a restart on the new base.
        self.pending.write(self.places)?;
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
