//! What containers do now: systemd's state and a look at their processes in, what `lodger status` shows out.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::Serialize;

use crate::base::number_text;
use crate::container::installed::Installed;
use crate::container::{Container, Name};
use crate::exact_path::ExactPath;
use crate::refresh::Places;
use crate::refresh::report::{self, Report};
use crate::root::lower;
use crate::shadow::{self, Shadow};
use crate::stale::Scanner;
use crate::systemd::{ServiceDetails, ServiceState, Systemd};

mod due;
mod health;

pub use due::DueStatus;
use health::health_of;
pub use health::{HealthStatus, HealthWord};

/// The whole.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Every container, by name.
    pub containers: Vec<ContainerStatus>,
    /// Whether a refresh is due or under way.
    pub refreshing: bool,
    /// The last refresh; `None` before the first.
    pub last_refresh: Option<Report>,
    /// Why the record of the last refresh cannot be read, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable_record: Option<String>,
    /// Why it cannot be told who is due, if so: then the next refresh takes every running container for affected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// One container.
#[derive(Debug, Serialize)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// systemd's active state.
    pub state: String,
    /// systemd's sub state.
    pub sub_state: String,
    /// Why it is in this state, if it failed: `exit-code`, `timeout` ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Since when, RFC 3339.
    pub since: Option<String>,
    /// The number of the pinned base it runs on; `None` if it runs on the live host or not at all, or that cannot be told
    /// without being root.
    #[serde(serialize_with = "number_text::or_null")]
    pub base: Option<String>,
    /// The number of the base it is held on until `lodger unhold`; `None` if it is not held, or that cannot be told without being
    /// root.
    #[serde(serialize_with = "number_text::or_null")]
    pub held: Option<String>,
    /// Whether it does its work; `None` if that is not checked, or it is not running.
    pub health: Option<HealthStatus>,
    /// How many processes it has; `None` if that cannot be told without being root.
    pub processes: Option<usize>,
    /// Whether one of them runs code that the host no longer has; `None` if there is none, or that cannot be told without
    /// being root.
    pub stale: Option<bool>,
    /// The files that show it; in brackets, why nothing can be told.
    pub stale_paths: Vec<ExactPath>,
    /// Why it is due for a restart, and what it waits for; `None` if it is not due.
    pub due: Option<DueStatus>,
    /// Files of packages that it has copies of, which no update reaches; `None` if that cannot be told, without being root or
    /// for the reasons in `shadows_missing`.
    pub shadows: Option<Vec<Shadow>>,
    /// Why there may be more than is told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadows_missing: Vec<String>,
}

/// Asks systemd for the containers it has loaded and those `installed`, and looks at their processes if `look` says so,
/// which takes root. Of `only` these, if there are any; a name that nobody has is left out.
///
/// # Errors
/// When systemd or a process cannot be read.
pub fn status(
    places: &Places,
    installed: &Installed,
    systemd: &mut Systemd,
    look: bool,
    only: &[String],
) -> Result<Status> {
    let is_asked = |name: &Name| only.is_empty() || only.iter().any(|one| one == name.as_str());
    let mut scanner = if look {
        Some(Scanner::new(&places.bases)?)
    } else {
        None
    };
    let mut containers = Vec::new();
    let by_name: HashMap<&Name, &Container> = installed
        .containers()
        .map(|container| (&container.name, container))
        .collect();
    let mut services = systemd.services()?;
    services.retain(|service| is_asked(&service.name));
    let details = systemd.details_of_each(&services.iter().collect::<Vec<_>>())?;
    for (service, details) in services.into_iter().zip(details) {
        let held = held(places, &service.name, look)?;
        let health = by_name
            .get(&service.name)
            .and_then(|container| container.health.as_ref());
        let health = match health.filter(|_| service.active == "active") {
            Some(health) => Some(health_of(systemd, &service, health)?),
            None => None,
        };
        let container = container(service, details, held, scanner.as_mut());
        containers.push(ContainerStatus {
            health,
            ..container
        });
    }
    // systemd forgets what is stopped and not wanted by anything.
    let known: HashSet<String> = containers
        .iter()
        .map(|container| container.name.clone())
        .collect();
    let others = installed
        .containers()
        .filter(|container| is_asked(&container.name) && !known.contains(container.name.as_str()));
    for container in others {
        let held = held(places, &container.name, look)?;
        containers.push(stopped(&container.name, held, look));
    }
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    if look {
        add_shadows(&mut containers, installed, places)?;
    }
    let unreadable = due::add(&mut containers, places, systemd, look)?;
    let (last_refresh, unreadable_record) = report::read_newest(&places.refreshes())?;
    Ok(Status {
        containers,
        refreshing: places.is_refresh_due(),
        last_refresh,
        unreadable_record,
        unreadable,
    })
}

fn held(places: &Places, name: &Name, look: bool) -> Result<Option<String>> {
    match look {
        true => lower::held(&places.state_of(name)),
        false => Ok(None),
    }
}

/// What was written by containers that are not there any more is told by `lodger audit`.
fn add_shadows(
    containers: &mut [ContainerStatus],
    installed: &Installed,
    places: &Places,
) -> Result<()> {
    let names: Vec<Name> = shadow::with_state()?
        .into_iter()
        .filter(|name| containers.iter().any(|has| has.name == name.as_str()))
        .collect();
    let mut found = shadow::of_containers(&names, installed, &places.admindir, 0)?;
    for container in containers {
        let name = Name::parse(&container.name).ok();
        let found = name
            .and_then(|name| found.remove(&name))
            .unwrap_or_default();
        let nothing_known = found.shadows.is_empty() && !found.missing.is_empty();
        container.shadows = (!nothing_known).then_some(found.shadows);
        container.shadows_missing = found.missing;
    }
    Ok(())
}

fn container(
    service: ServiceState,
    details: ServiceDetails,
    held: Option<String>,
    scanner: Option<&mut Scanner>,
) -> ContainerStatus {
    let scan = scanner.map(|scanner| scanner.scan(&service.name, &details.control_group));
    let mut stale_paths: Vec<ExactPath> = scan
        .iter()
        .flat_map(|scan| &scan.stale)
        .map(|process| ExactPath(process.path.clone()))
        .collect();
    stale_paths.sort();
    stale_paths.dedup();
    ContainerStatus {
        name: service.name.to_string(),
        unit: service.unit,
        result: (service.active == "failed").then_some(details.result),
        state: service.active,
        sub_state: service.sub,
        since: (details.since != 0).then(|| rfc3339(details.since)),
        base: scan.as_ref().and_then(|scan| scan.base.clone()),
        held,
        health: None,
        processes: scan.as_ref().map(|scan| scan.processes),
        stale: scan
            .as_ref()
            .filter(|scan| scan.processes > 0 || !scan.stale.is_empty())
            .map(|scan| !scan.stale.is_empty()),
        stale_paths,
        due: None,
        shadows: None,
        shadows_missing: Vec::new(),
    }
}

fn stopped(name: &Name, held: Option<String>, look: bool) -> ContainerStatus {
    ContainerStatus {
        name: name.to_string(),
        unit: name.service(),
        state: "inactive".to_owned(),
        sub_state: "dead".to_owned(),
        result: None,
        since: None,
        base: None,
        held,
        health: None,
        processes: look.then_some(0),
        stale: None,
        stale_paths: Vec::new(),
        due: None,
        shadows: None,
        shadows_missing: Vec::new(),
    }
}

fn rfc3339(microseconds: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(microseconds);
    humantime::format_rfc3339_seconds(time).to_string()
}
