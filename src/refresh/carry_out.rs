//! A plan in; its waves restarted, one after the other, and the record of that, out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use anyhow::Result;

use super::Refresh;
use super::plan::{self, Candidate, Hindrance, Plan, Planned, Rules};
use super::recorded::Recorded;
use super::report::{self, Action, ContainerReport, WaveReport, WaveState};
use super::wave::{Became, Means, Member, Wave};
use crate::container::{Container, Name};
use crate::place;
use crate::settings::OnFailure;
use crate::state_file;
use crate::stops::Stops;

impl Refresh<'_> {
    /// Carries the plan for `candidates` out, wave after wave.
    pub(super) fn carry_out(
        &mut self,
        plan: &Plan,
        candidates: &[Candidate],
        mut rules: Rules,
    ) -> Result<()> {
        for left in &plan.left {
            if !self.has_told_of_failure(&left.name) {
                self.tell_left(&left.name, &left.reasons, &left.hindrance);
            }
        }
        let mut means = self.means(!plan.waves.is_empty())?;
        let mut failed: Option<(String, String)> = None;
        let mut rest: VecDeque<plan::Wave> = plan.waves.iter().cloned().collect();
        loop {
            let in_the_way = failed.as_ref();
            let in_the_way = in_the_way.filter(|_| self.settings.on_failure == OnFailure::Stop);
            if in_the_way.is_none() {
                self.leave_meanwhile(&mut rest, candidates, &mut rules)?;
            }
            let Some(wave) = rest.pop_front() else { break };
            let state = match in_the_way {
                Some((name, container)) => {
                    let hindrance = Hindrance::Wave {
                        wave: name.clone(),
                        container: container.clone(),
                    };
                    for planned in &wave.containers {
                        self.tell_left(&planned.name, &planned.reasons, &hindrance);
                    }
                    WaveState::NotStarted
                }
                None => self.run_wave(&wave, &mut means, &mut failed)?,
            };
            let names = wave.containers.iter().map(|planned| planned.name.clone());
            let over = WaveReport {
                name: wave.name.clone(),
                state,
                containers: names.collect(),
            };
            self.report.waves.push(over);
            let names = self.under_way.restarting.iter().cloned().collect();
            self.note_over(&names)?;
            if self.report.outcome == report::Outcome::ShuttingDown {
                break;
            }
        }
        Ok(())
    }

    /// What to restart containers with, if any are to be.
    pub(super) fn means(&mut self, restarts: bool) -> Result<Means> {
        Ok(Means {
            stops: match restarts {
                true => Stops::connect(&self.places.prefix.at(place::STOPS)),
                false => Stops::default(),
            },
            finished: self.systemd.finished_jobs()?,
        })
    }

    /// Whether it has failed in a wave of this refresh, before an interruption: that is what the record is to say of it.
    fn has_told_of_failure(&self, name: &str) -> bool {
        let mut told = self.report.containers.iter();
        told.any(|told| told.name == name && told.wave.is_some() && told.action.is_failure())
    }

    /// Restarts one wave. The first that fails is noted in `failed`, with the wave.
    fn run_wave(
        &mut self,
        wave: &plan::Wave,
        means: &mut Means,
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
        let mut became = self.restart(members, &before, means)?;
        self.take_back(&mut became, &before, means)?;
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
    pub(super) fn recovered(&self, became: &BTreeMap<String, Recorded>) -> BTreeSet<String> {
        let units = became.iter().filter_map(|(name, outcome)| {
            let unit = Name::parse(name).ok()?.service();
            let had_failed = outcome.had_failed || self.had_failed(&unit);
            (had_failed && outcome.runs()).then_some(unit)
        });
        units.collect()
    }

    /// Puts on disk what became of those in a wave: who is due no more, then that it is over.
    pub(super) fn note_over(&mut self, names: &BTreeSet<String>) -> Result<()> {
        self.pending.write(self.places)?;
        let containers = self.report.containers.iter();
        let in_waves = containers.filter(|container| container.wave.is_some());
        self.under_way.containers = in_waves.cloned().collect();
        self.under_way.waves = self.report.waves.clone();
        let restarting = &mut self.under_way.restarting;
        restarting.retain(|name| !names.contains(name));
        let over = names.iter();
        let over = over.filter_map(|name| Some(Name::parse(name).ok()?.service()));
        self.under_way.failed_starts.forget(&over.collect());
        state_file::write(&self.places.refreshing(), &self.under_way)
    }

    /// What is to be known of it to restart it; `None` if it is due no more.
    pub(super) fn member(&self, planned: &Planned) -> Option<Member> {
        let due = self.pending.containers.get(&planned.name)?;
        let container = self.containers.get(&planned.name);
        let update = container.map(|container| container.update.clone());
        let name = Name::parse(&planned.name).ok()?;
        Some(Member {
            unit: name.service(),
            since: due.since.clone(),
            settle: update.unwrap_or_default().settle,
            health: container.and_then(health_of),
            goes_back: false,
            has_failed: false,
            was_canceled: false,
            name,
        })
    }

    /// Restarts `members` together, in a wave before which the units `before` ran.
    pub(super) fn restart(
        &mut self,
        members: Vec<Member>,
        before: &BTreeSet<String>,
        means: &mut Means,
    ) -> Result<BTreeMap<String, Recorded>> {
        let number = self.under_way.number;
        let observer = &mut *self.observer;
        let mut told = |name: &str, became: &Became| {
            observer.container(number, name, Recorded::of(became).action);
        };
        let (under_way, places) = (&mut self.under_way, self.places);
        let mut note_failed_start = |unit: &str| {
            under_way.failed_starts.add(unit, before);
            state_file::write(&places.refreshing(), under_way)
        };
        let parallel = self.settings.parallel.get();
        let wave = Wave::new(
            self.systemd,
            means,
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
            let mut outcome = Recorded::of(&became);
            outcome.had_failed |= member.has_failed;
            outcomes.insert(member.name.to_string(), outcome);
        }
        Ok(outcomes)
    }

    pub(super) fn tell_left(
        &mut self,
        name: &str,
        why: &[super::reason::Reason],
        hindrance: &Hindrance,
    ) {
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
    pub(super) fn tell(&mut self, container: ContainerReport) {
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

/// How long it may take until a container is healthy, if it has a health command: as often as that may fail in a row.
fn health_of(container: &Container) -> Option<Duration> {
    let health = container.health.as_ref()?;
    Some((health.interval + health.timeout) * health.retries)
}
