//! `[health]` as written in; how to find out whether a container does its work out.

use std::time::Duration;

use super::file::wish::{Wish, Wishes};
use super::values::quantity::{self, time_within};
use super::{ServiceType, exec, keys};
use crate::diagnostic::{Fault, rule};
use crate::document::{Place, Reader, Scalar, Table, Word};

/// The most failures in a row that anybody may wait for.
pub const MOST_RETRIES: i64 = 100;

/// How to find out whether a container does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is run inside: it is healthy if this succeeds. Never empty; the program is absolute or a bare name.
    pub exec: Vec<String>,
    /// The time between two checks, and before the first; 10 s by default.
    pub interval: Duration,
    /// How long a check may take; 5 s by default.
    pub timeout: Duration,
    /// After how many failed checks in a row it is unhealthy; 3 by default.
    pub retries: u32,
    /// What becomes of it then.
    pub on_failure: Unhealthy,
}

/// What becomes of a container that is unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unhealthy {
    /// It is restarted; the default.
    Restart,
    /// The journal tells of it, and that is all.
    Report,
}

impl Word for Unhealthy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("restart", Self::Restart), ("report", Self::Report)];
}

/// `[health]`; what is wrong with it is noted. `None` without it, and when its command is missing or wrong.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    service_type: ServiceType,
    wishes: &mut Wishes,
) -> Option<Health> {
    let place = table.place_of("health")?;
    let mut table = reader.table(table, "health", "[health]")?;
    if service_type == ServiceType::Oneshot {
        let message =
            "type = \"oneshot\" is done once it has ended, and [health] is for what goes on";
        let fault = Fault::new(rule::CONFLICT, message).help("take it away, or another type");
        reader.fault(place.clone(), fault);
    }
    let interval = reader.value(&mut table, &keys::HEALTH_INTERVAL);
    let timeout = reader.value(&mut table, &keys::HEALTH_TIMEOUT);
    let retries = reader.value(&mut table, &keys::HEALTH_RETRIES);
    let on_failure = reader.value(&mut table, &keys::HEALTH_ON_FAILURE);
    let exec = read_exec(reader, &mut table, place, wishes);
    reader.refuse_rest(table);
    Some(Health {
        exec: exec?,
        interval: interval.unwrap_or(Duration::from_secs(10)),
        timeout: timeout.unwrap_or(Duration::from_secs(5)),
        retries: retries.unwrap_or(3),
        on_failure: on_failure.unwrap_or(Unhealthy::Restart),
    })
}

/// Last, when what is left may be a misspelt `exec`.
fn read_exec(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    place: Place,
    wishes: &mut Wishes,
) -> Option<Vec<String>> {
    let about = &keys::HEALTH_EXEC.about;
    let is_written = table.place_of(about.name).is_some();
    match exec::read(reader, table, about) {
        Some((exec, place)) => {
            if let Some(program) = exec.first() {
                wishes.add(|| Wish::program(program, &place));
            }
            Some(exec)
        }
        None => {
            if !is_written && !table.has_misspelt(about.name) {
                let fault = Fault::new(rule::MISSING_KEY, "exec is missing in [health]");
                reader.fault(
                    place,
                    fault.help("write exec = [\"/usr/bin/PROGRAM\", \"ARGUMENT\"]"),
                );
            }
            None
        }
    }
}

/// The time between two checks.
pub fn interval(scalar: Scalar) -> Result<Duration, Fault> {
    const LEAST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(24 * 60 * 60);
    time_within(scalar, LEAST, MOST, "from 1s to 1d")
}

/// How long a check may take.
pub fn timeout(scalar: Scalar) -> Result<Duration, Fault> {
    const LEAST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(60 * 60);
    time_within(scalar, LEAST, MOST, "from 100ms to 1h")
}

/// How many failed checks in a row.
pub fn retries(scalar: Scalar) -> Result<u32, Fault> {
    let number = quantity::integer(scalar, 1, MOST_RETRIES, "a number of checks")?;
    // No more than MOST_RETRIES.
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_have_bounds() {
        for (read, good, bad) in [
            (
                interval as fn(Scalar<'_>) -> Result<Duration, Fault>,
                ["1s", "24h"],
                ["999ms", "25h"],
            ),
            (timeout, ["100ms", "1h"], ["99ms", "61min"]),
        ] {
            for good in good {
                assert!(read(Scalar::Text(good.into())).is_ok(), "for {good}");
            }
            for bad in bad {
                assert!(read(Scalar::Text(bad.into())).is_err(), "for {bad}");
            }
        }
        assert_eq!(retries(Scalar::Integer(100)), Ok(100));
        for bad in [0, -1, 101] {
            assert!(retries(Scalar::Integer(bad)).is_err(), "for {bad}");
        }
    }
}
