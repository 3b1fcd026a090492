//! `lodger unhold`: containers that are held in; them free again out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::base::number_text;
use lodger::bus::{self, client};
use lodger::container::Name;
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::refresh::unhold::{Unheld, require_known, unhold, unhold_all};
use lodger::rollback;
use lodger::systemd::Systemd;
use nix::unistd::Uid;
use serde::Serialize;

use super::write_json;

/// Let refreshes restart containers again, and let them follow the current base.
///
/// It takes off the hold of 'lodger hold' and that on a base, of 'lodger rollback' or of a refresh that went back. If the
/// container is due, a refresh restarts it at once; else one that was held on a base moves to the current one at its next start.
#[derive(Debug, Args)]
pub struct Unhold {
    /// The containers: web, or web@3.
    #[arg(value_parser = Name::parse, required_unless_present = "all", conflicts_with = "all")]
    names: Vec<Name>,
    /// Take off what 'lodger hold --all' has put; holds of single containers and those on a base stay.
    #[arg(long, conflicts_with = "restart")]
    all: bool,
    /// Restart them now, if they run, and wait for that.
    #[arg(long)]
    restart: bool,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    /// `None` for all.
    name: Option<String>,
    /// The base it was held on.
    #[serde(serialize_with = "number_text::or_null")]
    base: Option<String>,
    /// Whether refreshes were to leave it.
    hold: bool,
    /// Whether the hold of all containers still stands for it.
    still_held: bool,
    /// Whether it has been restarted now.
    restarted: bool,
    /// Whether a refresh takes it up now.
    due: bool,
}

impl Unhold {
    /// Lets them go.
    ///
    /// # Errors
    /// When there is no such container, or it does not run after its restart.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("only containers of the running system can be held");
        }
        if !Uid::effective().is_root() {
            return self.ask(out);
        }
        if self.all {
            return self.run_all(out);
        }
        let places = Places::default();
        // All or none, as in 'lodger hold'.
        self.names
            .iter()
            .try_for_each(|name| require_known(&places, name))?;
        let mut told = Vec::new();
        for name in &self.names {
            let unheld = unhold(&places, name)?;
            let restarted = self.restart && unheld.base.is_some() && restart(name)?;
            if !self.json {
                writeln!(out, "{}", in_words(name, &unheld, restarted)?)?;
                out.flush()?;
            }
            told.push(Told {
                name: Some(name.to_string()),
                base: unheld.base,
                hold: unheld.hold,
                still_held: unheld.still.is_some(),
                restarted,
                due: unheld.due,
            });
        }
        if self.json {
            write_json(out, &told)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// lodgerd asks polkit whether the caller may; what was taken off only root can see.
    fn ask(&self, out: &mut dyn Write) -> Result<ExitCode> {
        if self.restart || self.json {
            bail!("--restart and --json take root");
        }
        let names = self.names.iter().map(Name::as_str);
        for name in names.chain(self.all.then_some(bus::ALL)) {
            let due = client::ask(async |manager| manager.unhold(name).await)?;
            let who = if self.all { "all containers" } else { name };
            let what = match due {
                true => "is off; a refresh restarts now what is due",
                false => "is off; nothing is due",
            };
            writeln!(out, "the hold of {who} {what}")?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn run_all(&self, out: &mut dyn Write) -> Result<ExitCode> {
        let (hold, due) = unhold_all(&Places::default())?;
        if self.json {
            let told = Told {
                name: None,
                base: None,
                hold,
                still_held: false,
                restarted: false,
                due,
            };
            write_json(out, &[told])?;
        } else if !hold {
            writeln!(out, "there is no hold of all containers")?;
        } else if due {
            writeln!(
                out,
                "the hold of all containers is off; a refresh restarts now what is due"
            )?;
        } else {
            writeln!(out, "the hold of all containers is off; nothing is due")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether it ran, and so has been restarted.
fn restart(name: &Name) -> Result<bool> {
    let mut systemd = Systemd::connect()?;
    match rollback::running(&mut systemd, name)? {
        Some(service) => rollback::restart(&mut systemd, &service).map(|()| true),
        None => Ok(false),
    }
}

fn in_words(name: &Name, unheld: &Unheld, restarted: bool) -> Result<String> {
    let mut text = match (&unheld.base, unheld.hold) {
        (Some(base), _) => format!("{name} is no longer held on base {base}"),
        (None, true) => format!("{name} is no longer held"),
        (None, false) => format!("{name} is not held"),
    };
    if let Some(still) = &unheld.still {
        let until = still.until.as_deref();
        let until = until.map_or(String::new(), |until| format!(" until {until}"));
        text += &format!("; all containers are held{until}: 'lodger unhold --all' ends that");
    }
    if restarted {
        text += ", and runs on the current one";
    } else if unheld.due {
        text += "; it is due, and a refresh restarts it now";
    } else if unheld.base.is_some() && runs(name)? {
        text += &format!(
            "; it moves to the current one when it is restarted: systemctl restart {}",
            name.service()
        );
    }
    Ok(text)
}

fn runs(name: &Name) -> Result<bool> {
    Ok(rollback::running(&mut Systemd::connect()?, name)?.is_some())
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples() -> Vec<serde_json::Value> {
    let told = |name: Option<&str>, base: Option<&str>| Told {
        name: name.map(str::to_owned),
        base: base.map(str::to_owned),
        hold: true,
        still_held: false,
        restarted: false,
        due: false,
    };
    vec![serde_json::json!([
        told(Some("web"), Some("3")),
        told(None, None)
    ])]
}
