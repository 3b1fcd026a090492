//! A subject and numbers of its containers in; the orders that start, restart and stop them, and how long each took, out.
//!
//! A unit's moments are PID 1's own timestamps, and the end of a start is the clock that the payload reads first of all: so no
//! client's own time is in a figure, and no subject gains by saying "started" before its payload runs. `podman run` has no PID 1,
//! so its own process is part of what starts a container, and is measured with it.

use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::time::{ClockId, clock_gettime};

use super::run::{succeed, succeed_until, text_of};
use super::subject::{PAYLOAD, STARTED, Subject};

/// How many are started at once while a level is filled: less than what any of them chokes on.
const WAVE: usize = 25;
/// How long a payload may take to begin once the order has returned.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one order took, milliseconds.
pub struct Took {
    /// What was to be done.
    pub work: f64,
    /// The command, `systemctl` or `podman`: what somebody who types it waits for.
    pub command: f64,
}

/// The three things one container can be told.
impl Subject {
    /// From the beginning of the start job to the payload's first instruction.
    pub fn time_start(self, number: usize) -> Result<Took> {
        let order = self.start(&[number]);
        self.time_to_payload(number, order, "InactiveExitTimestampMonotonic")
    }

    /// From the beginning of the stop to the first instruction of the next payload.
    pub fn time_restart(self, number: usize) -> Result<Took> {
        let order = self.restart(&[number]);
        self.time_to_payload(number, order, "ActiveExitTimestampMonotonic")
    }

    /// From the moment that PID 1 has noted as `beginning` to the payload's first instruction.
    fn time_to_payload(self, number: usize, mut order: Command, beginning: &str) -> Result<Took> {
        let (before, ordered) = (payloads_started()?.len(), clock()?);
        succeed(&mut order)?;
        let command = clock()? - ordered;
        let started = payload_after(before)?;
        let began = match self.is_podman() {
            true => ordered,
            false => self.moment(number, beginning)?,
        };
        let work = started - began;
        Ok(Took { work, command })
    }

    /// From the beginning of the stop to nothing being left.
    pub fn time_stop(self, number: usize) -> Result<Took> {
        let began = clock()?;
        succeed(&mut self.stop(&[number]))?;
        let command = clock()? - began;
        let work = if self.is_podman() {
            command
        } else {
            self.moment(number, "InactiveEnterTimestampMonotonic")?
                - self.moment(number, "ActiveExitTimestampMonotonic")?
        };
        Ok(Took { work, command })
    }

    /// A running container again as it was before its first start.
    pub fn forget(self, number: usize) -> Result<()> {
        match self {
            Subject::Podman | Subject::PodmanIsolated => {
                succeed(podman().args(["rm", "--force", &self.container(number)]))
            }
            _ => Ok(()),
        }
    }

    /// Starts all of `numbers`, a wave at a time.
    pub fn fill(self, numbers: RangeInclusive<usize>, end: Instant) -> Result<()> {
        let before = payloads_started()?.len();
        let numbers: Vec<_> = numbers.collect();
        for wave in numbers.chunks(WAVE) {
            match self {
                Subject::Podman | Subject::PodmanIsolated => wave
                    .iter()
                    .try_for_each(|number| succeed_until(end, &mut self.start(&[*number])))?,
                _ => succeed_until(end, &mut self.start(wave))?,
            }
        }
        payload_after(before + numbers.len() - 1).map(drop)
    }

    /// All of them in one go, milliseconds for all.
    pub fn time_restart_all(self, most: usize, end: Instant) -> Result<f64> {
        let (before, began) = (payloads_started()?.len(), clock()?);
        let numbers: Vec<_> = (1..=most).collect();
        succeed_until(end, &mut self.restart(&numbers))?;
        Ok(payload_after(before + most - 1)? - began)
    }

    /// Stops everything there is.
    pub fn stop_all(self, most: usize, end: Instant) -> Result<()> {
        let numbers: Vec<_> = (1..=most).collect();
        match self {
            Subject::Podman | Subject::PodmanIsolated => {
                succeed_until(end, podman().args(["rm", "--all", "--force", "--time=5"]))
            }
            _ => succeed_until(end, &mut self.stop(&numbers)),
        }
    }

    fn start(self, numbers: &[usize]) -> Command {
        match (self, numbers) {
            (Subject::Podman | Subject::PodmanIsolated, [number]) => {
                let mut command = podman();
                let network = match self {
                    Subject::PodmanIsolated => "--network=none",
                    _ => "--network=host",
                };
                command.args(["run", "--detach", network]);
                command.args(["--log-driver=passthrough", "--rootfs", "--name"]);
                command.args([&self.container(*number), "/:O", PAYLOAD]);
                command
            }
            _ => self.systemctl("start", numbers),
        }
    }

    fn restart(self, numbers: &[usize]) -> Command {
        match self {
            Subject::Podman | Subject::PodmanIsolated => self.podman("restart", numbers),
            _ => self.systemctl("restart", numbers),
        }
    }

    fn stop(self, numbers: &[usize]) -> Command {
        match self {
            Subject::Podman | Subject::PodmanIsolated => self.podman("stop", numbers),
            _ => self.systemctl("stop", numbers),
        }
    }

    fn systemctl(self, verb: &str, numbers: &[usize]) -> Command {
        let mut command = Command::new("systemctl");
        command.arg(verb);
        command.args(numbers.iter().map(|number| self.unit(*number)));
        command
    }

    fn podman(self, verb: &str, numbers: &[usize]) -> Command {
        let mut command = podman();
        command.args([verb, "--time=5"]);
        command.args(numbers.iter().map(|number| self.container(*number)));
        command
    }

    /// A moment that PID 1 has noted, in milliseconds.
    fn moment(self, number: usize, property: &str) -> Result<f64> {
        let unit = self.unit(number);
        let text = text_of(Command::new("systemctl").args([
            "show",
            "--value",
            "--property",
            property,
            &unit,
        ]))?;
        let micros: f64 = text.trim().parse()?;
        ensure!(micros > 0.0, "{unit} has no {property}");
        Ok(micros / 1e3)
    }
}

/// As one types it. What the payload writes goes where podman's own output goes ("passthrough"), and conmon keeps both open.
fn podman() -> Command {
    let mut command = Command::new("podman");
    if let Ok(file) = File::options().append(true).open(STARTED) {
        command.stdout(file);
    }
    command.stderr(Stdio::null());
    command
}

/// Milliseconds of CLOCK_MONOTONIC, which systemd and the payload read as well.
pub fn clock() -> Result<f64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    Ok(now.tv_sec() as f64 * 1e3 + now.tv_nsec() as f64 / 1e6)
}

/// The moments at which payloads began, in the order they told so, in milliseconds. Others write to that file as well.
fn payloads_started() -> Result<Vec<f64>> {
    let text = fs::read_to_string(STARTED).with_context(|| format!("cannot read {STARTED}"))?;
    let moments = text
        .lines()
        .filter_map(|line| line.strip_prefix("started "));
    moments
        .map(|nanoseconds| Ok(nanoseconds.parse::<f64>()? / 1e6))
        .collect()
}

/// When the payload began that is to begin after `before` others.
fn payload_after(before: usize) -> Result<f64> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(moment) = payloads_started()?.get(before) {
            return Ok(*moment);
        }
        if Instant::now() > end {
            bail!(
                "{} payloads have begun, and no more within {} s, where {} should have",
                payloads_started()?.len(),
                PATIENCE.as_secs(),
                before + 1
            );
        }
        thread::sleep(Duration::from_micros(200));
    }
}
