//! One wave of a refresh: containers to restart in; what became of each, out.
//!
//! A container goes through stages: its restart job, its health check if it has one, and a time in which it has to stay up.
//! Only the jobs are limited in number; to settle costs nothing, so a wave settles as one.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::moment::Moment;
use crate::container::Name;
use crate::health::{Answer, Asked};
use crate::systemd::{FinishedJobs, Job, Systemd};

/// How long one restart may take: systemd's own limits for stop and start, and dependencies that are restarted with it.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long to wait for jobs before the rest is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Between two health checks of a container that is not healthy yet.
const BETWEEN_CHECKS: Duration = Duration::from_millis(250);

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
    /// Whether its restart has failed once already.
    pub has_failed: bool,
    /// Whether somebody has put another job in the place of its restart: what then does not run was stopped.
    pub was_canceled: bool,
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

enum Stage {
    Waiting,
    Restarting {
        job: Job,
        ours: bool,
        begun: Instant,
    },
    Checking {
        asked: Asked,
        until: Instant,
        start: u64,
    },
    /// Between two checks.
    Unhealthy {
        next: Instant,
        until: Instant,
        start: u64,
    },
    Settling {
        until: Instant,
        start: u64,
    },
    Over(Became),
}

/// Restarts the members of a wave.
pub struct Wave<'a> {
    systemd: &'a mut Systemd,
    finished: &'a mut FinishedJobs,
    /// Most restarts at a time.
    parallel: usize,
    boot: String,
    members: Vec<(Member, Stage)>,
    told: &'a mut dyn FnMut(&str, &Became),
}

impl<'a> Wave<'a> {
    /// A wave of `members`, of which `parallel` are restarted at a time; `told` hears of each as it is over.
    pub fn new(
        systemd: &'a mut Systemd,
        finished: &'a mut FinishedJobs,
        parallel: usize,
        boot: &str,
        members: Vec<Member>,
        told: &'a mut dyn FnMut(&str, &Became),
    ) -> Self {
        let members = members.into_iter().map(|member| (member, Stage::Waiting));
        Self {
            systemd,
            finished,
            parallel: parallel.max(1),
            boot: boot.to_owned(),
            members: members.collect(),
            told,
        }
    }

    /// Restarts all of them, and returns what became of each, in their order.
    ///
    /// # Errors
    /// When systemd stops answering.
    pub fn run(mut self) -> Result<Vec<(Member, Became)>> {
        loop {
            for at in 0..self.members.len() {
                self.go_on(at)?;
            }
            if self.members.iter().all(|(_, stage)| stage.is_over()) {
                break;
            }
            self.wait()?;
        }
        let over = self.members.into_iter().map(|(member, stage)| match stage {
            Stage::Over(became) => (member, became),
            _ => (member, Became::Failed("it was forgotten".to_owned())),
        });
        Ok(over.collect())
    }

    /// Takes a member as far as it gets without waiting.
    fn go_on(&mut self, at: usize) -> Result<()> {
        let now = Instant::now();
        let next = match &self.members[at].1 {
            Stage::Waiting if self.restarting() < self.parallel => self.begin(at)?,
            Stage::Restarting { begun, .. } if begun.elapsed() > LIMIT => {
                let minutes = LIMIT.as_secs() / 60;
                let how = format!("its restart has not ended within {minutes} minutes");
                Stage::Over(Became::Failed(how))
            }
            Stage::Unhealthy { next, until, start } if *next <= now => {
                self.check(at, *until, *start)?
            }
            Stage::Settling { until, start } if *until <= now => self.settled(at, *start)?,
            _ => return Ok(()),
        };
        self.enter(at, next);
        Ok(())
    }

    fn enter(&mut self, at: usize, stage: Stage) {
        let (member, there) = &mut self.members[at];
        *there = stage;
        if let Stage::Over(became) = there {
            (self.told)(member.name.as_str(), became);
        }
    }

    fn restarting(&self) -> usize {
        let restarting = |(_, stage): &&(Member, Stage)| matches!(stage, Stage::Restarting { .. });
        self.members.iter().filter(restarting).count()
    }

    /// A restart takes those along that require the container. So what has started since, or has a job already, is not
    /// restarted once more.
    fn begin(&mut self, at: usize) -> Result<Stage> {
        let member = self.members[at].0.clone();
        if let Some(state) = self.systemd.service(&member.unit)? {
            if let Some(job) = state.job {
                return Ok(Stage::restarting(job, false));
            }
            let start = self.systemd.start_began(&state)?;
            if member.since.is_before(&self.boot, start) {
                return self.restarted(at, None);
            }
        }
        match self.systemd.try_restart(&member.unit) {
            Ok(job) => Ok(Stage::restarting(job, true)),
            // Jobs are refused while the system goes down; the next boot mounts everything afresh.
            Err(_) if self.systemd.is_stopping()? => Ok(Stage::Over(Became::ShuttingDown)),
            Err(cause) => Ok(Stage::Over(Became::Failed(format!("{cause:#}")))),
        }
    }

    /// A job's result says how it ended; the unit's state says whether the container runs. Both have to be good.
    fn restarted(&mut self, at: usize, result: Option<&str>) -> Result<Stage> {
        let member = self.members[at].0.clone();
        let Some(state) = self.systemd.service(&member.unit)? else {
            let how = "systemd knows it no more".to_owned();
            return Ok(Stage::Over(Became::Failed(how)));
        };
        let is_good = matches!(result, None | Some("done"));
        // "activating" without a job is a container that failed and is about to be tried again.
        if is_good && state.is_up() {
            let start = self.systemd.start_began(&state)?;
            return match &member.health {
                Some(limit) => self.check(at, Instant::now() + *limit, start),
                None => Ok(member.settling(start)),
            };
        }
        if state.active == "inactive" || member.was_canceled {
            return Ok(Stage::Over(Became::Stopped));
        }
        if !member.has_failed && matches!(result, Some("failed" | "timeout")) {
            return self.again(at);
        }
        let details = self.systemd.details(&state)?;
        let job = result.unwrap_or("unknown");
        Ok(Stage::Over(Became::Failed(format!(
            "the job's result is {job}, the unit is {} ({})",
            state.active, details.result
        ))))
    }

    /// Restarts once more what has failed to start: the cause may have passed. PID 1 that is executed anew while it starts
    /// something breaks that off (systemd 257), and an upgrade of systemd does that.
    fn again(&mut self, at: usize) -> Result<Stage> {
        let member = &mut self.members[at].0;
        member.has_failed = true;
        let unit = member.unit.clone();
        tracing::warn!(
            container = member.name.as_str(),
            "{unit} has failed to start; once more"
        );
        match self.systemd.restart(&unit) {
            Ok(job) => Ok(Stage::restarting(job, true)),
            Err(_) if self.systemd.is_stopping()? => Ok(Stage::Over(Became::ShuttingDown)),
            Err(cause) => Ok(Stage::Over(Became::Failed(format!("{cause:#}")))),
        }
    }

    /// Has its health checked once more.
    fn check(&mut self, at: usize, until: Instant, start: u64) -> Result<Stage> {
        let name = self.members[at].0.name.clone();
        match Asked::of(self.systemd, &name) {
            Ok(Some(asked)) => Ok(Stage::Checking {
                asked,
                until,
                start,
            }),
            // It is not up any more, or not quite yet.
            Ok(None) => Ok(self.unhealthy(at, "it is not running", until, start)),
            Err(cause) => Ok(Stage::Over(Became::Failed(format!("{cause:#}")))),
        }
    }

    fn checked(&mut self, at: usize, asked: &Asked, until: Instant, start: u64) -> Stage {
        match asked.answer() {
            Ok(Answer::Healthy) => self.members[at].0.settling(start),
            Ok(Answer::Unhealthy(why)) => self.unhealthy(at, &why, until, start),
            Ok(Answer::Unchecked) => self.unhealthy(at, "nothing answers for it", until, start),
            Err(cause) => self.unhealthy(at, &format!("{cause:#}"), until, start),
        }
    }

    fn unhealthy(&self, at: usize, why: &str, until: Instant, start: u64) -> Stage {
        if Instant::now() >= until {
            let limit = self.members[at].0.health.unwrap_or_default();
            let limit = humantime::format_duration(limit);
            let how = format!("it has not become healthy within {limit}: {why}");
            return Stage::Over(Became::Failed(how));
        }
        Stage::Unhealthy {
            next: Instant::now() + BETWEEN_CHECKS,
            until,
            start,
        }
    }

    /// What has been started anew in between has not stayed up.
    fn settled(&mut self, at: usize, start: u64) -> Result<Stage> {
        let member = self.members[at].0.clone();
        let fail = |how: String| Ok(Stage::Over(Became::Failed(how)));
        let Some(state) = self.systemd.service(&member.unit)? else {
            return fail("systemd knows it no more".to_owned());
        };
        // A oneshot that has done its work is what it should be.
        if state.active == "inactive" && state.job.is_none() {
            return Ok(Stage::Over(Became::Stopped));
        }
        let settle = humantime::format_duration(member.settle);
        if !state.is_up() {
            let result = self.systemd.details(&state)?.result;
            return fail(format!(
                "it did not stay up for {settle}: the unit is {} ({result})",
                state.active
            ));
        }
        if self.systemd.start_began(&state)? != start {
            return fail(format!(
                "it did not stay up for {settle}: systemd has started it anew"
            ));
        }
        Ok(Stage::Over(Became::Ready))
    }

    /// Waits until a job ends, or something else is due.
    fn wait(&mut self) -> Result<()> {
        let now = Instant::now();
        let due = self.members.iter().filter_map(|(_, stage)| stage.due());
        let limit = due
            .map(|due| due.saturating_duration_since(now))
            .fold(LOOK_AGAIN, Duration::min);
        let jobs: Vec<(usize, Job)> = self
            .members
            .iter()
            .enumerate()
            .filter_map(|(at, (_, stage))| Some((at, stage.job()?.clone())))
            .collect();
        if jobs.is_empty() {
            thread::sleep(limit);
            return Ok(());
        }
        let paths: Vec<Job> = jobs.iter().map(|(_, job)| job.clone()).collect();
        if let Some((which, result)) = self.finished.wait(self.systemd, &paths, limit)? {
            self.ended(jobs[which].0, result.as_deref())?;
        }
        Ok(())
    }

    fn ended(&mut self, at: usize, result: Option<&str>) -> Result<()> {
        let next = match &self.members[at].1 {
            Stage::Restarting { ours, .. } => {
                let ours = *ours;
                let member = &mut self.members[at].0;
                member.was_canceled |= ours && result == Some("canceled");
                let unit = member.unit.clone();
                let state = self.systemd.service(&unit)?;
                // After somebody else's job the container may need its restart still; or a second job followed the first.
                match !ours || state.is_some_and(|state| state.job.is_some()) {
                    true => Stage::Waiting,
                    false => self.restarted(at, result)?,
                }
            }
            Stage::Checking {
                asked,
                until,
                start,
            } => {
                let (asked, until, start) = (asked.clone(), *until, *start);
                self.checked(at, &asked, until, start)
            }
            _ => return Ok(()),
        };
        self.enter(at, next);
        Ok(())
    }
}

impl Member {
    fn settling(&self, start: u64) -> Stage {
        Stage::Settling {
            until: Instant::now() + self.settle,
            start,
        }
    }
}

impl Stage {
    fn restarting(job: Job, ours: bool) -> Self {
        Self::Restarting {
            job,
            ours,
            begun: Instant::now(),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    fn job(&self) -> Option<&Job> {
        match self {
            Self::Restarting { job, .. } => Some(job),
            Self::Checking { asked, .. } => Some(&asked.job),
            _ => None,
        }
    }

    /// When it goes on without a job's end.
    fn due(&self) -> Option<Instant> {
        match self {
            Self::Unhealthy { next, .. } => Some(*next),
            Self::Settling { until, .. } => Some(*until),
            _ => None,
        }
    }
}
