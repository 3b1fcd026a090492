//! A subject and levels in; lines of JSON, one a figure, out, each as soon as it is known.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::memory::Usage;
use super::orders::{Took, clock};
use super::processor;
use super::run::succeed;
use super::subject::Subject;

/// Single starts, restarts and stops at each level, after one of each that only warms the caches.
const SAMPLES: usize = 6;

/// What one container is told in turn: the names of its clock's, its command's and its processor time's figure, and how.
type Order = ([&'static str; 3], fn(Subject, usize) -> Result<Took>);
const ORDERS: [Order; 3] = [
    (["start", "start_command", "start_cpu"], Subject::time_start),
    (
        ["restart", "restart_command", "restart_cpu"],
        Subject::time_restart,
    ),
    (["stop", "stop_command", "stop_cpu"], Subject::time_stop),
];

/// From this level on a difference of memory tells something.
const MEMORY_FROM: usize = 100;

/// One subject under measurement.
struct Pass {
    subject: Subject,
    version: String,
    limit: Duration,
    before: Usage,
}

/// Measures `subject` at `levels`, which rise, and leaves nothing running. No order to many takes longer than `limit`.
pub fn measure(subject: Subject, levels: &[usize], limit: Duration) -> Result<()> {
    let most = levels.last().context("no level")? + 1;
    let spares: Vec<_> = levels.iter().map(|level| level + 1).collect();
    if !subject.install(most, &spares)? {
        return Ok(());
    }
    let pass = Pass {
        subject,
        version: subject.version()?,
        limit,
        before: Usage::now()?,
    };
    let mut running = 0;
    for level in levels {
        subject.fill(running + 1..=*level, Instant::now() + limit)?;
        running = *level;
        pass.measure_at(running)?;
    }
    subject.stop_all(running, Instant::now() + limit)?;
    subject.remove()
}

impl Pass {
    /// With `level` containers running.
    fn measure_at(&self, level: usize) -> Result<()> {
        self.measure_usage(level)?;
        // What is prepared at the very first start is known from the next reload on.
        self.subject.time_start(level + 1)?;
        self.subject.time_stop(level + 1)?;
        self.subject.forget(level + 1)?;
        let mut reloads = Vec::new();
        for _ in 0..3 {
            let began = clock()?;
            succeed(Command::new("systemctl").arg("daemon-reload"))?;
            reloads.push(clock()? - began);
        }
        self.tell(level, "daemon_reload", median(reloads), "ms");
        self.measure_singles(level)?;
        let used = processor::used_for(self.subject)?;
        let all = self
            .subject
            .time_restart_all(level, Instant::now() + self.limit)?;
        let used = processor::used_for(self.subject)? - used;
        self.tell(level, "restart_all", all / level as f64, "ms");
        self.tell(level, "restart_all_cpu", used / level as f64, "ms");
        Ok(())
    }

    /// What one more costs.
    fn measure_singles(&self, level: usize) -> Result<()> {
        let one_more = level + 1;
        let mut samples: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for sample in 0..=SAMPLES {
            for (metrics, order) in ORDERS {
                let used = processor::used_for(self.subject)?;
                let took = order(self.subject, one_more)?;
                let used = processor::used_for(self.subject)? - used;
                if sample > 0 {
                    for (metric, value) in metrics.iter().zip([took.work, took.command, used]) {
                        samples.entry(metric).or_default().push(value);
                    }
                }
            }
            self.subject.forget(one_more)?;
        }
        for (metric, samples) in samples {
            self.tell(level, metric, median(samples), "ms");
        }
        Ok(())
    }

    fn measure_usage(&self, level: usize) -> Result<()> {
        let now = Usage::now()?;
        let each = |now: f64, before: f64| (now - before) / level as f64;
        let processes = each(now.processes as f64, self.before.processes as f64);
        self.tell(level, "processes", processes - 1.0, "beside the payload");
        if level >= MEMORY_FROM {
            for (metric, now, before) in [
                (
                    "process_memory",
                    now.process_memory,
                    self.before.process_memory,
                ),
                (
                    "kernel_memory",
                    now.kernel_memory,
                    self.before.kernel_memory,
                ),
            ] {
                self.tell(level, metric, each(now, before) / 1e6, "MB");
            }
        }
        Ok(())
    }

    fn tell(&self, level: usize, metric: &str, value: f64, unit: &str) {
        println!(
            "{}",
            json!({"what": self.subject.name(), "version": self.version, "level": level, "metric": metric,
                   "value": value, "unit": unit})
        );
    }
}

pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
