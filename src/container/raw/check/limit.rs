//! Limits of processes, setrlimit(2): one value, or `SOFT:HARD`. systemd ignores a soft limit above its hard one.

use super::number::{is_in, size};
use super::{Checked, not};
use crate::container::values::quantity;
use crate::diagnostic::Fault;
use crate::document::Scalar;

/// `LimitFSIZE=` and others in bytes.
pub fn bytes(text: &str) -> Checked {
    soft_and_hard(text, "an amount of bytes", |value| size(value, 1024))
}

/// `LimitNPROC=` and others that count.
pub fn count(text: &str) -> Checked {
    soft_and_hard(text, "a number", |value| {
        size(value, 1).filter(|_| is_in(value, 0..=i64::MAX))
    })
}

/// `LimitCPU=`, in seconds.
pub fn time(text: &str) -> Checked {
    soft_and_hard(text, "a time span", |value| {
        let span = quantity::time_span(Scalar::Text(value.into())).ok()?;
        u64::try_from(span.as_micros()).ok()
    })
}

/// `LimitNICE=`: a nice level with its sign, or the kernel's own number from 1 to 40, which counts the other way round.
pub fn nice(text: &str) -> Checked {
    let level = |value: &str| {
        let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
        // systemd would read 010 as 8.
        if !is_in(digits, 0..=40) {
            return None;
        }
        let number: i64 = digits.parse().ok()?;
        let raw = match value.as_bytes().first() {
            Some(b'+') => 20 - number,
            Some(b'-') => 20 + number,
            _ => number,
        };
        (1..=40).contains(&raw).then_some(raw.unsigned_abs())
    };
    checked(
        text,
        level,
        not(text, "a nice level such as \"-5\" or \"+10\"").help("or two such values, SOFT:HARD"),
    )
}

fn soft_and_hard(text: &str, what: &str, read: impl Fn(&str) -> Option<u64>) -> Checked {
    let limit = |value: &str| match value {
        "infinity" => Some(u64::MAX),
        value => read(value),
    };
    checked(
        text,
        limit,
        not(text, what).help("or two such values, SOFT:HARD, or \"infinity\""),
    )
}

fn checked(text: &str, limit: impl Fn(&str) -> Option<u64>, wrong: Fault) -> Checked {
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    match (limit(soft), limit(hard)) {
        (Some(soft), Some(hard)) if soft <= hard => Ok(text.to_owned()),
        (Some(_), Some(_)) => Err(not(text, "a limit: the soft one is above the hard one")),
        _ => Err(wrong),
    }
}
