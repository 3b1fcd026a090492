//! Services of containers in; which of them lodgerd can stop without their own command, and how that would, out.

use std::time::Duration;

use anyhow::Result;

use super::service::get;
use super::{PropertiesProxy, ServiceState, Systemd};
use crate::place;
use crate::signal::SignalNumber;

/// The relations of a unit to those that stop when it does (systemd.unit(5), "Mapping of unit properties to their inverses"). While
/// they do, it has to go on, and not be stopping already; and what is bound to it would be stopped by the announcement alone, for good.
const STOPPED_ALONG: [&str; 5] = [
    "RequiredBy",
    "RequisiteOf",
    "BoundBy",
    "ConsistsOf",
    "PropagatesStopTo",
];

/// What `lodgerd stop` would do, by the arguments that the loaded unit has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopCommand {
    /// What asks the program to end.
    pub signal: SignalNumber,
    /// How long it may take then.
    pub limit: Duration,
}

/// One command of a unit: program, arguments, whether failures are ignored; when it ran last, and how that ended.
type Command = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

impl Systemd {
    /// The stop command of each service; `None` if it has none, or not only that one, or if something else stops along with it.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn stop_commands(
        &mut self,
        services: &[&ServiceState],
    ) -> Result<Vec<Option<StopCommand>>> {
        self.ask_each("the stop command", services, stop_command)
    }
}

async fn stop_command(properties: &PropertiesProxy<'static>) -> zbus::Result<Option<StopCommand>> {
    let commands: Vec<Command> = get(properties, "Service", "ExecStop").await?;
    let [(_, arguments, ..)] = commands.as_slice() else {
        return Ok(None);
    };
    let Some(command) = StopCommand::of(arguments) else {
        return Ok(None);
    };
    for relation in STOPPED_ALONG {
        let units: Vec<String> = get(properties, "Unit", relation).await?;
        // The timer of its own health checks is no process that needs the container.
        let others = units
            .iter()
            .any(|unit| !unit.starts_with(place::HEALTH_UNIT));
        if others {
            return Ok(None);
        }
    }
    Ok(Some(command))
}

impl StopCommand {
    /// Of the arguments, program and all; `None` if they are of anything else than `lodgerd stop`.
    fn of(arguments: &[String]) -> Option<Self> {
        let [program, stop, options @ ..] = arguments else {
            return None;
        };
        if program != place::LODGERD || stop != "stop" {
            return None;
        }
        let mut signal = SignalNumber::TERM;
        let mut limit = None;
        for option in options {
            if let Some(seconds) = option.strip_prefix("--timeout=") {
                limit = Duration::try_from_secs_f64(seconds.parse().ok()?).ok();
            } else {
                let name = option.strip_prefix("--signal=")?;
                signal = SignalNumber::parse(name).ok()?;
            }
        }
        Some(Self {
            signal,
            limit: limit?,
        })
    }
}
