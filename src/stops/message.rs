//! What lodgerd and `lodgerd stops` say to each other: a line of JSON each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest line. The longest name of a unit has 255 bytes.
pub const LONGEST: u64 = 4096;

/// What is to be done with a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// systemd is to take it for one that is stopping. This is answered.
    Announce {
        /// `lodger-NAME.service`.
        unit: String,
        /// Its stop signal, as in signal(7).
        signal: String,
        /// How long it may take to end after that.
        limit: Duration,
    },
    /// It has been announced, and is to end now. How it ends, systemd tells.
    End {
        /// Its unit.
        unit: String,
    },
    /// It has been announced, and somebody else sees to its end.
    Leave {
        /// Its unit.
        unit: String,
    },
}

/// What became of an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// systemd has been told.
    Announced,
    /// It has not, and why.
    Refused(String),
}
