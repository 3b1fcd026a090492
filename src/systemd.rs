//! The only file that speaks D-Bus to systemd: questions and jobs in, unit states and job results out.
//! Everything of it that is about the end of jobs is in `jobs`.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant, block_on, proxy};

use crate::bus::system_bus;
use crate::place;

mod jobs;
mod logind;
mod own;
mod queue;
mod run;
mod service;
mod stop;

pub use jobs::FinishedJobs;
pub use run::Run;
pub use service::{ServiceDetails, ServiceState};
pub use stop::StopCommand;

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
    #[zbus(name = "GetUnitByPID")]
    fn get_unit_by_pid(&self, pid: u32) -> zbus::Result<OwnedObjectPath>;
    fn list_jobs(&self) -> zbus::Result<Vec<ListedJob>>;
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

/// Its id, its unit's name, its type, its state, object paths of both.
type ListedJob = (
    u32,
    String,
    String,
    String,
    OwnedObjectPath,
    OwnedObjectPath,
);

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

    /// Subscribes to the end of jobs. To be called before any is queued.
    ///
    /// # Errors
    /// When systemd cannot be reached.
    pub fn finished_jobs(&self) -> Result<FinishedJobs> {
        FinishedJobs::subscribe(self.connect.clone())
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
    block_on(async { system_bus()?.build().await }).context(
        "cannot ask systemd without the system bus (D-Bus); see 'systemctl status dbus.socket'",
    )
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
    is_error(cause, &format!("org.freedesktop.DBus.Error.{name}"))
}

fn is_error(cause: &zbus::Error, name: &str) -> bool {
    match cause {
        zbus::Error::MethodError(full, ..) => full.as_str() == name,
        zbus::Error::FDO(cause) => zbus::DBusError::name(&**cause).as_str() == name,
        _ => false,
    }
}
