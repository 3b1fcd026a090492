//! A calendar expression of systemd.time(7), how long its window is open, and a time in; whether it is open then, out.
//!
//! What an expression means, time zones and leap years and all, only systemd knows; so `systemd-analyze calendar` is asked when
//! it elapses next, and its answer is read.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::analyze::{ANALYZE, PATIENCE, run};
use crate::diagnostic::{Fault, quote, rule};

/// A window at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// It is open.
    Open {
        /// Until then at least: another one may begin before.
        until: SystemTime,
    },
    /// It is not.
    Closed {
        /// When it opens; `None` if it never does again.
        next: Option<SystemTime>,
    },
}

/// The window that opens whenever `expression` elapses and is open for `length`, as it is at `now`.
///
/// # Errors
/// When `expression` is no calendar expression, or systemd-analyze(1) does not answer.
pub fn state(expression: &str, length: Duration, now: SystemTime) -> Result<Window> {
    let base = now.checked_sub(length).unwrap_or(UNIX_EPOCH);
    match next_elapse(Path::new(ANALYZE), PATIENCE, expression, base)? {
        Answer::Elapses(next) => Ok(state_of(next, length, now)),
        Answer::Refused => bail!("{} is not a calendar expression", quote(expression)),
    }
}

/// Whether `expression` is a calendar expression. Where systemd-analyze(1) is not there or does not answer, nobody knows, and
/// nothing is wrong with it.
///
/// # Errors
/// When it is none.
pub fn check(expression: &str) -> Result<(), Fault> {
    let answer = next_elapse(Path::new(ANALYZE), PATIENCE, expression, SystemTime::now());
    if !matches!(answer, Ok(Answer::Refused)) {
        return Ok(());
    }
    let message = format!("{} is not a calendar expression", quote(expression));
    Err(Fault::new(rule::VALUE, message).help("such as \"Sun 02:00\"; see systemd.time(7)"))
}

/// `next` is the first elapse later than `now - length`.
fn state_of(next: Option<SystemTime>, length: Duration, now: SystemTime) -> Window {
    match next {
        Some(begin) if begin <= now => Window::Open {
            until: begin + length,
        },
        next => Window::Closed { next },
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// When; `None` is never.
    Elapses(Option<SystemTime>),
    /// It is no expression.
    Refused,
}

/// When `expression` elapses the next time after `base`.
fn next_elapse(
    program: &Path,
    patience: Duration,
    expression: &str,
    base: SystemTime,
) -> Result<Answer> {
    let since = base.duration_since(UNIX_EPOCH).unwrap_or_default();
    let base = format!("@{}.{:06}", since.as_secs(), since.subsec_micros());
    let failed = || format!("cannot ask '{}' about a calendar", program.display());
    let base = format!("--base-time={base}");
    let arguments = ["calendar", "--iterations=1", &base, "--", expression];
    let (status, answer) = run(program, patience, &arguments).with_context(failed)?;
    match status.code() {
        Some(0) => parse(&answer).with_context(failed),
        Some(_) if answer.contains("calendar specification") => Ok(Answer::Refused),
        _ => Err(anyhow::anyhow!("{status}: {}", quote(answer.trim()))).with_context(failed),
    }
}

/// The output of `systemd-analyze calendar`: in it stands the time in the host's zone, and below that in UTC, if the host's zone
/// is another one.
fn parse(answer: &str) -> Result<Answer> {
    let value = |key: &str| {
        let mut lines = answer.lines();
        lines.find_map(|line| line.trim_start().strip_prefix(key))
    };
    let local = value("Next elapse:").context("no 'Next elapse:' in the answer")?;
    if local.trim() == "never" {
        return Ok(Answer::Elapses(None));
    }
    let time = value("(in UTC):").unwrap_or(local).trim();
    // Day of the week, date, time, zone.
    let words: Vec<_> = time.split_whitespace().collect();
    let [_, date, clock, _] = words.as_slice() else {
        bail!("no time: {}", quote(time));
    };
    let read = humantime::parse_rfc3339_weak(&format!("{date} {clock}"));
    read.map(|time| Answer::Elapses(Some(time)))
        .with_context(|| format!("no time: {}", quote(time)))
}

#[cfg(test)]
mod tests;
