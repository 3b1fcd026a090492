//! `lodger rollback`: a container in; it on an older base, and held there, out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::base::Number;
use lodger::bus::client;
use lodger::container::Name;
use lodger::prefix::Prefix;
use lodger::rollback::{WentBack, rollback};
use nix::unistd::Uid;

/// Restart a container on an older base, and hold it there.
///
/// It stays on that base, whatever packages bring, through restarts and refreshes, until 'lodger unhold': so it is not patched
/// meanwhile, and 'lodger status' says so. What it has written stays. A container that does not run is only held.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The container: web, or web@3.
    #[arg(value_parser = Name::parse)]
    name: Name,
    /// The number of the base ('lodger base list'); without, the one before that on which it runs.
    #[arg(long, value_name = "N")]
    to: Option<Number>,
}

impl Rollback {
    /// Holds it, restarts it and waits until it runs.
    ///
    /// # Errors
    /// When there is no such base or container, or it does not run on it.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("only containers of the running system can be held on a base");
        }
        let name = &self.name;
        if !Uid::effective().is_root() {
            return self.ask(out);
        }
        let WentBack { base, from, runs } = rollback(name, self.to)?;
        if !runs {
            writeln!(
                out,
                "{name} is held on base {base} until 'lodger unhold {name}'; it does not run"
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        let from = from.map(|base| format!(", from base {base}"));
        writeln!(
            out,
            "{name} runs on base {base}{}, and is held there until 'lodger unhold {name}'",
            from.unwrap_or_default()
        )?;
        Ok(ExitCode::SUCCESS)
    }

    /// lodgerd asks polkit whether the caller may.
    fn ask(&self, out: &mut dyn Write) -> Result<ExitCode> {
        let name = self.name.as_str();
        let to = self.to.map_or(Ok(0), |to| to.to_string().parse())?;
        let base = client::ask(async |manager| manager.rollback(name, to).await)?;
        writeln!(
            out,
            "{name} is held on base {base} until 'lodger unhold {name}', and runs on it if it ran"
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
