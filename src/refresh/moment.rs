//! Points in time that can be compared with when systemd started something.

use std::fs;
use std::time::SystemTime;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A point in time of one boot. No clock that somebody may set has a part in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The kernel's boot id: CLOCK_MONOTONIC counts within one boot.
    pub boot: String,
    /// Microseconds of CLOCK_MONOTONIC, as in `InactiveExitTimestampMonotonic=` of a unit.
    pub microseconds: u64,
}

impl Moment {
    /// This moment.
    ///
    /// # Errors
    /// When the kernel tells neither boot nor time.
    pub fn now() -> Result<Self> {
        Ok(Self {
            boot: boot_id()?,
            microseconds: monotonic()?,
        })
    }

    /// Whether what began at `start` (microseconds of CLOCK_MONOTONIC in the boot `boot`; 0 for never) began after this.
    pub fn is_before(&self, boot: &str, start: u64) -> bool {
        self.boot != boot || start > self.microseconds
    }
}

/// Microseconds of CLOCK_MONOTONIC.
///
/// # Errors
/// When the kernel does not tell the time.
pub fn monotonic() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).context("cannot read CLOCK_MONOTONIC")?;
    // Neither is negative on this clock.
    let (seconds, nanoseconds) = (now.tv_sec().unsigned_abs(), now.tv_nsec().unsigned_abs());
    Ok(seconds * 1_000_000 + nanoseconds / 1000)
}

/// The kernel's id of this boot.
///
/// # Errors
/// When it cannot be read.
pub fn boot_id() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    let id = fs::read_to_string(path).with_context(|| format!("cannot read '{path}'"))?;
    Ok(id.trim().to_owned())
}

/// The wall clock, for people: RFC 3339, UTC.
pub fn now_rfc3339() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_boot_started_is_after_anything_of_this_one() {
        let moment = Moment {
            boot: "a".into(),
            microseconds: 100,
        };
        assert!(moment.is_before("a", 101));
        assert!(!moment.is_before("a", 100));
        assert!(moment.is_before("b", 1));
    }
}
