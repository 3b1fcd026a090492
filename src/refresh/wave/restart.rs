//! Members that wait for room, or whose restart is over, in; restart jobs, or what comes after them, out.

use std::time::Instant;

use anyhow::Result;

use super::{Became, Ended, Stage, Wave};
use crate::systemd::{Job, ServiceState};

impl Wave<'_> {
    /// Restarts as many of those that wait as there is room for.
    pub(super) fn begin_next(&mut self) -> Result<()> {
        loop {
            let restarting = self.those(|stage| matches!(stage, Stage::Restarting { .. }));
            let room = self.parallel.saturating_sub(restarting.len());
            let mut next = self.those(|stage| matches!(stage, Stage::Waiting));
            next.truncate(room);
            if next.is_empty() {
                return Ok(());
            }
            self.begin(&next)?;
        }
    }

    /// A restart takes those along that require the container. So what has started since, or has a job already, is not
    /// restarted once more.
    fn begin(&mut self, which: &[usize]) -> Result<()> {
        let mut unknown = Vec::new();
        let mut idle = Vec::new();
        for (at, state) in self.states(which)? {
            match state {
                Some(state) => match &state.job {
                    Some(job) => self.enter(at, Stage::restarting(job.clone(), false)),
                    None => idle.push((at, state)),
                },
                None => unknown.push(at),
            }
        }
        let mut old = Vec::new();
        let mut fresh = Vec::new();
        for (at, state, start) in self.with_starts(idle)? {
            let is_new = self.members[at].0.since.is_before(&self.boot, start);
            match is_new && !state.waits_for_next_try() {
                true => fresh.push((at, Some(state), None)),
                false => old.push((at, state)),
            }
        }
        self.restart(unknown, &old)?;
        self.restarted(fresh)
    }

    /// Those that systemd takes for stopping already have to be restarted, whatever they look like; the others if they run.
    fn restart(&mut self, unknown: Vec<usize>, old: &[(usize, ServiceState)]) -> Result<()> {
        let stopping = self.announce(old)?;
        for (at, job) in stopping.iter().zip(self.restart_announced(&stopping)?) {
            match job.transpose() {
                Some(job) => self.begun(*at, job)?,
                None => self.enter(*at, Stage::Waiting),
            }
        }
        let running = old.iter().map(|(at, _)| *at);
        let running = running.filter(|at| !stopping.contains(at));
        let which: Vec<usize> = running.chain(unknown).collect();
        let which = self.start_those_that_go_back(which, old)?;
        let units = self.units(&which);
        let names: Vec<&str> = units.iter().map(String::as_str).collect();
        let jobs = self.systemd.try_restart_each(&names);
        for (at, job) in which.into_iter().zip(jobs) {
            self.begun(at, job)?;
        }
        Ok(())
    }

    /// What failed in the refresh runs no more, and "if it runs" (`TryRestartUnit()`) would leave it so. The others are left.
    fn start_those_that_go_back(
        &mut self,
        which: Vec<usize>,
        old: &[(usize, ServiceState)],
    ) -> Result<Vec<usize>> {
        let is_down = |at: &usize| {
            let mut old = old.iter();
            old.any(|(other, state)| other == at && !state.is_running())
        };
        let (down, left): (Vec<usize>, Vec<usize>) = which
            .into_iter()
            .partition(|at| self.members[*at].0.goes_back && is_down(at));
        for at in down {
            let unit = self.members[at].0.unit.clone();
            let job = self.systemd.restart(&unit);
            self.begun(at, job)?;
        }
        Ok(left)
    }

    pub(super) fn units(&self, which: &[usize]) -> Vec<String> {
        let units = which.iter().map(|at| self.members[*at].0.unit.clone());
        units.collect()
    }

    fn begun(&mut self, at: usize, job: Result<Job>) -> Result<()> {
        let stage = match job {
            Ok(job) => Stage::restarting(job, true),
            // Jobs are refused while the system goes down; the next boot mounts everything afresh.
            Err(_) if self.systemd.is_stopping()? => Stage::Over(Became::ShuttingDown),
            Err(cause) => Stage::Over(Became::Failed(format!("{cause:#}"))),
        };
        self.enter(at, stage);
        Ok(())
    }

    /// A job's result says how it ended; the unit's state says whether the container runs. Both have to be good.
    pub(super) fn restarted(&mut self, ended: Vec<Ended>) -> Result<()> {
        let mut up = Vec::new();
        for (at, state, result) in ended {
            let is_good = matches!(result.as_deref(), None | Some("done"));
            match state {
                // "activating" without a job is a container that failed and is about to be tried again.
                Some(state) if is_good && state.is_up() => up.push((at, state)),
                Some(state) => self.not_up(at, &state, result.as_deref())?,
                None => self.fail(at, "systemd knows it no more".to_owned()),
            }
        }
        for (at, _, start) in self.with_starts(up)? {
            let member = &self.members[at].0;
            match member.health {
                Some(limit) => self.check(at, Instant::now() + limit, start)?,
                None => self.enter(at, member.settling(start)),
            }
        }
        Ok(())
    }

    fn not_up(&mut self, at: usize, state: &ServiceState, result: Option<&str>) -> Result<()> {
        let member = &self.members[at].0;
        // The restart itself has stopped it, and what it requires does not start.
        let lacks_other = result == Some("dependency");
        if (state.active == "inactive" && !lacks_other) || member.was_canceled {
            self.enter(at, Stage::Over(Became::Stopped));
            return Ok(());
        }
        if !member.has_failed && matches!(result, Some("failed" | "timeout" | "dependency")) {
            return self.again(at);
        }
        if result == Some("done") {
            // It has been up: what is to be told of that is what is told at the end of its time.
            let until = Instant::now();
            self.enter(at, Stage::Settling { until, start: 0 });
            return Ok(());
        }
        let details = self.systemd.details(state)?;
        let job = result.unwrap_or("unknown");
        let how = format!(
            "the job's result is {job}, the unit is {} ({})",
            state.active, details.result
        );
        self.fail(at, how);
        Ok(())
    }

    /// Restarts once more what has failed to start: the cause may have passed. PID 1 that is executed anew while it starts
    /// something breaks that off (systemd 257), and an upgrade of systemd does that.
    fn again(&mut self, at: usize) -> Result<()> {
        let member = &mut self.members[at].0;
        member.has_failed = true;
        let unit = member.unit.clone();
        tracing::warn!(
            container = member.name.as_str(),
            "{unit} has failed to start; once more"
        );
        if self.systemd.is_required(&unit)? {
            (self.note_failed_start)(&unit)?;
        }
        let job = self.systemd.restart(&unit);
        self.begun(at, job)
    }
}
