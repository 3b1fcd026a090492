//! `lodgerd namespaces` and `lodgerd isolation`: the file between them in; whether systemd isolates services on this host, out.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use anyhow::{Context, Result};
use lodger::isolation;

/// How long a process that is there may take to write down its namespaces, and how often to look.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Writes down the namespaces of this process: all of them or nothing, for somebody may be waiting for the file.
///
/// # Errors
/// When they cannot be told, or not be written.
pub fn write(file: &Path) -> Result<()> {
    let beside = file.with_extension("new");
    fs::write(&beside, isolation::own_namespaces()?)
        .and_then(|()| fs::rename(&beside, file))
        .with_context(|| format!("cannot write '{}'", file.display()))
}

/// Makes sure that a process with these namespaces is isolated. systemd may have lost the start of the process that writes the file,
/// and have taken it for done (see [`lodger::stop::lost_start`]); that goes on then.
///
/// # Errors
/// When it is not, or there is no such file in time.
pub fn require_isolated(file: &Path) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    let namespaces = loop {
        match fs::read_to_string(file) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && Instant::now() < end => {
                thread::sleep(LOOK_AGAIN);
            }
            read => break read.with_context(|| format!("cannot read '{}'", file.display()))?,
        }
    };
    isolation::require_of_this_host(&namespaces)
}
