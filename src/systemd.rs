//! The only file that speaks D-Bus to systemd: questions and jobs in, unit states and job results out.
//! Everything of it that is about the end of jobs is in `jobs`.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant, block_on, connection, proxy};

use crate::container::Name;
use crate::place;

mod jobs;
mod logind;
mod run;

pub use jobs::FinishedJobs;
pub use run::Run;

/// How long PID 1 may be away: a re-execution takes well under a second, but may come with an upgrade under load.
const PATIENCE: Duration = Duration::from_secs(60);

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn list_units_by_names(&self, names: &[&str]) -> zbus::Result<Vec<ListedUnit>>;
    fn list_units_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<ListedUnit>>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn try_restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn start_transient_unit(
        &self,
        name: &str,
        mode: &str,
        properties: &[(&str, Variant<'_>)],
        aux: &[(&str, &[(&str, Variant<'_>)])],
    ) -> zbus::Result<OwnedObjectPath>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn system_state(&self) -> zbus::Result<String>;
    #[zbus(signal)]
    fn job_removed(
        &self,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;
}

#[proxy(
    interface = "org.freedesktop.DBus.Properties",
    default_service = "org.freedesktop.systemd1"
)]
trait Properties {
    fn get(&self, interface: &str, name: &str) -> zbus::Result<OwnedVariant>;
}

/// Name, description, load, active and sub state, followed unit, object path, job id, job type, job path.
type ListedUnit = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

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
}

/// What is known of one service besides its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceDetails {
    /// See [`Systemd::start_began`].
    pub start_began: u64,
    /// Since when it is in its state: microseconds since 1970; 0 if unknown.
    pub since: u64,
    /// See [`Systemd::control_group`].
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

/// A job in systemd's queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Job(OwnedObjectPath);

/// How to get another connection when one breaks.
pub type Connect = Arc<dyn Fn() -> Result<Connection> + Send + Sync>;

/// A connection to systemd.
pub struct Systemd {
    connection: Connection,
    connect: Connect,
}

impl Systemd {
    /// Connects over the system bus.
    ///
    /// # Errors
    /// When there is no system bus.
    pub fn connect() -> Result<Self> {
        Self::with(Arc::new(connect_to_host))
    }

    /// Connects by `connect`, now and whenever the connection breaks.
    ///
    /// # Errors
    /// Those of `connect`.
    pub fn with(connect: Connect) -> Result<Self> {
        Ok(Self {
            connection: connect()?,
            connect,
        })
    }

    /// Whether the system is going down; then start jobs are refused, and the next boot mounts everything afresh.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn is_stopping(&mut self) -> Result<bool> {
        let state = self.ask("its state", async |manager| manager.system_state().await)?;
        Ok(state == "stopping")
    }

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
            listed.into_iter().filter_map(service_state).collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(services)
    }

    /// One service, whether it is loaded or not.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn service(&mut self, unit: &str) -> Result<Option<ServiceState>> {
        let listed = self.ask(&format!("about {unit}"), async |manager| {
            manager.list_units_by_names(&[unit]).await
        })?;
        Ok(listed.into_iter().find_map(service_state))
    }

    /// When the last start of a service began, before its root was mounted: microseconds of CLOCK_MONOTONIC; 0 if never.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn start_began(&mut self, service: &ServiceState) -> Result<u64> {
        self.property(service, "Unit", "InactiveExitTimestampMonotonic")
    }

    /// `ControlGroup=` of a service; empty when it has none.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn control_group(&mut self, service: &ServiceState) -> Result<String> {
        self.property(service, "Service", "ControlGroup")
    }

    /// Asks for the details of a service.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn details(&mut self, service: &ServiceState) -> Result<ServiceDetails> {
        Ok(ServiceDetails {
            start_began: self.start_began(service)?,
            since: self.property(service, "Unit", "StateChangeTimestamp")?,
            control_group: self.control_group(service)?,
            root_directory: self.property(service, "Service", "RootDirectory")?,
            wants: self.property(service, "Unit", "Wants")?,
            requires: self.property(service, "Unit", "Requires")?,
            result: self.property(service, "Service", "Result")?,
        })
    }

    /// Queues a restart of `unit` if it is running, and nothing otherwise.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn try_restart(&mut self, unit: &str) -> Result<Job> {
        let question = format!("for a restart of {unit}");
        Ok(Job(self.ask(&question, async |manager| {
            manager.try_restart_unit(unit, "replace").await
        })?))
    }

    /// Starts a timer, [`place::LATER_UNIT`] with this instance, that goes off once `at`. It does not outlive the boot.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn start_timer(&mut self, instance: &str, at: SystemTime) -> Result<()> {
        let unit = format!("{}{instance}.timer", place::LATER_UNIT);
        // systemd.time(7) has a blank where RFC 3339 has a T; a second more is never too early.
        let at = humantime::format_rfc3339_seconds(at + Duration::from_secs(1)).to_string();
        let calendar = at.replace('T', " ").replace('Z', " UTC");
        let question = format!("for the timer {unit}");
        self.ask(&question, async |manager| {
            let properties = [
                ("Description", Variant::from("Refresh of what was put off")),
                (
                    "TimersCalendar",
                    Variant::from(vec![("OnCalendar", calendar.as_str())]),
                ),
                ("AccuracyUSec", Variant::from(1_000_000u64)),
                ("RemainAfterElapse", Variant::from(false)),
            ];
            manager
                .start_transient_unit(&unit, "replace", &properties, &[])
                .await
        })?;
        Ok(())
    }

    /// Queues a restart of `unit`, or a start if it is not running.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn restart(&mut self, unit: &str) -> Result<Job> {
        let question = format!("for a start of {unit}");
        Ok(Job(self.ask(&question, async |manager| {
            manager.restart_unit(unit, "replace").await
        })?))
    }

    /// Restarts `unit`, or starts it if it is not running, and waits for the end of that. The job's result (`done`, `failed` ...);
    /// `None` if it ended unseen.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn restart_and_wait(&mut self, unit: &str) -> Result<Option<String>> {
        let mut finished = self.finished_jobs()?;
        let job = self.restart(unit)?;
        self.wait_for(&mut finished, job)
    }

    /// Starts `unit`, or joins a start that is under way, and waits for the end of that. As [`Systemd::restart_and_wait`].
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn start_and_wait(&mut self, unit: &str) -> Result<Option<String>> {
        let mut finished = self.finished_jobs()?;
        let job = self.start(unit)?;
        self.wait_for(&mut finished, job)
    }

    /// Queues a start of `unit`.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn start(&mut self, unit: &str) -> Result<Job> {
        let question = format!("for a start of {unit}");
        Ok(Job(self.ask(&question, async |manager| {
            manager.start_unit(unit, "replace").await
        })?))
    }

    fn wait_for(&mut self, finished: &mut FinishedJobs, job: Job) -> Result<Option<String>> {
        let job = [job];
        loop {
            if let Some((_, result)) = finished.wait(self, &job, PATIENCE)? {
                return Ok(result);
            }
        }
    }

    /// Whether `job` is still queued or running.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn exists(&mut self, job: &Job) -> Result<bool> {
        let path = &job.0;
        let state = self.ask_at(
            "about a job",
            async |connection| match PropertiesProxy::new(connection, path.clone())
                .await?
                .get("org.freedesktop.systemd1.Job", "State")
                .await
            {
                Ok(_) => Ok(true),
                Err(cause) if is_bus_error(&cause, "UnknownObject") => Ok(false),
                Err(cause) => Err(cause),
            },
        )?;
        Ok(state)
    }

    /// Subscribes to the end of jobs. To be called before any is queued.
    ///
    /// # Errors
    /// When systemd cannot be reached.
    pub fn finished_jobs(&self) -> Result<FinishedJobs> {
        FinishedJobs::subscribe(self.connect.clone())
    }

    fn property<T: TryFrom<OwnedVariant>>(
        &mut self,
        service: &ServiceState,
        interface: &str,
        name: &str,
    ) -> Result<T> {
        let interface = format!("org.freedesktop.systemd1.{interface}");
        let value = self.ask_at(
            &format!("for {name} of {}", service.unit),
            async |connection| {
                PropertiesProxy::new(connection, service.object.clone())
                    .await?
                    .get(&interface, name)
                    .await
            },
        )?;
        T::try_from(value)
            .map_err(|_| anyhow::anyhow!("{name} of {} is not of the type expected", service.unit))
    }

    fn ask<T>(
        &mut self,
        what: &str,
        question: impl AsyncFn(&ManagerProxy<'static>) -> zbus::Result<T>,
    ) -> Result<T> {
        self.ask_at(what, async |connection| {
            question(&ManagerProxy::new(connection).await?).await
        })
    }

    /// Asks until there is an answer: while PID 1 is re-executed, or the bus restarted, there is none for a moment.
    fn ask_at<T>(
        &mut self,
        what: &str,
        question: impl AsyncFn(&Connection) -> zbus::Result<T>,
    ) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            let cause = match block_on(question(&self.connection)) {
                Ok(answer) => return Ok(answer),
                Err(cause) => cause,
            };
            if !is_passing(&cause) || Instant::now() > end {
                return Err(cause).with_context(|| format!("cannot ask systemd {what}"));
            }
            tracing::debug!("systemd is not there, asking again: {cause}");
            thread::sleep(Duration::from_millis(500));
            if let Ok(connection) = (self.connect)() {
                self.connection = connection;
            }
        }
    }
}

/// systemd's own socket, /run/systemd/private, is no way around a missing bus: what it says there has a sender that is no
/// unique name, and zbus takes no such message.
fn connect_to_host() -> Result<Connection> {
    block_on(connection::Builder::system().build()).context(
        "cannot ask systemd without the system bus (D-Bus); see 'systemctl status dbus.socket'",
    )
}

fn service_state(listed: ListedUnit) -> Option<ServiceState> {
    let (unit, _, load, active, sub, _, object, job_id, _, job) = listed;
    let name = unit.strip_prefix("lodger-")?.strip_suffix(".service")?;
    let name = Name::parse(name).ok()?;
    let job = (job_id != 0).then_some(Job(job));
    Some(ServiceState {
        name,
        unit,
        load,
        active,
        sub,
        job,
        object,
    })
}

/// Whether the same question may well be answered in a moment.
fn is_passing(cause: &zbus::Error) -> bool {
    let passing = [
        "NoReply",
        "Disconnected",
        "NameHasNoOwner",
        "ServiceUnknown",
    ];
    matches!(cause, zbus::Error::InputOutput(_))
        || passing.iter().any(|name| is_bus_error(cause, name))
}

/// Whether this is the error `org.freedesktop.DBus.Error.NAME`, which zbus has in two forms.
fn is_bus_error(cause: &zbus::Error, name: &str) -> bool {
    let full = match cause {
        zbus::Error::MethodError(full, ..) => full.to_string(),
        zbus::Error::FDO(cause) => zbus::DBusError::name(&**cause).to_string(),
        _ => return false,
    };
    full.strip_prefix("org.freedesktop.DBus.Error.") == Some(name)
}
