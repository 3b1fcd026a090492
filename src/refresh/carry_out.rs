//! A plan in; its waves restarted, what failed taken back, and the record of it, out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};

use super::Refresh;
use super::pending::Failure;
use super::plan::{self, Hindrance, Plan, Planned};
use super::report::{self, Action, ContainerReport, WaveReport, WaveState};
use super::wave::{Became, Member, Wave};
use crate::base::{Bases, Number};
use crate::container::{Container, Name};
use crate::hold as base_hold;
use crate::place;
use crate::settings::OnFailure;
use crate::state_file;
use crate::systemd::FinishedJobs;

/// How long a container that goes back to its old base has to stay up at least: it has been there before.
const SETTLE_BACK: Duration = Duration::from_secs(1);

impl Refresh<'_> {
    /// Carries the plan out, wave after wave.
    pub(super) fn carry_out(&mut self, plan: &Plan) -> Result<()> {
        for left in &plan.left {
            self.tell_left(&left.name, &left.reasons, &left.hindrance);
        }
        let mut finished = self.systemd.finished_jobs()?;
        let mut failed: Option<(String, String)> = None;
        for wave in &plan.waves {
            let state = match &failed {
                Some((name, container)) if self.settings.on_failure == OnFailure::Stop => {
                    let hindrance = Hindrance::Wave {
                        wave: name.clone(),
                        container: container.clone(),
                    };
                    for planned in &wave.containers {
                        self.tell_left(&planned.name, &planned.reasons, &hindrance);
                    }
                    WaveState::NotStarted
                }
                _ => self.run_wave(wave, &mut finished, &mut failed)?,
            };
            let over = WaveReport {
                name: wave.name.clone(),
                state,
                containers: wave
                    .containers
                    .iter()
                    .map(|planned| planned.name.clone())
                    .collect(),
            };
            self.report.waves.push(over);
            self.note_wave()?;
            if self.report.outcome == report::Outcome::ShuttingDown {
                break;
            }
        }
        Ok(())
    }

    /// Restarts one wave. The first that fails is noted in `failed`, with the wave.
    fn run_wave(
        &mut self,
        wave: &plan::Wave,
        finished: &mut FinishedJobs,
        failed: &mut Option<(String, String)>,
    ) -> Result<WaveState> {
        let names = wave.containers.iter().map(|planned| planned.name.clone());
        self.under_way.restarting = names.collect();
        state_file::write(&self.places.refreshing(), &self.under_way)?;
        let members = wave
            .containers
            .iter()
            .filter_map(|planned| self.member(planned))
            .collect();
        let before = self.running_units()?;
        let mut became = self.restart(members, &before, finished)?;
        self.take_back(&mut became, &before, finished)?;
        self.start_dependents(&before, self.recovered(&became))?;
        let reasons: BTreeMap<&str, &Planned> = wave
            .containers
            .iter()
            .map(|planned| (planned.name.as_str(), planned))
            .collect();
        let mut state = WaveState::Done;
        for (name, outcome) in became {
            let reasons = reasons.get(name.as_str());
            let reasons = reasons.map_or(Vec::new(), |planned| planned.reasons.clone());
            if outcome.action.is_failure() {
                state = WaveState::Failed;
                failed.get_or_insert_with(|| (wave.name.clone(), name.clone()));
            }
            self.tell(ContainerReport {
                name,
                action: outcome.action,
                reason: outcome.reason,
                why: reasons,
                wave: Some(wave.name.clone()),
                until: None,
            });
        }
        Ok(state)
    }

    /// The units of those that run again after a start that failed.
    fn recovered(&self, became: &BTreeMap<String, Outcome>) -> BTreeSet<String> {
        let units = became.iter().filter_map(|(name, outcome)| {
            let unit = Name::parse(name).ok()?.service();
            let had_failed = outcome.had_failed || self.had_failed(&unit);
            (had_failed && outcome.runs()).then_some(unit)
        });
        units.collect()
    }

    /// Puts on disk what became of a wave: who is due no more, then that it is over.
    fn note_wave(&mut self) -> Result<()> {
        self.pending.write(self.places)?;
        let containers = self.report.containers.iter();
        let in_waves = containers.filter(|container| container.wave.is_some());
        self.under_way.containers = in_waves.cloned().collect();
        self.under_way.waves = self.report.waves.clone();
        let over = self.under_way.restarting.drain(..);
        let over = over.filter_map(|name| Some(Name::parse(&name).ok()?.service()));
        self.under_way.failed_starts.forget(&over.collect());
        state_file::write(&self.places.refreshing(), &self.under_way)
    }

    fn member(&self, planned: &Planned) -> Option<Member> {
        let due = self.pending.containers.get(&planned.name)?;
        let container = self.containers.get(&planned.name);
        let update = container.map(|container| container.update.clone());
        let name = Name::parse(&planned.name).ok()?;
        Some(Member {
            unit: name.service(),
            since: due.since.clone(),
            settle: update.unwrap_or_default().settle,
            health: container.and_then(health_of),
            has_failed: false,
            was_canceled: false,
            name,
        })
    }

    /// Restarts `members` together, in a wave before which the units `before` ran.
    fn restart(
        &mut self,
        members: Vec<Member>,
        before: &BTreeSet<String>,
        finished: &mut FinishedJobs,
    ) -> Result<BTreeMap<String, Outcome>> {
        let number = self.under_way.number;
        let observer = &mut *self.observer;
        let mut told = |name: &str, became: &Became| {
            observer.container(number, name, Outcome::of(became).action);
        };
        let (under_way, places) = (&mut self.under_way, self.places);
        let mut note_failed_start = |unit: &str| {
            under_way.failed_starts.add(unit, before);
            state_file::write(&places.refreshing(), under_way)
        };
        let parallel = self.settings.parallel.get();
        let wave = Wave::new(
            self.systemd,
            finished,
            parallel,
            &self.boot,
            members,
            &mut told,
            &mut note_failed_start,
        );
        let mut outcomes = BTreeMap::new();
        for (member, became) in wave.run()? {
            if became == Became::ShuttingDown {
                self.report.outcome = report::Outcome::ShuttingDown;
            }
            let mut outcome = Outcome::of(&became);
            outcome.had_failed |= member.has_failed;
            outcomes.insert(member.name.to_string(), outcome);
        }
        Ok(outcomes)
    }

    /// Takes what failed back to the base it ran on, if it wants that, and holds it there. What does not become ready stays in
    /// the pending set, with the failure.
    fn take_back(
        &mut self,
        outcomes: &mut BTreeMap<String, Outcome>,
        before: &BTreeSet<String>,
        finished: &mut FinishedJobs,
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
        for (name, went) in self.restart(members, before, finished)? {
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
        member.settle = member.settle.max(SETTLE_BACK);
        // It has started since, on the new base.
        member.since = super::moment::Moment::now()?;
        Ok(Some((number, member)))
    }

    fn tell_left(&mut self, name: &str, why: &[super::reason::Reason], hindrance: &Hindrance) {
        let action = match hindrance {
            hindrance if hindrance.is_delay() => Action::PutOff,
            hindrance if hindrance.is_wanted() => Action::Skipped,
            _ => Action::Failed,
        };
        self.tell(ContainerReport {
            name: name.to_owned(),
            action,
            reason: Some(hindrance.to_string()),
            why: why.to_vec(),
            wave: None,
            until: hindrance.until().map(str::to_owned),
        });
    }

    /// Notes what became of a container, and sends for help if that is a failure.
    fn tell(&mut self, container: ContainerReport) {
        if container.action.is_failure() {
            let reason = container.reason.as_deref().unwrap_or("unknown");
            tracing::error!(container = container.name, "{}: {reason}", container.name);
            self.alert(&container.name);
        }
        let number = self.under_way.number;
        self.observer
            .container(number, &container.name, container.action);
        // One that was interrupted has told of some already.
        let names = |other: &ContainerReport| other.name != container.name;
        self.report.containers.retain(names);
        self.report.containers.push(container);
    }

    /// Starts the unit that is to tell people. That it cannot be started is no reason to stop the work.
    fn alert(&mut self, name: &str) {
        let instance = crate::unit::escape::name(name);
        let unit = format!("{}{instance}.service", place::ALERT_UNIT);
        if let Err(cause) = self.systemd.start(&unit) {
            tracing::warn!("nobody is alerted: {cause:#}");
        }
    }
}

/// What became of one container, in the words of the record.
struct Outcome {
    action: Action,
    reason: Option<String>,
    /// Whether a start has failed, even if another one did not.
    had_failed: bool,
}

impl Outcome {
    fn of(became: &Became) -> Self {
        let (action, reason) = match became {
            Became::Ready => (Action::Restarted, None),
            Became::Stopped => (
                Action::Stopped,
                Some("it ended or was stopped meanwhile".to_owned()),
            ),
            Became::Failed(how) => (Action::Failed, Some(how.clone())),
            Became::ShuttingDown => (Action::PutOff, Some("the system is going down".to_owned())),
        };
        Self {
            action,
            reason,
            had_failed: matches!(became, Became::Failed(_)),
        }
    }

    /// Whether it runs.
    fn runs(&self) -> bool {
        matches!(self.action, Action::Restarted | Action::RolledBack)
    }

    fn add(&mut self, more: &str) {
        self.reason = Some(match self.reason.take() {
            Some(reason) => format!("{reason}; {more}"),
            None => more.to_owned(),
        });
    }
}

/// How long it may take until a container is healthy, if it has a health command: as often as that may fail in a row.
fn health_of(container: &Container) -> Option<Duration> {
    let health = container.health.as_ref()?;
    Some((health.interval + health.timeout) * health.retries)
}
