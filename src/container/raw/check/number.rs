//! Numbers, times, sizes, shares and sets of CPUs.

use std::ops::RangeInclusive;

use super::{Checked, each_word, not, path};
use crate::container::values::quantity;
use crate::document::Scalar;

/// A decimal number. systemd would read `010` as 8 and `0x10` as 16; nobody means either.
fn decimal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" || !digits.starts_with('0');
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain && all_digits {
        text.parse().ok()
    } else {
        None
    }
}

/// Whether `text` is a decimal number of `range`.
pub fn is_in(text: &str, range: RangeInclusive<i64>) -> bool {
    decimal(text).is_some_and(|number| range.contains(&number))
}

/// An integer from `LEAST` to `MOST`.
pub fn integer<const LEAST: i64, const MOST: i64>(text: &str) -> Checked {
    if is_in(text, LEAST..=MOST) {
        return Ok(text.to_owned());
    }
    Err(not(text, &format!("an integer from {LEAST} to {MOST}")))
}

/// A time span of systemd.time(7), a bare number for seconds, or `infinity`.
pub fn seconds(text: &str) -> Checked {
    if matches!(text, "0" | "0s")
        || text == "infinity"
        || quantity::time_span(Scalar::Text(text.into())).is_ok()
    {
        return Ok(text.to_owned());
    }
    Err(not(text, "a time span").help("such as \"10s\", \"1min 30s\" or \"infinity\""))
}

/// A time span between these milliseconds (systemd.resource-control(5), `CPUQuotaPeriodSec=`).
pub fn period(text: &str) -> Checked {
    let span = quantity::time_span(Scalar::Text(text.into())).ok();
    if span.is_some_and(|span| (1..=1000).contains(&span.as_millis())) {
        return Ok(text.to_owned());
    }
    Err(not(text, "a time span from 1ms to 1s"))
}

/// At least a second (systemd.resource-control(5), `ManagedOOMMemoryPressureDurationSec=`).
pub fn second_or_more(text: &str) -> Checked {
    let span = quantity::time_span(Scalar::Text(text.into())).ok();
    if span.is_some_and(|span| span.as_secs() >= 1) {
        return Ok(text.to_owned());
    }
    Err(not(text, "a time span of at least 1s"))
}

/// A whole number of nanoseconds, or of a larger unit.
pub fn nanoseconds(text: &str) -> Checked {
    const UNITS: [&str; 9] = ["", "ns", "nsec", "us", "usec", "ms", "msec", "s", "sec"];
    let (digits, unit) = split_digits(text);
    let small = digits.len() <= 9 && !digits.is_empty();
    if small && UNITS.contains(&unit.trim_start()) {
        return Ok(text.to_owned());
    }
    Err(not(
        text,
        "a time span such as \"50us\" or \"100000\" for nanoseconds",
    ))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

/// Bytes: a number, perhaps with K, M, G, T, P or E, each `base` times the one before; `None` for what is none or too much.
pub fn size(text: &str, base: u64) -> Option<u64> {
    let (digits, suffix) = split_digits(text);
    let power = ["", "K", "M", "G", "T", "P", "E"]
        .iter()
        .position(|known| *known == suffix)?;
    let factor = base.checked_pow(u32::try_from(power).ok()?)?;
    // systemd takes the largest u64 for "no limit".
    digits
        .parse::<u64>()
        .ok()?
        .checked_mul(factor)
        .filter(|&bytes| bytes < u64::MAX)
}

/// `50%`, `0.5%`: at most 100, with two digits behind the point (systemd's `parse_permyriad`).
fn is_share(text: &str) -> bool {
    let Some(number) = text.strip_suffix('%') else {
        return false;
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let leading = whole.len() > 1 && whole.starts_with('0');
    if !digits(whole) || !digits(fraction) || leading || whole.len() > 3 || fraction.len() > 2 {
        return false;
    }
    let all_zero = fraction.bytes().all(|byte| byte == b'0');
    match whole.parse::<u8>() {
        Ok(whole) => whole < 100 || whole == 100 && all_zero,
        Err(_) => false,
    }
}

/// A share of a whole.
pub fn share(text: &str) -> Checked {
    if is_share(text) {
        return Ok(text.to_owned());
    }
    Err(not(text, "a share from 0% to 100%"))
}

/// An amount of memory: bytes, a share of all there is, or `infinity`. Nothing is an amount too.
pub fn memory(text: &str) -> Checked {
    if text == "infinity" || is_share(text) || size(text, 1024).is_some() {
        return Ok(text.to_owned());
    }
    Err(not(text, "an amount of memory")
        .help("such as \"512M\" (K, M, G, T; 1024-based), \"10%\" or \"infinity\""))
}

/// As [`memory`], where systemd ignores 0.
pub fn memory_limit(text: &str) -> Checked {
    if is_share(text) && text.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
        || text == "infinity"
        || size(text, 1024).is_some_and(|bytes| bytes > 0)
    {
        return Ok(text.to_owned());
    }
    memory(text).and(Err(not(text, "a limit in which a program runs")))
}

/// `CPUWeight=`: a weight, or only when nobody else wants the CPU.
pub fn cpu_weight(text: &str) -> Checked {
    if text == "idle" {
        return Ok(text.to_owned());
    }
    weight(text)
}

/// A weight of cgroup v2.
pub fn weight(text: &str) -> Checked {
    integer::<1, 10_000>(text)
}

/// A mode such as `0027`. Without a leading zero nobody could tell an octal number from a decimal one.
pub fn mode(text: &str) -> Checked {
    let octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if octal && text.starts_with('0') && (3..=4).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(not(text, "a mode").help("a string such as \"0027\": octal, with a leading zero"))
}

/// CPUs or memory nodes such as `0-3 5,7`.
pub fn cpu_set(text: &str) -> Checked {
    // What the kernel's masks hold at most.
    const MOST: i64 = 8191;
    let number = |text: &str| decimal(text).filter(|number| (0..=MOST).contains(number));
    let wrong = || not(text, "a set of numbers such as \"0-3 5\"");
    each_word(&text.replace(',', " "), |word| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(word.to_owned()),
            _ => Err(wrong()),
        }
    })
}

/// `CPUAffinity=`: CPUs, or those of the memory nodes of `NUMAMask=`.
pub fn cpu_affinity(text: &str) -> Checked {
    if text == "numa" {
        return Ok(text.to_owned());
    }
    cpu_set(text)
}

/// `NUMAMask=`: memory nodes, or all.
pub fn numa_mask(text: &str) -> Checked {
    if text == "all" {
        return Ok(text.to_owned());
    }
    cpu_set(text)
}

/// A block device, or a file on it, and its weight.
pub fn device_weight(text: &str) -> Checked {
    of_device(text, weight)
}

/// A block device and bytes or operations a second.
pub fn device_rate(text: &str) -> Checked {
    of_device(text, |rate| match size(rate, 1000) {
        Some(1..) => Ok(rate.to_owned()),
        _ if rate == "infinity" => Ok(rate.to_owned()),
        _ => Err(not(rate, "a rate such as \"5M\" (1000-based)")),
    })
}

/// A block device and a latency.
pub fn device_latency(text: &str) -> Checked {
    of_device(text, seconds)
}

fn of_device(text: &str, check: fn(&str) -> Checked) -> Checked {
    let Some((device, value)) = text.split_once(' ') else {
        return Err(not(text, "a device and a value").help("such as \"/dev/sda 100\""));
    };
    Ok(format!(
        "{} {}",
        path::word(device)?,
        check(value.trim_start())?
    ))
}
