//! `lodgerd stop`: its command line in; the container's program ended, out.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use lodger::log;
use lodger::main_process::MainProcess;
use lodger::signal::SignalNumber;
use lodger::stop::{self, lost_start};

/// Ends the main process of this service, and all that it started.
///
/// # Errors
/// Those of [`stop::stop()`], and when systemd ends the service though its program has never begun.
pub fn stop_main_process(timeout: f64, signal: SignalNumber) -> Result<()> {
    log::init();
    let limit = Duration::try_from_secs_f64(timeout).context("--timeout")?;
    match MainProcess::of_this_service()? {
        Some(main) => stop::stop(&main, signal, limit),
        None => require_no_lost_start(signal, limit),
    }
}

/// systemd knows of no main process any more. What it has lost may have begun since.
fn require_no_lost_start(signal: SignalNumber, limit: Duration) -> Result<()> {
    match lost_start::is_lost() {
        Ok(false) => return Ok(()),
        Ok(true) => {}
        // That would make a failure of every good end while the bus is away.
        Err(cause) => {
            tracing::warn!("cannot tell whether the program has run: {cause:#}");
            return Ok(());
        }
    }
    if let Some(main) = MainProcess::of_own_namespace()? {
        stop::stop(&main, signal, limit)?;
    }
    bail!(
        "systemd has lost this start: it took the exit of a process of its own for the program's, which has not run; see BUGS in \
         lodgerd(8)"
    )
}
