//! Members that are to be restarted in; those that systemd takes for stopping already, their restart jobs, and their end, out. Why:
//! [`crate::stops`].

use anyhow::Result;

use super::Wave;
use crate::systemd::{Job, ServiceState};

impl Wave<'_> {
    /// Has those stopped without their own commands that can be. They are stopping, and have no job.
    pub(super) fn announce(&mut self, old: &[(usize, ServiceState)]) -> Result<Vec<usize>> {
        if !self.means.stops.is_there() {
            return Ok(Vec::new());
        }
        let up = old.iter().filter(|(_, state)| state.is_up());
        let (places, services): (Vec<usize>, Vec<&ServiceState>) =
            up.map(|(at, state)| (*at, state)).unzip();
        let commands = self.systemd.stop_commands(&services)?;
        let mut announced = Vec::new();
        for ((at, service), command) in places.into_iter().zip(services).zip(commands) {
            if let Some(command) = command
                && self.means.stops.announce(&service.unit, &command)
            {
                announced.push(at);
            }
        }
        let mut stopping = Vec::new();
        for (at, state) in self.states(&announced)? {
            let unit = &self.members[at].0.unit;
            match state {
                Some(state) if state.is_stopping_without_job() => stopping.push(at),
                // Somebody stops it, and for systemd it is stopping already.
                Some(state) if state.is_stopping() => {
                    self.unended
                        .extend(state.job.map(|job| (job, unit.clone())));
                }
                // systemd has not taken it, or has begun with its stop command.
                _ => self.means.stops.leave(unit),
            }
        }
        Ok(stopping)
    }

    /// Ends those whose jobs have begun. Before that, systemd may still wait for what has to stop first, and would take the end for
    /// one that nobody has asked for.
    pub(super) fn end_announced(&mut self) -> Result<()> {
        if self.unended.is_empty() {
            return Ok(());
        }
        let waiting = self.systemd.waiting_jobs()?;
        let (unended, begun) = std::mem::take(&mut self.unended)
            .into_iter()
            .partition(|(job, _)| waiting.contains(job));
        self.unended = unended;
        for (_, unit) in begun {
            self.means.stops.end(&unit);
        }
        Ok(())
    }

    /// The jobs of these; `None` for those that somebody stops, or starts: that is looked at first.
    pub(super) fn restart_announced(
        &mut self,
        stopping: &[usize],
    ) -> Result<Vec<Result<Option<Job>>>> {
        let units = self.units(stopping);
        let names: Vec<&str> = units.iter().map(String::as_str).collect();
        let mut jobs = self.systemd.restart_each_without_job(&names);
        for ((at, unit), job) in stopping.iter().zip(&units).zip(&mut jobs) {
            // A job may be in the way that is not its own, as that of a timer which stops along: it has to start all the same.
            if let Ok(None) = job {
                let state = self.states(&[*at])?.pop().and_then(|(_, state)| state);
                if state.is_some_and(|state| state.is_stopping_without_job()) {
                    *job = self.systemd.restart(unit).map(Some);
                }
            }
            match job {
                Ok(Some(job)) => self.unended.push((job.clone(), unit.clone())),
                _ => self.means.stops.end(unit),
            }
        }
        Ok(jobs)
    }
}
