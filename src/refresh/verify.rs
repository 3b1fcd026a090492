//! Every process of every container in; those on old code, and why that may be, out.

use anyhow::Result;

use super::places::Places;
use super::report::{Stale, Verified};
use crate::root::lower;
use crate::stale::look_at_each;
use crate::systemd::{ServiceState, Systemd};

/// Looks at every process of every container that is running now. `reason` tells why a container may run old code.
///
/// # Errors
/// When systemd does not answer, or the bases cannot be read. A container that cannot be looked at counts as stale, with the cause.
pub fn verify(
    places: &Places,
    systemd: &mut Systemd,
    mut reason: impl FnMut(&str) -> Option<String>,
) -> Result<Verified> {
    let mut verified = Verified::default();
    let mut services = systemd.services()?;
    services.retain(ServiceState::is_running);
    let groups = systemd.control_groups(&services.iter().collect::<Vec<_>>())?;
    let with_groups: Vec<_> = services.iter().zip(groups).collect();
    let scans = look_at_each(&places.bases, &with_groups, |scanner, (service, group)| {
        scanner.scan(&service.name, group)
    })?;
    for (service, scan) in services.iter().zip(scans) {
        verified.processes += scan.processes;
        if scan.stale.is_empty() {
            continue;
        }
        let name = service.name.to_string();
        let held = lower::held(&places.state_of(&service.name))?;
        let reason = match held {
            Some(base) => Some(format!("held on base {base}")),
            None => reason(&name),
        };
        let stale = scan.stale.into_iter().map(|process| Stale {
            container: name.clone(),
            pid: process.pid,
            path: process.path,
            reason: reason.clone(),
        });
        verified.stale.extend(stale);
    }
    Ok(verified)
}
