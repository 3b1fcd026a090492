//! `lodger hold`: containers in; them left by refreshes for a while out.

use std::io::Write;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use clap::Args;
use lodger::bus::{self, client};
use lodger::container::Name;
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::refresh::hold::{self, Hold};
use lodger::{rollback, until};
use nix::unistd::Uid;
use serde::Serialize;

use super::write_json;

/// Have refreshes leave containers as they are for a while.
///
/// A container that is held is not restarted when packages change: it runs on with the old code, and 'lodger status', 'lodger
/// plan' and 'lodger verify' say so. Once the time has come, or after 'lodger unhold', a refresh restarts it if it is due. A hold
/// replaces an earlier one of the same container; where all are held too, the longer hold counts. Given while a refresh is under
/// way, it counts for the waves that have not begun. It is about refreshes alone: whoever restarts the container gets the present code.
#[derive(Debug, Args)]
pub struct HoldOf {
    /// The containers: web, or web@3.
    #[arg(value_parser = Name::parse, required_unless_present = "all", conflicts_with = "all")]
    names: Vec<Name>,
    /// All containers, those to come too.
    #[arg(long)]
    all: bool,
    /// Until when: 3d or 12h from now, "2026-11-29 02:00" in local time, 2026-11-29T02:00:00Z. Without, until 'lodger unhold'.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    /// `None` for all.
    name: Option<String>,
    until: Option<String>,
}

impl HoldOf {
    /// Holds them, all or none.
    ///
    /// # Errors
    /// When there is no such container, the time is not to come, or the hold cannot be written.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("only containers of the running system can be held");
        }
        let now = SystemTime::now();
        let until = self.until.as_deref();
        let until = until.map(|until| until::parse(until, now)).transpose()?;
        let names: Vec<Option<&Name>> = match self.all {
            true => vec![None],
            false => self.names.iter().map(Some).collect(),
        };
        match Uid::effective().is_root() {
            true => put(&names, &Hold::until(until))?,
            false => ask(&names, until)?,
        }
        self.tell(out, &names, &Hold::until(until))
    }

    fn tell(&self, out: &mut dyn Write, names: &[Option<&Name>], hold: &Hold) -> Result<ExitCode> {
        if self.json {
            let told = names.iter().map(|name| Told {
                name: name.map(Name::to_string),
                until: hold.until.clone(),
            });
            write_json(out, &told.collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        for name in names {
            let who = name.map_or("every container".to_owned(), Name::to_string);
            let unhold = name.map_or("--all".to_owned(), Name::to_string);
            let until = match &hold.until {
                Some(until) => until.clone(),
                None => format!("'lodger unhold {unhold}'"),
            };
            writeln!(
                out,
                "{who} is held until {until}: refreshes leave it as it is"
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// All or none.
fn put(names: &[Option<&Name>], hold: &Hold) -> Result<()> {
    for name in names.iter().flatten() {
        rollback::installed(name)?;
    }
    let places = Places::default();
    names
        .iter()
        .try_for_each(|name| hold::put(&places, *name, hold))
}

/// lodgerd asks polkit whether the caller may.
fn ask(names: &[Option<&Name>], until: Option<SystemTime>) -> Result<()> {
    let since = until.and_then(|until| until.duration_since(UNIX_EPOCH).ok());
    let until = since.map_or(Ok(0), |since| u64::try_from(since.as_micros()))?;
    for name in names {
        let name = name.map_or(bus::ALL, Name::as_str);
        client::ask(async |manager| manager.hold(name, until).await)?;
    }
    Ok(())
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples() -> Vec<serde_json::Value> {
    let told = |name: Option<&str>, until: Option<&str>| Told {
        name: name.map(str::to_owned),
        until: until.map(str::to_owned),
    };
    let both = [
        told(Some("web"), None),
        told(None, Some("2026-11-22T02:00:00Z")),
    ];
    vec![serde_json::json!(both)]
}
