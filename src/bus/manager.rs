//! Calls of `org.lodger1.Manager` in; what they ask for, done or told, out.
//!
//! Everybody may look; who changes something is root, or authorized by polkit. What takes time is done on threads of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Error, Result};
use zbus::message::{Flags, Header};
use zbus::names::BusName;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, fdo, interface};

use super::arguments::{hold_until, name_or_all, parse_name};
use super::calls::{Call, Calls};
use super::{answer, polkit};
use crate::base::Number;
use crate::refresh::hold;
use crate::refresh::report;
use crate::refresh::unhold::{require_known, unhold, unhold_all};
use crate::refresh::{Places, UnderWay};
use crate::{rollback, state_file};

/// What answers.
pub struct Manager {
    places: Places,
    calls: Arc<Calls>,
    /// One look at all containers at a time, however many ask.
    looking: Arc<Mutex<()>>,
}

impl Manager {
    /// One for these places.
    pub fn new(places: Places, calls: Arc<Calls>) -> Self {
        Self {
            places,
            calls,
            looking: Arc::default(),
        }
    }
}

#[interface(name = "org.lodger1.Manager")]
impl Manager {
    /// Asks for a refresh, as dpkg's hooks do, and returns at once: the number of the refresh that is under way, or that the next
    /// one gets if it has anything to do.
    #[zbus(out_args("number"))]
    async fn refresh(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<u64> {
        let _call = self.authorize(connection, &header, polkit::REFRESH).await?;
        self.work(|places| {
            places.mark()?;
            next_number(&places)
        })
        .await
    }

    /// The plan of the refresh that is under way, or what one would do now with what is pending: JSON, as of 'lodger plan --json'.
    #[zbus(out_args("plan"))]
    async fn plan(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<String> {
        let (_call, _) = self.begin(connection, &header).await?;
        self.look(|places| answer::plan(&places)).await
    }

    /// All containers: name, systemd's active state, number of the pinned base it runs on or nothing, whether it is due for a
    /// restart, and why, or what it waits for.
    #[zbus(out_args("containers"))]
    async fn list(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<Vec<answer::Listed>> {
        let (_call, _) = self.begin(connection, &header).await?;
        self.look(|places| answer::list(&places)).await
    }

    /// All that is known of one container, see org.lodger1(5). What does not apply is left out.
    #[zbus(out_args("container"))]
    async fn get(
        &self,
        name: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<HashMap<&'static str, OwnedVariant>> {
        let (_call, _) = self.begin(connection, &header).await?;
        let name = parse_name(name)?;
        let container = name.clone();
        let found = self.look(move |places| answer::get(&places, &name)).await?;
        found.ok_or_else(|| {
            fdo::Error::Failed(format!("systemd has no container '{container}' loaded"))
        })
    }

    /// Has refreshes leave a container, or with "*" all, until this time in microseconds since 1970, 0 for until Unhold.
    async fn hold(
        &self,
        name: &str,
        until: u64,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<()> {
        let name = name_or_all(name)?;
        let hold = hold_until(until, SystemTime::now())?;
        let _call = self.authorize(connection, &header, polkit::HOLD).await?;
        self.work(move |places| {
            if let Some(name) = &name {
                rollback::installed(name)?;
            }
            hold::put(&places, name.as_ref(), &hold)
        })
        .await
    }

    /// Takes the holds of a container off, that on a base too, or with "*" the hold of all. Whether it is due: then a refresh
    /// takes it up at once.
    #[zbus(out_args("due"))]
    async fn unhold(
        &self,
        name: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<bool> {
        let name = name_or_all(name)?;
        let _call = self.authorize(connection, &header, polkit::HOLD).await?;
        self.work(move |places| match &name {
            Some(name) => {
                require_known(&places, name)?;
                Ok(unhold(&places, name)?.due)
            }
            None => Ok(unhold_all(&places)?.1),
        })
        .await
    }

    /// Restarts a container on an older base, 0 for the one before that on which it runs, and holds it there. Returns once it
    /// runs: the number of the base.
    #[zbus(out_args("base"))]
    async fn rollback(
        &self,
        name: &str,
        base: u64,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<u64> {
        let name = parse_name(name)?;
        let _call = self
            .authorize(connection, &header, polkit::ROLLBACK)
            .await?;
        self.work(move |_| {
            let to = match base {
                0 => None,
                base => Some(base.to_string().parse::<Number>().map_err(Error::msg)?),
            };
            let base = rollback::rollback(&name, to)?.base;
            Ok(base.to_string().parse()?)
        })
        .await
    }

    /// A refresh begins to restart containers; Plan tells which.
    #[zbus(signal)]
    pub async fn refresh_started(emitter: &SignalEmitter<'_>, number: u64) -> zbus::Result<()>;

    /// Something has become of a container in a refresh: "restarted", "stopped", "skipped", "put-off", "rolled-back" or "failed".
    #[zbus(signal)]
    pub async fn container_changed(
        emitter: &SignalEmitter<'_>,
        name: &str,
        action: &str,
    ) -> zbus::Result<()>;

    /// A refresh is over: "done", "failed", "unfinished-packages", "shutting-down", or "nothing-to-do", which has no record.
    #[zbus(signal)]
    pub async fn refresh_finished(
        emitter: &SignalEmitter<'_>,
        number: u64,
        outcome: &str,
    ) -> zbus::Result<()>;

    /// Whether a refresh is due or under way.
    #[zbus(property(emits_changed_signal = "false"))]
    fn refreshing(&self) -> bool {
        self.places.is_refresh_due()
    }

    /// The number of the last refresh; 0 before the first.
    #[zbus(property(emits_changed_signal = "false"))]
    fn last_refresh(&self) -> fdo::Result<u64> {
        let newest = report::newest(&self.places.refreshes()).map_err(failed)?;
        Ok(newest.map_or(0, |(number, _)| number))
    }

    /// lodger's version.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

impl Manager {
    /// Notes that a call begins; whether root calls.
    async fn begin(
        &self,
        connection: &Connection,
        header: &Header<'_>,
    ) -> fdo::Result<(Call, bool)> {
        let Some(sender) = header.sender() else {
            return Err(fdo::Error::AccessDenied("nobody calls".to_owned()));
        };
        // It counts from here on: the question for its user may take a while.
        let asking = self.calls.begin(true);
        let bus = fdo::DBusProxy::new(connection).await?;
        let user = bus
            .get_connection_unix_user(BusName::Unique(sender.clone()))
            .await?;
        let is_root = user == 0;
        let call = self.calls.begin(is_root);
        drop(asking);
        let call = call.ok_or_else(|| {
            fdo::Error::LimitsExceeded("too many calls at a time; try again later".to_owned())
        })?;
        Ok((call, is_root))
    }

    /// Lets root do anything, and others what polkit lets them.
    async fn authorize(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        action: &str,
    ) -> fdo::Result<Call> {
        let (call, is_root) = self.begin(connection, header).await?;
        if let (false, Some(sender)) = (is_root, header.sender()) {
            let flags = header.primary().flags();
            let interactive = flags.contains(Flags::ALLOW_INTERACTIVE_AUTH);
            polkit::check(connection, sender, action, interactive).await?;
        }
        Ok(call)
    }

    /// Does what takes time elsewhere: here all calls are answered.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(Places) -> Result<T> + Send + 'static,
    ) -> fdo::Result<T> {
        let places = self.places.clone();
        zruntime::unblock(move || work(places))
            .await
            .map_err(failed)
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(Places) -> Result<T> + Send + 'static,
    ) -> fdo::Result<T> {
        let looking = self.looking.clone();
        let look = move |places| {
            let _alone = looking.lock().unwrap_or_else(PoisonError::into_inner);
            look(places)
        };
        self.work(look).await
    }
}

fn failed(cause: anyhow::Error) -> fdo::Error {
    fdo::Error::Failed(format!("{cause:#}"))
}

/// The number of the refresh that is under way, or else of the next.
fn next_number(places: &Places) -> Result<u64> {
    if let Some(under_way) = state_file::read::<UnderWay>(&places.refreshing())? {
        return Ok(under_way.number);
    }
    let newest = report::newest(&places.refreshes())?;
    Ok(newest.map_or(0, |(number, _)| number) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_that_is_asked_for_has_the_number_after_the_last() {
        let state = tempfile::tempdir().unwrap();
        let places = Places {
            state: state.path().into(),
            ..Places::default()
        };
        assert_eq!(next_number(&places).unwrap(), 1);
        report::Report::new(4, "")
            .write(&places.refreshes())
            .unwrap();
        assert_eq!(next_number(&places).unwrap(), 5);
        let under_way = r#"{"number": 9, "started": "", "marked_in": null}"#;
        std::fs::write(places.refreshing(), under_way).unwrap();
        assert_eq!(next_number(&places).unwrap(), 9);
    }
}
