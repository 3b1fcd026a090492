//! What people write for a point in time to come, in; that point out.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::analyze::{ANALYZE, PATIENCE, run};
use crate::diagnostic::quote;

/// The point in time that `text` names: a span from `now` on (`3d`, `12h 30m`), RFC 3339 (`2026-11-29T02:00:00Z`), or a timestamp
/// of systemd.time(7) in the host's time zone (`2026-11-29 02:00`, `tomorrow`).
///
/// # Errors
/// When it is none of these, or not after `now`.
pub fn parse(text: &str, now: SystemTime) -> Result<SystemTime> {
    let text = text.trim();
    let until = if let Ok(span) = humantime::parse_duration(text) {
        now.checked_add(span)
    } else if let Ok(time) = humantime::parse_rfc3339(text) {
        Some(time)
    } else {
        Some(timestamp(text)?)
    };
    // RFC 3339 has years of four digits.
    let until = until.filter(|until| *until < UNIX_EPOCH + MOST);
    let Some(until) = until else {
        bail!(
            "{} is too far away; leave it out to hold without an end",
            quote(text)
        );
    };
    if until <= now {
        let time = humantime::format_rfc3339_seconds(until);
        bail!("{} is in the past: {time}", quote(text));
    }
    Ok(until)
}

/// The end of what RFC 3339 can tell: the year 9999, since 1970.
pub const MOST: Duration = Duration::from_secs(253_370_764_800);

fn timestamp(text: &str) -> Result<SystemTime> {
    let (status, answer) = run(Path::new(ANALYZE), PATIENCE, &["timestamp", "--", text])
        .with_context(|| format!("cannot ask '{ANALYZE}' about a time"))?;
    let seconds = match status.success() {
        true => seconds(&answer),
        false => None,
    };
    let Some(seconds) = seconds else {
        bail!(
            "{} is not a time; such as 3d, \"2026-11-29 02:00\" or 2026-11-29T02:00:00Z; see systemd.time(7)",
            quote(text)
        );
    };
    UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds))
        .context("a time too far away")
}

/// The whole seconds in an answer; one that is not in this century's notation is before 1970.
fn seconds(answer: &str) -> Option<u64> {
    let mut lines = answer.lines();
    let line = lines.find_map(|line| line.trim_start().strip_prefix("UNIX seconds: @"))?;
    let whole = line.split('.').next()?;
    whole.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times_are_read_and_the_past_is_refused() {
        let now = humantime::parse_rfc3339("2026-11-22T12:00:00Z").unwrap();
        for (text, expected) in [
            ("3d", "2026-11-25T12:00:00Z"),
            ("12h 30m", "2026-11-23T00:30:00Z"),
            ("2026-11-29T02:00:00Z", "2026-11-29T02:00:00Z"),
            (" 1s ", "2026-11-22T12:00:01Z"),
        ] {
            let until = parse(text, now).unwrap();
            let until = humantime::format_rfc3339_seconds(until).to_string();
            assert_eq!(until, expected, "{text}");
        }
        for (text, expected) in [
            (
                "2026-11-22T12:00:00Z",
                "\"2026-11-22T12:00:00Z\" is in the past: 2026-11-22T12:00:00Z",
            ),
            ("0s", "\"0s\" is in the past: 2026-11-22T12:00:00Z"),
            (
                "9000years",
                "\"9000years\" is too far away; leave it out to hold without an end",
            ),
        ] {
            let error = parse(text, now).unwrap_err().to_string();
            assert_eq!(error, expected, "{text}");
        }
    }

    #[test]
    fn an_answer_of_systemd_is_read() {
        let answer = "  Original form: 2026-11-29 02:00\nNormalized form: Sun 2026-11-29 02:00:00 UTC\n   UNIX seconds: @1795917600.5\n";
        assert_eq!(seconds(answer), Some(1_795_917_600));
        assert_eq!(seconds("UNIX seconds: @-5\n"), None);
        assert_eq!(seconds("Failed to parse\n"), None);
    }
}
