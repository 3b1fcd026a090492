//! A container and the base it is to go back to in; it running there, and held, out.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::{Bases, Number};
use crate::container::{Base, Container, Name, installed};
use crate::hold;
use crate::place;
use crate::prefix::Prefix;
use crate::stale::Scanner;
use crate::systemd::{ServiceState, Systemd};

/// What became of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WentBack {
    /// The base it is held on.
    pub base: Number,
    /// The base it ran on; `None` if that is not known.
    pub from: Option<Number>,
    /// Whether it runs now; one that did not run is only held.
    pub runs: bool,
}

/// Holds the container `name` on the base `to`, or on the one before that on which it runs, and restarts it if it runs.
///
/// # Errors
/// When there is no such base or container, or it does not run on it.
pub fn rollback(name: &Name, to: Option<Number>) -> Result<WentBack> {
    let container = installed(name)?;
    if container.root.base == Base::Host {
        bail!("'{name}' lies on the live host (base = \"host\"), which has nothing to go back to");
    }
    let bases = Bases::at(place::MOUNTED_BASES.into());
    let mut systemd = Systemd::connect()?;
    let service = running(&mut systemd, name)?;
    let from = match &service {
        Some(service) => base_of(&mut systemd, service)?,
        None => None,
    };
    let base = hold::target(&bases.numbers()?, bases.current()?, from, to)?;
    hold::hold(&container.name.state(), &bases, base)?;
    if let Some(service) = &service {
        restart(&mut systemd, service)
            .with_context(|| format!("{name} is held on base {base} now"))?;
    }
    Ok(WentBack {
        base,
        from,
        runs: service.is_some(),
    })
}

/// The container of this name on the running system.
///
/// # Errors
/// When its file has a mistake, or there is none.
pub fn installed(name: &Name) -> Result<Container> {
    let installed = installed::read(&Prefix::host());
    let mut containers = installed.containers();
    let found = containers.find(|container| container.name == *name);
    found.cloned().with_context(|| {
        format!(
            "no container is called '{name}', or its file has a mistake; 'lodger list' shows all"
        )
    })
}

/// Its service, if it runs.
///
/// # Errors
/// When systemd does not answer.
pub fn running(systemd: &mut Systemd, name: &Name) -> Result<Option<ServiceState>> {
    let service = systemd.service(&name.service())?;
    Ok(service.filter(ServiceState::is_running))
}

/// The base that a service runs on.
fn base_of(systemd: &mut Systemd, service: &ServiceState) -> Result<Option<Number>> {
    let group = systemd.control_group(service)?;
    let base = Scanner::new(Path::new(place::MOUNTED_BASES))?.base(&service.name, &group)?;
    Ok(base.and_then(|base| base.parse().ok()))
}

/// Restarts a service and waits until it runs.
///
/// # Errors
/// When it does not.
pub fn restart(systemd: &mut Systemd, service: &ServiceState) -> Result<()> {
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
