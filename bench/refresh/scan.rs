//! `scan` or `evidence` in, and on standard input containers with their control groups, a line each; on one line the nanoseconds
//! of processor time that a look at all of them takes, and how many processes and stale files there were, out.
//!
//! bench/refresh/run calls it in a booted system.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use lodger::container::Name;
use lodger::place;
use lodger::stale::Scanner;
use nix::time::{ClockId, clock_gettime};

fn main() -> Result<()> {
    let word = std::env::args().nth(1).unwrap_or_default();
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut containers = Vec::new();
    for line in text.lines() {
        let (name, group) = line.split_once(' ').context("NAME GROUP expected")?;
        containers.push((Name::parse(name).map_err(anyhow::Error::msg)?, group));
    }
    let begin = processor_time()?;
    let mut scanner = Scanner::new(Path::new(place::MOUNTED_BASES))?;
    let (mut processes, mut stale) = (0, 0);
    for (name, group) in &containers {
        match word.as_str() {
            "scan" => {
                let scan = scanner.scan(name, group);
                processes += scan.processes;
                stale += scan.stale.len();
            }
            "evidence" => {
                let evidence = scanner.evidence(name, group);
                processes += evidence.processes;
                stale += evidence.maps.len() + evidence.undecided.len();
            }
            _ => bail!("usage: bench-refresh scan|evidence"),
        }
    }
    println!("{} {processes} {stale}", processor_time()? - begin);
    Ok(())
}

/// Of this process, in nanoseconds. Other work on the machine disturbs it less than the clock.
fn processor_time() -> Result<i64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}
