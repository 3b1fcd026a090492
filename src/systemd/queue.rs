//! Units in; jobs for them in systemd's queue, and what becomes of these, out.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::join_all;
use zbus::block_on;

use super::service::AT_ONCE;
use super::{
    FinishedJobs, Job, ManagerProxy, PATIENCE, PropertiesProxy, ServiceState, Systemd,
    is_bus_error, is_error, is_passing,
};

/// The answer to a job that another one is in the way of (org.freedesktop.systemd1(5), the mode "fail").
const DESTRUCTIVE: &str = "org.freedesktop.systemd1.TransactionIsDestructive";

/// How long PID 1 may take to read a request for a job that has been sent. Whoever is started in the sender's place takes longer.
const JOB_PATIENCE: Duration = Duration::from_millis(100);
/// How long a job may take to begin, and how often to look.
const BEGIN_PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Systemd {
    /// Queues a restart of each of `units` that is running, and nothing for the others. What became of each question.
    pub fn try_restart_each(&mut self, units: &[&str]) -> Vec<Result<Job>> {
        self.queue_each(units, async |manager, unit| {
            Ok(Job(manager.try_restart_unit(unit, "replace").await?))
        })
    }

    /// Queues a restart of each of `units`, running or not, unless there is another job for it, such as a stop: then `None`. What
    /// became of each question.
    pub fn restart_each_without_job(&mut self, units: &[&str]) -> Vec<Result<Option<Job>>> {
        self.queue_each(units, async |manager, unit| {
            match manager.restart_unit(unit, "fail").await {
                Ok(job) => Ok(Some(Job(job))),
                Err(cause) if is_error(&cause, DESTRUCTIVE) => Ok(None),
                Err(cause) => Err(cause),
            }
        })
    }

    fn queue_each<T>(
        &mut self,
        units: &[&str],
        restart: impl AsyncFn(&ManagerProxy<'static>, &str) -> zbus::Result<T>,
    ) -> Vec<Result<T>> {
        let mut queued = Vec::with_capacity(units.len());
        for units in units.chunks(AT_ONCE) {
            let connection = &self.connection;
            let answers =
                block_on(join_all(units.iter().map(async |unit| {
                    restart(&ManagerProxy::new(connection).await?, unit).await
                })));
            for (unit, answer) in units.iter().zip(answers) {
                let question = format!("for a restart of {unit}");
                queued.push(match answer {
                    Err(cause) if is_passing(&cause) => {
                        self.ask(&question, async |manager| restart(manager, unit).await)
                    }
                    answer => answer.with_context(|| format!("cannot ask systemd {question}")),
                });
            }
        }
        queued
    }

    /// Queues a restart of `unit` if it is running, and nothing otherwise.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn try_restart(&mut self, unit: &str) -> Result<Job> {
        let question = format!("for a restart of {unit}");
        Ok(Job(self.ask(&question, async |manager| {
            manager.try_restart_unit(unit, "replace").await
        })?))
    }

    /// Queues a restart of `unit`, or a start if it is not running.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn restart(&mut self, unit: &str) -> Result<Job> {
        let question = format!("for a start of {unit}");
        Ok(Job(self.ask(&question, async |manager| {
            manager.restart_unit(unit, "replace").await
        })?))
    }

    /// Restarts `unit`, or starts it if it is not running, and waits for the end of that. The job's result (`done`, `failed` ...);
    /// `None` if it ended unseen.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn restart_and_wait(&mut self, unit: &str) -> Result<Option<String>> {
        let mut finished = self.finished_jobs()?;
        let job = self.restart(unit)?;
        self.wait_for(&mut finished, job)
    }

    /// Starts `unit`, or joins a start that is under way, and waits for the end of that. As [`Systemd::restart_and_wait`].
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn start_and_wait(&mut self, unit: &str) -> Result<Option<String>> {
        let mut finished = self.finished_jobs()?;
        let job = self.start(unit)?;
        self.wait_for(&mut finished, job)
    }

    /// Queues a start of `unit`.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn start(&mut self, unit: &str) -> Result<Job> {
        let question = format!("for a start of {unit}");
        Ok(Job(self.ask(&question, async |manager| {
            manager.start_unit(unit, "replace").await
        })?))
    }

    fn wait_for(&mut self, finished: &mut FinishedJobs, job: Job) -> Result<Option<String>> {
        let job = HashMap::from([(job, ())]);
        loop {
            let mut ended = finished.wait(self, &job, PATIENCE, Duration::ZERO)?;
            if let Some(((), result)) = ended.pop() {
                return Ok(result);
            }
        }
    }

    /// Whether `job` is still queued or running.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn exists(&mut self, job: &Job) -> Result<bool> {
        let path = &job.0;
        let state = self.ask_at(
            "about a job",
            async |connection| match PropertiesProxy::new(connection, path.clone())
                .await?
                .get("org.freedesktop.systemd1.Job", "State")
                .await
            {
                Ok(_) => Ok(true),
                Err(cause) if is_bus_error(&cause, "UnknownObject") => Ok(false),
                Err(cause) => Err(cause),
            },
        )?;
        Ok(state)
    }

    /// Those of `units` that are stopping because somebody has asked for that, once each job has begun: before, systemd may still wait
    /// for what has to stop first.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn stopping_for_jobs(&mut self, units: &[&str]) -> Result<Vec<String>> {
        let asked = Instant::now();
        loop {
            let mut services = self.services_named(units)?;
            services.retain(ServiceState::is_stopping);
            // After that: a job that is new in between has not begun.
            let waiting = self.waiting_jobs()?;
            let is_open = |service: &ServiceState| match &service.job {
                None => asked.elapsed() < JOB_PATIENCE,
                Some(job) => waiting.contains(job) && asked.elapsed() < BEGIN_PATIENCE,
            };
            if services.iter().any(is_open) {
                thread::sleep(LOOK_AGAIN);
                continue;
            }
            let with_jobs = services.into_iter().filter(|service| service.job.is_some());
            return Ok(with_jobs.map(|service| service.unit).collect());
        }
    }

    /// The jobs that wait: for their turn, or for others to end.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn waiting_jobs(&mut self) -> Result<HashSet<Job>> {
        let jobs = self.ask("for its jobs", async |manager| manager.list_jobs().await)?;
        let waiting = jobs.into_iter().filter(|job| job.3 == "waiting");
        Ok(waiting.map(|job| Job(job.4)).collect())
    }
}
