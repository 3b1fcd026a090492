//! One wave of a refresh: containers to restart in; what became of each, out.
//!
//! A container goes through stages: its restart job, its health check if it has one, and a time in which it has to stay up.
//! Only the jobs are limited in number; to settle costs nothing, so a wave settles as one.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::moment::Moment;
use crate::container::Name;
use crate::stops::Stops;
use crate::systemd::{FinishedJobs, Job, ServiceState, Systemd};

mod announce;
mod health;
mod restart;
mod stage;

use stage::Stage;

/// How long one restart may take: systemd's own limits for stop and start, and dependencies that are restarted with it.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long to wait for jobs before the rest is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What ends or is due within this is looked at together: each look is a question to PID 1, which has containers to start.
const TOGETHER: Duration = Duration::from_millis(5);
/// How long the next try of a container that was down may take, until it was down without a reason. While systemd starts it again,
/// nothing has failed; what ended the last try is known again once this one has.
const NEXT_TRY: Duration = Duration::from_secs(1);

/// A member whose restart is over: its place, its state, and the job's result if that was seen.
type Ended = (usize, Option<ServiceState>, Option<String>);

/// A container to restart.
#[derive(Debug, Clone)]
pub struct Member {
    /// The container.
    pub name: Name,
    /// Its unit.
    pub unit: String,
    /// A start after this needs no restart any more.
    pub since: Moment,
    /// How long it has to stay up.
    pub settle: Duration,
    /// How long it may take to become healthy, if that can be told of it.
    pub health: Option<Duration>,
    /// Whether it has failed, and is to run on its old base again, also if it is down now.
    pub goes_back: bool,
    /// Whether its restart has failed once already.
    pub has_failed: bool,
    /// Whether somebody has put another job in the place of its restart: what then does not run was stopped.
    pub was_canceled: bool,
}

/// What waves restart containers with, from the first to the last of a refresh.
pub struct Means {
    /// The ends of jobs.
    pub finished: FinishedJobs,
    /// Who stops containers.
    pub stops: Stops,
}

/// What became of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// It runs, is healthy, and has stayed so.
    Ready,
    /// It ended by itself or was stopped meanwhile.
    Stopped,
    /// It does not run as it should.
    Failed(String),
    /// Nothing was done: the system is going down.
    ShuttingDown,
}

/// Restarts the members of a wave.
pub struct Wave<'a> {
    systemd: &'a mut Systemd,
    means: &'a mut Means,
    /// Most restarts at a time.
    parallel: usize,
    boot: String,
    members: Vec<(Member, Stage)>,
    /// What has been announced as stopping, with the jobs that are to begin before it is ended.
    unended: Vec<(Job, String)>,
    told: &'a mut dyn FnMut(&str, &Became),
    note_failed_start: &'a mut dyn FnMut(&str) -> Result<()>,
}

impl<'a> Wave<'a> {
    /// A wave of `members`, of which `parallel` are restarted at a time; `told` hears of each as it is over, and
    /// `note_failed_start` of the unit of each that has not started, if others require it, before it is tried again.
    pub fn new(
        systemd: &'a mut Systemd,
        means: &'a mut Means,
        parallel: usize,
        boot: &str,
        members: Vec<Member>,
        told: &'a mut dyn FnMut(&str, &Became),
        note_failed_start: &'a mut dyn FnMut(&str) -> Result<()>,
    ) -> Self {
        let members = members.into_iter().map(|member| (member, Stage::Waiting));
        Self {
            systemd,
            means,
            parallel: parallel.max(1),
            boot: boot.to_owned(),
            members: members.collect(),
            unended: Vec::new(),
            told,
            note_failed_start,
        }
    }

    /// Restarts all of them, and returns what became of each, in their order.
    ///
    /// # Errors
    /// When systemd stops answering.
    pub fn run(mut self) -> Result<Vec<(Member, Became)>> {
        loop {
            self.begin_next()?;
            self.go_on()?;
            if self.members.iter().all(|(_, stage)| stage.is_over()) {
                break;
            }
            self.wait()?;
        }
        // What the shutdown of the system has overtaken.
        for (_, unit) in self.unended.drain(..) {
            self.means.stops.end(&unit);
        }
        let over = self.members.into_iter().map(|(member, stage)| match stage {
            Stage::Over(became) => (member, became),
            _ => (member, Became::Failed("it was forgotten".to_owned())),
        });
        Ok(over.collect())
    }

    fn enter(&mut self, at: usize, stage: Stage) {
        let (member, there) = &mut self.members[at];
        *there = stage;
        if let Stage::Over(became) = there {
            (self.told)(member.name.as_str(), became);
        }
    }

    fn fail(&mut self, at: usize, how: String) {
        self.enter(at, Stage::Over(Became::Failed(how)));
    }

    /// The places of the members in a stage.
    fn those(&self, are: impl Fn(&Stage) -> bool) -> Vec<usize> {
        let members = self.members.iter().enumerate();
        let those = members.filter(|(_, (_, stage))| are(stage));
        those.map(|(at, _)| at).collect()
    }

    /// The states of members as systemd has them now; `None` for those that it does not know.
    fn states(&mut self, which: &[usize]) -> Result<Vec<(usize, Option<ServiceState>)>> {
        let units = which.iter().map(|at| self.members[*at].0.unit.as_str());
        let found = self.systemd.services_named(&units.collect::<Vec<_>>())?;
        let mut found: HashMap<String, ServiceState> = found
            .into_iter()
            .map(|state| (state.unit.clone(), state))
            .collect();
        let states = which.iter().map(|at| {
            let unit = &self.members[*at].0.unit;
            (*at, found.remove(unit))
        });
        Ok(states.collect())
    }

    /// When the last start of each of these began.
    fn with_starts(
        &mut self,
        states: Vec<(usize, ServiceState)>,
    ) -> Result<impl Iterator<Item = (usize, ServiceState, u64)> + use<>> {
        let services: Vec<&ServiceState> = states.iter().map(|(_, state)| state).collect();
        let starts = self.systemd.starts_began(&services)?;
        let with_starts = states.into_iter().zip(starts);
        Ok(with_starts.map(|((at, state), start)| (at, state, start)))
    }

    /// Takes on those whose time has come.
    fn go_on(&mut self) -> Result<()> {
        let now = Instant::now();
        let minutes = LIMIT.as_secs() / 60;
        let is_late = |stage: &Stage| matches!(stage, Stage::Restarting { begun, .. } if begun.elapsed() > LIMIT);
        for at in self.those(is_late) {
            let how = format!("its restart has not ended within {minutes} minutes");
            self.fail(at, how);
        }
        for at in self.those(|stage| matches!(stage, Stage::Unhealthy { next, .. } if *next <= now))
        {
            if let Stage::Unhealthy { until, start, .. } = self.members[at].1 {
                self.check(at, until, start)?;
            }
        }
        let settled =
            self.those(|stage| matches!(stage, Stage::Settling { until, .. } if *until <= now));
        self.settled(&settled)
    }

    /// What has been started anew in between has not stayed up.
    fn settled(&mut self, which: &[usize]) -> Result<()> {
        let mut up = Vec::new();
        for (at, state) in self.states(which)? {
            let settle = humantime::format_duration(self.members[at].0.settle);
            match state {
                None => self.fail(at, "systemd knows it no more".to_owned()),
                // A oneshot that has done its work is what it should be.
                Some(state) if state.active == "inactive" && state.job.is_none() => {
                    self.enter(at, Stage::Over(Became::Stopped));
                }
                Some(state) if !state.is_up() => {
                    let result = self.systemd.details(&state)?.result;
                    let is_tried_again = state.active == "activating" && result == "success";
                    if is_tried_again && self.members[at].1.overdue_by() < NEXT_TRY {
                        continue;
                    }
                    let how = format!(
                        "it did not stay up for {settle}: the unit is {} ({result})",
                        state.active
                    );
                    self.fail(at, how);
                }
                Some(state) => up.push((at, state)),
            }
        }
        for (at, _, now) in self.with_starts(up)? {
            match self.members[at].1 {
                Stage::Settling { start, .. } if start == now => {
                    self.enter(at, Stage::Over(Became::Ready));
                }
                // It mostly ends the way it did before, and then systemd tells how.
                _ if self.members[at].1.overdue_by() < NEXT_TRY => {}
                _ => {
                    let settle = humantime::format_duration(self.members[at].0.settle);
                    let how =
                        format!("it did not stay up for {settle}: systemd has started it anew");
                    self.fail(at, how);
                }
            }
        }
        Ok(())
    }

    /// Waits until jobs end, or something else is due.
    fn wait(&mut self) -> Result<()> {
        self.end_announced()?;
        let now = Instant::now();
        let due = self.members.iter().filter_map(|(_, stage)| stage.due());
        // A moment more, so that those that are due one after the other are asked about together.
        let limit = due
            .map(|due| due.saturating_duration_since(now) + TOGETHER)
            .fold(LOOK_AGAIN, Duration::min);
        let limit = match self.unended.is_empty() {
            true => limit,
            false => limit.min(TOGETHER),
        };
        let jobs: HashMap<Job, usize> = self
            .members
            .iter()
            .enumerate()
            .filter_map(|(at, (_, stage))| Some((stage.job()?.clone(), at)))
            .collect();
        if jobs.is_empty() {
            thread::sleep(limit);
            return Ok(());
        }
        let finished = &mut self.means.finished;
        let ended = finished.wait(self.systemd, &jobs, limit, TOGETHER)?;
        self.ended(ended)
    }

    fn ended(&mut self, ended: Vec<(usize, Option<String>)>) -> Result<()> {
        let mut restarts = HashMap::new();
        for (at, result) in ended {
            let (member, stage) = &mut self.members[at];
            match stage {
                Stage::Restarting { ours, .. } => {
                    member.was_canceled |= *ours && result.as_deref() == Some("canceled");
                    restarts.insert(at, (*ours, result));
                    *stage = Stage::Ended;
                }
                Stage::Checking {
                    asked,
                    until,
                    start,
                } => {
                    let (asked, until, start) = (asked.clone(), *until, *start);
                    self.checked(at, &asked, until, start);
                }
                _ => {}
            }
        }
        // There is room now, and systemd need not wait for what is asked about these.
        self.begin_next()?;
        let mut over = Vec::new();
        for (at, state) in self.states(&restarts.keys().copied().collect::<Vec<_>>())? {
            let (ours, result) = restarts.remove(&at).unwrap_or_default();
            // After somebody else's job the container may need its restart still; or a second job followed the first.
            match !ours || state.as_ref().is_some_and(|state| state.job.is_some()) {
                true => self.enter(at, Stage::Waiting),
                false => over.push((at, state, result)),
            }
        }
        self.restarted(over)
    }
}
