//! A subject in; the processor time that the booted system has used for its containers so far out, in milliseconds.
//!
//! Other work on the machine makes much less of a difference to it than to the clock. Control groups of version 2 count it
//! whether or not they have the cpu controller (cgroup-v2.rst, "cpu.stat"), and keep what has ended.

use std::fs;

use anyhow::{Context, Result};

use super::subject::Subject;

const ALL: &str = "/sys/fs/cgroup";

/// All but what this program and the `systemctl` it calls use: PID 1 is who acts. `podman` acts itself, so it counts.
pub fn used_for(subject: Subject) -> Result<f64> {
    let all = used_in(ALL)?;
    if subject.is_podman() {
        return Ok(all);
    }
    Ok(all - used_in(&format!("{ALL}{}", own_group()?))?)
}

fn used_in(group: &str) -> Result<f64> {
    let path = format!("{group}/cpu.stat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read '{path}'"))?;
    let micros = text
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "))
        .with_context(|| format!("'{path}' has no usage_usec"))?;
    Ok(micros.parse::<f64>()? / 1e3)
}

/// bench/roots/run has PID 1 run this program, so it has a group of its own.
fn own_group() -> Result<String> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let group = text.lines().find_map(|line| line.strip_prefix("0::"));
    Ok(group.context("no control group of version 2")?.to_owned())
}
