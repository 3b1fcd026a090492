//! `lodger rollback` and `lodger unhold`: a container in; it on an older base, or free to follow the current one again, out.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use lodger::base::{Bases, Number};
use lodger::container::{Base, Container, Name, installed};
use lodger::hold;
use lodger::place;
use lodger::prefix::Prefix;
use lodger::root::lower;
use lodger::stale::Scanner;
use lodger::systemd::{ServiceState, Systemd};
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

/// Let a container that is held follow the current base again, from its next start on.
#[derive(Debug, Args)]
pub struct Unhold {
    /// The container: web, or web@3.
    #[arg(value_parser = Name::parse)]
    name: Name,
    /// Restart it now, if it runs.
    #[arg(long)]
    restart: bool,
}

impl Rollback {
    /// Holds it, restarts it and waits until it runs.
    ///
    /// # Errors
    /// When there is no such base or container, or it does not run on it.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let name = &self.name;
        let root = pinned(prefix, name)?;
        let bases = Bases::at(place::MOUNTED_BASES.into());
        let mut systemd = Systemd::connect()?;
        let service = running(&mut systemd, name)?;
        let runs_on = match &service {
            Some(service) => base_of(&mut systemd, service)?,
            None => None,
        };
        let number = hold::target(&bases.numbers()?, bases.current()?, runs_on, self.to)?;
        hold::hold(&root.name.state(), &bases, number)?;
        let Some(service) = service else {
            writeln!(
                out,
                "{name} is held on base {number} until 'lodger unhold {name}'; it does not run"
            )?;
            return Ok(ExitCode::SUCCESS);
        };
        restart(&mut systemd, &service)
            .with_context(|| format!("{name} is held on base {number} now"))?;
        let from = runs_on.map(|base| format!(", from base {base}"));
        writeln!(
            out,
            "{name} runs on base {number}{}, and is held there until 'lodger unhold {name}'",
            from.unwrap_or_default()
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Unhold {
    /// Lets it go.
    ///
    /// # Errors
    /// When there is no such container, or it does not run after its restart.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let name = &self.name;
        let container = pinned(prefix, name)?;
        let state = container.name.state();
        let Some(held) = lower::held(&state)? else {
            writeln!(out, "{name} is not held")?;
            return Ok(ExitCode::SUCCESS);
        };
        hold::let_go(&state)?;
        let mut systemd = Systemd::connect()?;
        let service = running(&mut systemd, name)?;
        match service {
            Some(service) if self.restart => {
                restart(&mut systemd, &service)?;
                writeln!(
                    out,
                    "{name} is no longer held on base {held}, and runs on the current one"
                )?;
            }
            Some(_) => writeln!(
                out,
                "{name} is no longer held on base {held}; it moves to the current one when it is restarted: systemctl restart {}",
                name.service()
            )?,
            None => writeln!(out, "{name} is no longer held on base {held}")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The container, which has to be one that can be held.
fn pinned(prefix: &Prefix, name: &Name) -> Result<Container> {
    if !prefix.is_host() {
        bail!("only containers of the running system can be held on a base");
    }
    if !Uid::effective().is_root() {
        bail!("holding a container on a base takes root");
    }
    let installed = installed::read(prefix);
    let found = installed
        .containers()
        .find(|container| container.name == *name);
    let Some(container) = found else {
        bail!(
            "no container is called '{name}', or its file has a mistake; 'lodger list' shows all"
        );
    };
    if container.root.base == Base::Host {
        bail!("'{name}' lies on the live host (base = \"host\"), which has nothing to go back to");
    }
    Ok(container.clone())
}

fn running(systemd: &mut Systemd, name: &Name) -> Result<Option<ServiceState>> {
    let service = systemd.service(&name.service())?;
    Ok(service.filter(ServiceState::is_running))
}

/// The base that a service runs on.
fn base_of(systemd: &mut Systemd, service: &ServiceState) -> Result<Option<Number>> {
    let group = systemd.control_group(service)?;
    let scan = Scanner::new(Path::new(place::MOUNTED_BASES))?.scan(&service.name, &group)?;
    Ok(scan.base.and_then(|base| base.parse().ok()))
}

fn restart(systemd: &mut Systemd, service: &ServiceState) -> Result<()> {
    let result = systemd.restart_and_wait(&service.unit)?;
    let state = systemd.service(&service.unit)?;
    let active = state.as_ref().is_some_and(|state| state.active == "active");
    if result.as_deref().is_some_and(|result| result != "done") || !active {
        bail!(
            "{} did not come up (job: {}); see 'journalctl -u {}'",
            service.unit,
            result.as_deref().unwrap_or("unknown"),
            service.unit
        );
    }
    Ok(())
}
