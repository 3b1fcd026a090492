//! What lodgerd and `lodgerd stops` say to each other: a line of JSON each.

use std::io::{self, BufRead, Read, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest line. The longest name of a unit has 255 bytes.
const LONGEST: u64 = 4096;

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

/// Says `message`.
///
/// # Errors
/// When nobody listens.
pub fn say(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// What is said next; `None` if nothing is any more.
///
/// # Errors
/// When it cannot be heard, or makes no sense.
pub fn hear<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    match from.take(LONGEST).read_until(b'\n', &mut line)? {
        0 => Ok(None),
        _ => Ok(Some(serde_json::from_slice(&line)?)),
    }
}
