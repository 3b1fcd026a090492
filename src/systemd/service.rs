//! Services of containers: names in; their state and properties as systemd has them, out.
//!
//! What is asked about many services is asked at once, and the answers awaited together: one after the other, the way to
//! PID 1 and back costs more than the answer.

use anyhow::{Result, anyhow};
use futures_util::future::try_join_all;
use zbus::{OwnedObjectPath, OwnedVariant};

use super::{Job, ListedUnit, PropertiesProxy, Systemd};
use crate::cgroup;
use crate::container::Name;
use crate::place;

/// How many answers are awaited at a time. The system bus lets nobody wait for more than 128 (dbus-daemon(1),
/// "max_replies_per_connection").
pub(super) const AT_ONCE: usize = 64;

/// One container's service as systemd has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceState {
    /// The container.
    pub name: Name,
    /// `lodger-NAME.service`.
    pub unit: String,
    /// `loaded`, `not-found` ...
    pub load: String,
    /// `active`, `activating`, `failed` ...
    pub active: String,
    /// `running`, `auto-restart` ...
    pub sub: String,
    /// The job that is queued or running for it, if there is one.
    pub job: Option<Job>,
    object: OwnedObjectPath,
}

impl ServiceState {
    /// Whether it is running, on its way there, or about to be restarted by systemd.
    pub fn is_running(&self) -> bool {
        matches!(
            self.active.as_str(),
            "active" | "activating" | "reloading" | "refreshing"
        )
    }

    /// Whether it is running, and not merely on its way there.
    pub fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading" | "refreshing")
    }

    /// Whether its last try has failed, and systemd waits with the next one. When that last try began, nobody knows any more:
    /// `InactiveExitTimestamp=` is then the moment at which it failed.
    pub fn waits_for_next_try(&self) -> bool {
        matches!(self.sub.as_str(), "auto-restart" | "auto-restart-queued")
    }

    /// Whether it is stopping, and systemd waits for its end: the state after a `STOPPING=1`, or after its stop command.
    pub fn is_stopping(&self) -> bool {
        self.active == "deactivating" && self.sub == "stop-sigterm"
    }

    /// Whether it is, and nobody has asked for that.
    pub fn is_stopping_without_job(&self) -> bool {
        self.is_stopping() && self.job.is_none()
    }

    /// `None` if the unit is no container's.
    fn of(listed: ListedUnit) -> Option<Self> {
        let (unit, _, load, active, sub, _, object, job_id, _, job) = listed;
        let name = Name::of_service(&unit)?;
        let job = (job_id != 0).then_some(Job(job));
        Some(Self {
            name,
            unit,
            load,
            active,
            sub,
            job,
            object,
        })
    }
}

/// What is known of one service besides its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceDetails {
    /// See [`Systemd::starts_began`].
    pub start_began: u64,
    /// Since when it is in its state: microseconds since 1970; 0 if unknown.
    pub since: u64,
    /// See [`Systemd::control_groups`].
    pub control_group: String,
    /// `RootDirectory=`: the container's root, unless the unit is a stub for a broken container file.
    pub root_directory: String,
    /// `Wants=`: among them [`crate::place::BASE_UNIT`] where the root is made of a pinned base.
    pub wants: Vec<String>,
    /// `Requires=`: units that this one needs, and is restarted with.
    pub requires: Vec<String>,
    /// `Result=`: `success`, `exit-code`, `timeout` ...
    pub result: String,
}

impl Systemd {
    /// The services of containers that are loaded, by name.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn services(&mut self) -> Result<Vec<ServiceState>> {
        let listed = self.ask("the services of containers", async |manager| {
            manager
                .list_units_by_patterns(&[], &["lodger-*.service"])
                .await
        })?;
        let mut services: Vec<ServiceState> =
            listed.into_iter().filter_map(ServiceState::of).collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(services)
    }

    /// Those of `units`, whether they are loaded or not. In any order.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn services_named(&mut self, units: &[&str]) -> Result<Vec<ServiceState>> {
        if units.is_empty() {
            return Ok(Vec::new());
        }
        let listed = self.ask("about services", async |manager| {
            manager.list_units_by_names(units).await
        })?;
        Ok(listed.into_iter().filter_map(ServiceState::of).collect())
    }

    /// Those of the containers with these `names`, likewise; there is none for what is no name.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn services_of<'n>(
        &mut self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Vec<ServiceState>> {
        let names = names.into_iter().filter_map(|name| Name::parse(name).ok());
        let units: Vec<String> = names.map(|name| name.service()).collect();
        let units: Vec<&str> = units.iter().map(String::as_str).collect();
        self.services_named(&units)
    }

    /// One service, whether it is loaded or not.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn service(&mut self, unit: &str) -> Result<Option<ServiceState>> {
        Ok(self.services_named(&[unit])?.pop())
    }

    /// When the last start of each service began, before its root was mounted: microseconds of CLOCK_MONOTONIC; 0 if never.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn starts_began(&mut self, services: &[&ServiceState]) -> Result<Vec<u64>> {
        self.ask_each("the start", services, start_began)
    }

    /// `ControlGroup=` of each service; empty when it has none. It is mostly where lodger's units have it, which the kernel tells
    /// far sooner than PID 1. Nobody is left in it of a service that has been stopped and started in another slice: its PID
    /// namespace has ended.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn control_groups(&mut self, services: &[&ServiceState]) -> Result<Vec<String>> {
        let own = |service: &&ServiceState| format!("/{}/{}", place::SLICE, service.unit);
        let mut groups: Vec<String> = services.iter().map(own).collect();
        let are_there: Vec<bool> = groups.iter().map(|group| cgroup::is_there(group)).collect();
        let elsewhere = services.iter().zip(&are_there);
        let elsewhere: Vec<&ServiceState> = elsewhere
            .filter_map(|(service, is_there)| (!is_there).then_some(*service))
            .collect();
        let asked = self.ask_each("the control group", &elsewhere, control_group)?;
        let unknown = groups.iter_mut().zip(are_there);
        let unknown = unknown.filter_map(|(group, is_there)| (!is_there).then_some(group));
        for (group, answer) in unknown.zip(asked) {
            *group = answer;
        }
        Ok(groups)
    }

    /// `ControlGroup=` of one service; empty when it has none.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn control_group(&mut self, service: &ServiceState) -> Result<String> {
        the_only(self.control_groups(&[service])?)
    }

    /// The details of each service.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn details_of_each(&mut self, services: &[&ServiceState]) -> Result<Vec<ServiceDetails>> {
        self.ask_each("the details", services, async |properties| {
            Ok(ServiceDetails {
                start_began: start_began(properties).await?,
                since: get(properties, "Unit", "StateChangeTimestamp").await?,
                control_group: control_group(properties).await?,
                root_directory: get(properties, "Service", "RootDirectory").await?,
                wants: get(properties, "Unit", "Wants").await?,
                requires: get(properties, "Unit", "Requires").await?,
                result: get(properties, "Service", "Result").await?,
            })
        })
    }

    /// The details of one service.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn details(&mut self, service: &ServiceState) -> Result<ServiceDetails> {
        the_only(self.details_of_each(&[service])?)
    }

    /// Whether a unit has others that require it, and stop when it does not start.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn is_required(&mut self, unit: &str) -> Result<bool> {
        let Some(service) = self.service(unit)? else {
            return Ok(false);
        };
        let by: Vec<String> = self.property(&service, "Unit", "RequiredBy")?;
        Ok(!by.is_empty())
    }

    /// A property of one service.
    pub(super) fn property<T: TryFrom<OwnedVariant>>(
        &mut self,
        service: &ServiceState,
        interface: &str,
        name: &str,
    ) -> Result<T> {
        let question =
            async |properties: &PropertiesProxy<'static>| get(properties, interface, name).await;
        the_only(self.ask_each(name, &[service], question)?)
    }

    /// Asks the same `question` about each service. The answers are in their order.
    pub(super) fn ask_each<T>(
        &mut self,
        what: &str,
        services: &[&ServiceState],
        question: impl AsyncFn(&PropertiesProxy<'static>) -> zbus::Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::with_capacity(services.len());
        for services in services.chunks(AT_ONCE) {
            let whose = match services {
                [service] => service.unit.clone(),
                _ => format!("{} services", services.len()),
            };
            let answers = self.ask_at(&format!("for {what} of {whose}"), async |connection| {
                try_join_all(services.iter().map(async |service| {
                    let object = service.object.clone();
                    question(&PropertiesProxy::new(connection, object).await?).await
                }))
                .await
            })?;
            all.extend(answers);
        }
        Ok(all)
    }
}

async fn start_began(properties: &PropertiesProxy<'static>) -> zbus::Result<u64> {
    get(properties, "Unit", "InactiveExitTimestampMonotonic").await
}

async fn control_group(properties: &PropertiesProxy<'static>) -> zbus::Result<String> {
    get(properties, "Service", "ControlGroup").await
}

pub(super) async fn get<T: TryFrom<OwnedVariant>>(
    properties: &PropertiesProxy<'static>,
    interface: &str,
    name: &str,
) -> zbus::Result<T> {
    let interface = format!("org.freedesktop.systemd1.{interface}");
    let value = properties.get(&interface, name).await?;
    T::try_from(value)
        .map_err(|_| zbus::Error::Failure(format!("{name} is not of the type expected")))
}

fn the_only<T>(mut answers: Vec<T>) -> Result<T> {
    let answer = answers.pop();
    answer.ok_or_else(|| anyhow!("systemd has not answered"))
}
