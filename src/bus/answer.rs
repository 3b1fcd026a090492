//! What is asked over the bus in; the host's containers, one of them, or the plan, out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use anyhow::{Context, Result};
use zbus::{OwnedVariant, Variant};

use crate::container::{Name, installed};
use crate::prefix::Prefix;
use crate::refresh::hold::{self, Hold};
use crate::refresh::pending::Pending;
use crate::refresh::standing::{Standing, standings};
use crate::refresh::{Places, present};
use crate::root::lower;
use crate::settings::{self, Settings};
use crate::stale::{self, Scanner};
use crate::systemd::{ServiceState, Systemd};

/// Name, state, base, whether it is due, and why, or what it waits for.
pub type Listed = (String, String, String, bool, String);

/// A hold without an end.
const FOR_EVER: u64 = u64::MAX;

/// What is to be done at present, as JSON.
///
/// # Errors
/// When what refreshes have written cannot be read, or systemd does not answer.
pub fn plan(places: &Places) -> Result<String> {
    let mut systemd = Systemd::connect()?;
    let present = present(places, &mut systemd, &settings())?;
    serde_json::to_string(&present).context("cannot write the plan as JSON")
}

/// Every container that systemd has loaded, or that a file makes, by name.
///
/// # Errors
/// When systemd or a container cannot be looked at.
pub fn list(places: &Places) -> Result<Vec<Listed>> {
    let mut systemd = Systemd::connect()?;
    let due = due(places, &mut systemd)?;
    let mut scanner = Scanner::new(&places.bases)?;
    let mut listed = Vec::new();
    let mut running = BTreeSet::new();
    let services = systemd.services()?;
    let groups = systemd.control_groups(&services.iter().collect::<Vec<_>>())?;
    for (service, group) in services.into_iter().zip(groups) {
        let base = match service.is_running() {
            true => {
                running.insert(service.name.to_string());
                scanner.base(&service.name, &group).unwrap_or_else(|cause| {
                    tracing::warn!("the base of {} cannot be told: {cause:#}", service.name);
                    None
                })
            }
            false => None,
        };
        listed.push((service.name.to_string(), service.active, base));
    }
    let installed = installed::read(&Prefix::host());
    for container in installed.containers() {
        let name = container.name.as_str();
        if !listed.iter().any(|(listed, _, _)| listed == name) {
            listed.push((name.to_owned(), "inactive".to_owned(), None));
        }
    }
    listed.sort();
    let rows = listed.into_iter().map(|(name, state, base)| {
        let standing = due.standings.get(&name);
        let unreadable = due.unreadable.as_ref().filter(|_| running.contains(&name));
        let is_due = standing.is_some() || unreadable.is_some();
        let why = standing.map(in_a_word).or_else(|| unreadable.cloned());
        (
            name,
            state,
            base.unwrap_or_default(),
            is_due,
            why.unwrap_or_default(),
        )
    });
    Ok(rows.collect())
}

fn in_a_word(standing: &Standing) -> String {
    match (&standing.hindrance, standing.reasons.first()) {
        (Some(hindrance), _) => hindrance.to_string(),
        (None, Some(reason)) => reason.to_string(),
        (None, None) => String::new(),
    }
}

/// All that is known of one container; `None` if there is none of that name. What does not apply is left out.
///
/// # Errors
/// When systemd or the container cannot be looked at.
pub fn get(places: &Places, name: &Name) -> Result<Option<HashMap<&'static str, OwnedVariant>>> {
    let mut systemd = Systemd::connect()?;
    let service = systemd.service(&name.service())?;
    let service = service.filter(|service| service.load != "not-found" || service.is_running());
    let Some(service) = service else {
        return Ok(None);
    };
    let mut told = Told::default();
    told.add("Name", name.as_str());
    told.add("Unit", service.unit.as_str());
    told.add("State", service.active.as_str());
    told.add("SubState", service.sub.as_str());
    look(places, &mut systemd, &service, &mut told)?;
    if let Some(base) = lower::held(&places.state_of(name))? {
        told.add("HeldBase", base.as_str());
    }
    if let Some(hold) = hold::of(places, name, SystemTime::now())? {
        told.add("HeldUntil", microseconds(&hold));
    }
    let mut due = due(places, &mut systemd)?;
    let unreadable = due.unreadable.filter(|_| service.is_running());
    let standing = due.standings.remove(name.as_str());
    told.add("Due", standing.is_some() || unreadable.is_some());
    if let Some(cause) = unreadable {
        told.add("Reasons", vec![cause]);
    }
    if let Some(standing) = standing {
        let reasons = standing.reasons.iter().map(ToString::to_string);
        told.add("Reasons", reasons.collect::<Vec<_>>());
        told.add("WaitsFor", standing.waits_for().as_str());
        if let Some(wave) = &standing.wave {
            told.add("Wave", wave.as_str());
        }
        if let Some(failed) = &standing.failed {
            told.add("Failed", failed.how.as_str());
        }
    }
    told.0.map(Some)
}

/// Its processes.
fn look(
    places: &Places,
    systemd: &mut Systemd,
    service: &ServiceState,
    told: &mut Told,
) -> Result<()> {
    let group = systemd.control_group(service)?;
    let scan = Scanner::new(&places.bases)?.scan(&service.name, &group);
    if let Some(base) = &scan.base {
        told.add("Base", base.as_str());
    }
    told.add("Processes", scan.processes as u64);
    let stale = scan.stale.iter();
    let mut stale: Vec<String> = stale.map(|stale| stale::text_of(&stale.path)).collect();
    stale.sort();
    stale.dedup();
    told.add("Stale", stale);
    Ok(())
}

/// A dictionary, or what went wrong with it.
struct Told(Result<HashMap<&'static str, OwnedVariant>>);

impl Default for Told {
    fn default() -> Self {
        Self(Ok(HashMap::new()))
    }
}

impl Told {
    fn add<'a>(&mut self, key: &'static str, value: impl Into<Variant<'a>>) {
        let Ok(told) = &mut self.0 else { return };
        match OwnedVariant::try_from(value.into()) {
            Ok(value) => {
                told.insert(key, value);
            }
            Err(cause) => self.0 = Err(anyhow::Error::new(cause).context(key)),
        }
    }
}

/// Who is due.
struct WhoIsDue {
    standings: BTreeMap<String, Standing>,
    /// Why that cannot be told, if so: then every running container counts as due, as it does for the next refresh.
    unreadable: Option<String>,
}

fn due(places: &Places, systemd: &mut Systemd) -> Result<WhoIsDue> {
    let present = present(places, systemd, &settings())?;
    let (pending, unreadable) = Pending::known(places);
    if let Some(cause) = &unreadable {
        tracing::warn!("nobody knows who is due: {cause}");
    }
    Ok(WhoIsDue {
        standings: standings(&pending, &present.plan),
        unreadable: unreadable.map(|cause| format!("nobody knows whether it is due: {cause}")),
    })
}

/// When a hold ends, in microseconds since 1970; one that cannot be read never does.
fn microseconds(hold: &Hold) -> u64 {
    let until = hold.until.as_deref();
    let until = until.and_then(|until| humantime::parse_rfc3339(until).ok());
    let since = until.and_then(|until| until.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(FOR_EVER, |since| {
        u64::try_from(since.as_micros()).unwrap_or(FOR_EVER)
    })
}

/// A mistake in the settings is told when lodgerd refreshes.
fn settings() -> Settings {
    settings::read(&Prefix::host()).unwrap_or_default()
}
