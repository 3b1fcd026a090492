//! Arguments of calls in; names and times out.

use std::time::{Duration, SystemTime};

use zbus::fdo;

use super::ALL;
use crate::container::Name;
use crate::refresh::hold::Hold;
use crate::until::MOST;

/// The name of a container.
///
/// # Errors
/// When none can have it.
pub fn parse_name(name: &str) -> fdo::Result<Name> {
    Name::parse(name).map_err(fdo::Error::InvalidArgs)
}

/// The name of a container; `None` for [`ALL`].
///
/// # Errors
/// When none can have it.
pub fn name_or_all(name: &str) -> fdo::Result<Option<Name>> {
    match name {
        ALL => Ok(None),
        name => parse_name(name).map(Some),
    }
}

/// The hold until this time, in microseconds since 1970; 0 is never.
///
/// # Errors
/// When that is past at `now`, or too far away.
pub fn hold_until(until: u64, now: SystemTime) -> fdo::Result<Hold> {
    if until == 0 {
        return Ok(Hold::until(None));
    }
    let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(until));
    match end.filter(|_| Duration::from_micros(until) < MOST) {
        Some(end) if end > now => Ok(Hold::until(Some(end))),
        Some(_) => Err(fdo::Error::InvalidArgs(
            "the time is in the past".to_owned(),
        )),
        None => Err(fdo::Error::InvalidArgs(
            "the time is too far away".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_ends_in_the_future_or_never() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let until = |until| hold_until(until, now).map(|hold| hold.until);
        assert_eq!(until(0), Ok(None));
        let later = "1970-01-01T00:16:41Z".to_owned();
        assert_eq!(until(1_001_000_000), Ok(Some(later)));
        for wrong in [1, 1_000_000_000, u64::MAX] {
            assert!(
                matches!(until(wrong), Err(fdo::Error::InvalidArgs(_))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_name_is_one_that_a_container_may_have() {
        assert_eq!(name_or_all("*"), Ok(None));
        assert!(name_or_all("web@3").is_ok());
        for wrong in ["", "../x", "a/b", "Web", "**"] {
            assert!(
                matches!(name_or_all(wrong), Err(fdo::Error::InvalidArgs(_))),
                "{wrong}"
            );
        }
        assert!(parse_name("*").is_err());
    }
}
