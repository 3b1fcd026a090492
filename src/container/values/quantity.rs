//! Times, sizes and shares as people write them in; durations, bytes and per cent out.

use std::time::Duration;

use crate::container::Limit;
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Scalar, word};

/// The units of systemd.time(7), in microseconds.
const TIME_UNITS: [(&[&str], u64); 9] = [
    (&["usec", "us", "µs", "μs"], 1),
    (&["msec", "ms"], 1_000),
    (&["seconds", "second", "sec", "s", ""], 1_000_000),
    (&["minutes", "minute", "min", "m"], 60_000_000),
    (&["hours", "hour", "hr", "h"], 3_600_000_000),
    (&["days", "day", "d"], 86_400_000_000),
    (&["weeks", "week", "w"], 604_800_000_000),
    (&["months", "month", "M"], 2_629_800_000_000),
    (&["years", "year", "y"], 31_557_600_000_000),
];

const TIME_HELP: &str =
    "a time such as \"10s\", \"1min 30s\" or \"500ms\"; a bare number is seconds";

/// Seconds, nearly as many as systemd can read: lodger adds some to it.
pub const LONGEST_STOP: i64 = 9_223_372_000_000;

/// A time span as systemd.time(7) writes it, or a number of seconds, up to [`LONGEST_STOP`]. Neither nothing nor for ever: systemd takes 0 for
/// "infinity" in timeouts, and a container that does not handle SIGTERM would then never stop.
pub fn time_span(scalar: Scalar) -> Result<Duration, Fault> {
    match micros(scalar, "a stop must come to an end")? {
        0 => Err(Fault::new(
            rule::QUANTITY,
            "a time span of 0, which systemd takes for \"infinity\"",
        )
        .help(TIME_HELP)),
        micros if micros / 1_000_000 > LONGEST_STOP.unsigned_abs() => Err(Fault::new(
            rule::QUANTITY,
            format!("longer than the {LONGEST_STOP} seconds that a stop may take"),
        )),
        micros => Ok(Duration::from_micros(micros)),
    }
}

/// A time span for lodger itself, from `least` to `most`, as `range` says: "from 1s to 1d".
pub fn time_within(
    scalar: Scalar,
    least: Duration,
    most: Duration,
    range: &str,
) -> Result<Duration, Fault> {
    let written = written(&scalar);
    let span = Duration::from_micros(micros(scalar, "a time has an end")?);
    if (least..=most).contains(&span) {
        return Ok(span);
    }
    let message = format!("{written} is not a time {range}");
    Err(Fault::new(rule::QUANTITY, message))
}

/// Microseconds. `endless` is why "infinity" is none of the answers.
fn micros(scalar: Scalar, endless: &str) -> Result<u64, Fault> {
    match scalar {
        Scalar::Integer(number) => {
            let micros = u64::try_from(number)
                .ok()
                .and_then(|seconds| seconds.checked_mul(1_000_000))
                .filter(|micros| *micros <= i64::MAX.unsigned_abs());
            micros.ok_or_else(|| {
                Fault::new(
                    rule::QUANTITY,
                    format!("{number} seconds is not a time span"),
                )
                .help(TIME_HELP)
            })
        }
        other => {
            let span = word(other)?;
            if span.trim() == "infinity" {
                let message = format!("\"infinity\" is not taken here: {endless}");
                return Err(Fault::new(rule::QUANTITY, message).help(TIME_HELP));
            }
            micros_of(&span).ok_or_else(|| {
                Fault::new(
                    rule::QUANTITY,
                    format!("{} is not a time span", quote(&span)),
                )
                .help(TIME_HELP)
            })
        }
    }
}

/// The sum of all parts, each a number, perhaps with a fraction, and a unit.
fn micros_of(span: &str) -> Option<u64> {
    let mut rest = span.trim_ascii();
    if rest.is_empty() {
        return None;
    }
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split_at_end_of(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split_at_end_of(after.trim_ascii_start(), |c| {
            !c.is_ascii_digit() && c != '.' && !c.is_ascii_whitespace()
        });
        let (_, factor) = TIME_UNITS.iter().find(|(words, _)| words.contains(&unit))?;
        sum = sum.checked_add(scaled(number, *factor)?)?;
        rest = after.trim_ascii_start();
    }
    // Of what is longer than the kernel's clocks go, and nobody lives to see, systemd takes some and ignores some.
    (sum <= i64::MAX.unsigned_abs()).then_some(sum)
}

fn split_at_end_of(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// `number` times `factor`, the fraction of the number cut off below one.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let mut scaled = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let mut place = factor;
    if fraction.is_empty() {
        return None;
    }
    for digit in fraction.chars() {
        place /= 10;
        scaled = scaled.checked_add(place * u64::from(digit.to_digit(10)?))?;
    }
    Some(scaled)
}

/// Bytes: an integer, or a whole number with K, M, G or T, each 1024 times the one before.
pub fn memory(scalar: Scalar) -> Result<u64, Fault> {
    // Less does not hold the first page tables of any program: a bare number that was meant as megabytes.
    const LEAST: u64 = 1 << 20;
    match bytes(&scalar)? {
        bytes if bytes < LEAST => {
            let written = written(&scalar);
            let message = format!("{written} is {bytes} bytes, in which no program runs");
            Err(Fault::new(rule::QUANTITY, message).help(SIZE_HELP))
        }
        bytes => Ok(bytes),
    }
}

/// [`memory`], or `infinity`.
pub fn memory_limit(scalar: Scalar) -> Result<Limit, Fault> {
    limit(scalar, memory)
}

/// Bytes, with 0 for none at all, or `infinity`.
pub fn swap_limit(scalar: Scalar) -> Result<Limit, Fault> {
    limit(scalar, |scalar| bytes(&scalar))
}

fn limit(scalar: Scalar, read: fn(Scalar) -> Result<u64, Fault>) -> Result<Limit, Fault> {
    match scalar {
        Scalar::Text(word) if word == "infinity" => Ok(Limit::Infinity),
        other => read(other).map(Limit::Of),
    }
}

/// `TasksMax=`: 0 is out of range for systemd, which would go on without a limit.
pub fn tasks(scalar: Scalar) -> Result<Limit, Fault> {
    limit(scalar, |scalar| {
        integer(scalar, 1, i64::MAX, "a number of tasks")
    })
}

/// `LimitNOFILE=`: up to the highest that the kernel's `fs.nr_open` can be.
pub fn open_files(scalar: Scalar) -> Result<u64, Fault> {
    integer(scalar, 1, 1_073_741_816, "a number of files")
}

/// `IOWeight=` (systemd.resource-control(5)).
pub fn io_weight(scalar: Scalar) -> Result<u64, Fault> {
    integer(scalar, 1, 10_000, "a weight")
}

/// A whole number, `what` in messages, in this range, both ends included.
pub fn integer(scalar: Scalar, least: u64, most: i64, what: &str) -> Result<u64, Fault> {
    let Scalar::Integer(number) = scalar else {
        let message = format!("expected an integer, found {}", scalar.kind());
        return Err(Fault::new(rule::WRONG_TYPE, message));
    };
    match u64::try_from(number) {
        Ok(value) if value >= least && number <= most => Ok(value),
        _ => {
            let help = match most {
                i64::MAX => format!("at least {least}"),
                most => format!("{least} to {most}"),
            };
            let message = format!("{number} is not {what}");
            Err(Fault::new(rule::QUANTITY, message).help(help))
        }
    }
}

const SIZE_HELP: &str =
    "a size such as \"512M\" or \"2G\" (K, M, G, T; 1024-based), or an integer of bytes";

fn bytes(scalar: &Scalar) -> Result<u64, Fault> {
    let bytes = match scalar {
        Scalar::Integer(number) => u64::try_from(*number).ok(),
        Scalar::Text(size) => bytes_of(size),
        other => {
            let message = format!("expected a string, found {}", other.kind());
            return Err(Fault::new(rule::WRONG_TYPE, message));
        }
    };
    bytes.ok_or_else(|| {
        let message = format!("{} is not a size", written(scalar));
        Fault::new(rule::QUANTITY, message).help(SIZE_HELP)
    })
}

/// A quantity as messages have it.
fn written(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Integer(number) => number.to_string(),
        Scalar::Text(text) => quote(text),
        other => other.kind().to_owned(),
    }
}

fn bytes_of(size: &str) -> Option<u64> {
    let (number, suffix) = split_at_end_of(size, |c| c.is_ascii_digit());
    let shift = match suffix {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    // systemd takes the largest u64 for "no limit"; what it takes must also fit an i64 in the kernel.
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(1 << shift)
        .filter(|&bytes| i64::try_from(bytes).is_ok())
}

/// A share of one CPU: `"150%"` is one and a half.
pub fn percent(scalar: Scalar) -> Result<u32, Fault> {
    const HELP: &str = "a share of one CPU such as \"50%\" or \"150%\"";
    const MOST: u32 = 1_000_000;
    let share = match scalar {
        Scalar::Integer(number) => {
            return Err(
                Fault::new(rule::WRONG_TYPE, "expected a string, found an integer")
                    .help(format!("write \"{number}%\"")),
            );
        }
        other => word(other)?,
    };
    let number = share
        .strip_suffix('%')
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|number| number.parse::<u32>().ok()) {
        Some(percent) if (1..=MOST).contains(&percent) => Ok(percent),
        _ => Err(Fault::new(
            rule::QUANTITY,
            format!("{} is not a share of a CPU", quote(&share)),
        )
        .help(HELP)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    #[test]
    fn time_spans_as_systemd_reads_them() {
        for (written, micros) in [
            ("10", 10_000_000),
            ("10s", 10_000_000),
            ("1min 30s", 90_000_000),
            ("1min30s", 90_000_000),
            (" 2 h ", 7_200_000_000),
            ("1.5s", 1_500_000),
            (".5s", 500_000),
            ("500ms", 500_000),
            ("7µs", 7),
            ("1M", 2_629_800_000_000),
            ("1 2", 3_000_000),
        ] {
            let expected = if written == ".5s" {
                None
            } else {
                Some(Duration::from_micros(micros))
            };
            assert_eq!(time_span(of(written)).ok(), expected, "for {written:?}");
        }
        assert_eq!(time_span(Scalar::Integer(3)), Ok(Duration::from_secs(3)));
    }

    #[test]
    fn times_that_are_none_are_refused() {
        for bad in [
            "",
            " ",
            "s",
            "10 parsecs",
            "-1s",
            "1.s",
            "1..5s",
            "1,5s",
            "infinity",
            "0",
            "0.0000001s",
            "1e3",
            "99999999999999999999s",
            "18446744073709s",
            "9223372036855s",
        ] {
            assert!(time_span(of(bad)).is_err(), "for {bad:?}");
        }
        for bad in [0, -1, i64::MAX, 9_223_372_036_855] {
            assert!(time_span(Scalar::Integer(bad)).is_err(), "for {bad}");
        }
        assert!(time_span(Scalar::Other("a float")).is_err());
    }

    #[test]
    fn sizes() {
        for (written, bytes) in [
            ("1024K", 1 << 20),
            ("512M", 512 << 20),
            ("2G", 2 << 30),
            ("1T", 1 << 40),
            ("1048576", 1 << 20),
        ] {
            assert_eq!(memory(of(written)), Ok(bytes), "for {written:?}");
        }
        assert_eq!(memory(Scalar::Integer(1 << 30)), Ok(1 << 30));
        for bad in [
            "",
            "M",
            "512m",
            "512MB",
            "512MiB",
            "1.5G",
            "-1G",
            "0",
            "512",
            "50%",
            "99999999T",
            "9223372036854775808",
            "infinity",
        ] {
            assert!(memory(of(bad)).is_err(), "for {bad:?}");
        }
        for bad in [0, -1, 512] {
            assert!(memory(Scalar::Integer(bad)).is_err(), "for {bad}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!(percent(of("150%")), Ok(150));
        for bad in [
            "",
            "%",
            "0%",
            "150",
            "-1%",
            "+1%",
            "1.5%",
            "150 %",
            "99999999999%",
            "1000001%",
        ] {
            assert!(percent(of(bad)).is_err(), "for {bad:?}");
        }
        assert_eq!(
            percent(Scalar::Integer(50)).unwrap_err().help.unwrap(),
            "write \"50%\""
        );
    }
}
