//! What happens once dpkg has finished: the mark its hooks left in, every running container on the new code and a report
//! out.
//!
//! ```text
//! mark -> lock is free -> packages that changed -> steps -> jobs -> look at every process -> report
//!         dpkg::lock      dpkg                     plan     systemd  stale                    report
//! ```
//!
//! The mark is taken away only once `refreshing.json` is on disk, and that only once the report is: whenever lodgerd is
//! killed, the next one finds either and takes the refresh up again. It compares with the baseline of the last refresh,
//! which is replaced at the end, and leaves alone what has started since the change; so doing it twice does no harm.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

pub mod affected;
pub mod change;
pub mod interpreter;
pub mod path_text;
pub mod plan;
pub mod reason;
pub mod report;
mod restart;

use crate::container::Name;
use crate::dpkg::{Change, Database, lock};
use crate::place;
use crate::root::{lower, sweep};
use crate::stale::Scanner;
use crate::state_file;
use crate::systemd::{ServiceState, Systemd};
use plan::{Offer, Running, Step};
use report::{Action, Outcome, Report, Stale, Verified};

/// Where a refresh reads and writes; other places in tests.
#[derive(Debug, Clone)]
pub struct Places {
    /// `/var/lib/lodger`.
    pub state: PathBuf,
    /// `/var/lib/dpkg`.
    pub admindir: PathBuf,
    /// `/run/lodger/bases`.
    pub bases: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            state: PathBuf::from(place::STATE),
            admindir: PathBuf::from("/var/lib/dpkg"),
            bases: PathBuf::from(place::MOUNTED_BASES),
        }
    }
}

impl Places {
    /// The mark that dpkg's hooks leave.
    pub fn pending(&self) -> PathBuf {
        self.state.join("pending")
    }

    /// There while a refresh is under way.
    pub fn refreshing(&self) -> PathBuf {
        self.state.join("refreshing.json")
    }

    /// dpkg's database as it was at the end of the last refresh.
    pub fn baseline(&self) -> PathBuf {
        self.state.join("baseline.json")
    }

    /// The reports.
    pub fn refreshes(&self) -> PathBuf {
        self.state.join("refreshes")
    }

    /// The state of a container.
    pub fn state_of(&self, name: &Name) -> PathBuf {
        self.state.join("containers").join(name.as_str())
    }

    /// Whether there is something to do.
    pub fn is_refresh_due(&self) -> bool {
        self.pending().exists() || self.refreshing().exists()
    }

    /// Leaves the mark, as dpkg's hooks do: a refresh is due, for a change made in this boot.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn mark(&self) -> Result<()> {
        let path = self.pending();
        fs::write(&path, boot_id()?).with_context(|| format!("cannot make '{}'", path.display()))
    }

    /// Records dpkg's present database as the baseline.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn record_baseline(&self) -> Result<()> {
        state_file::write(&self.baseline(), &Database::read(&self.admindir)?)
    }
}

/// A refresh under way, as it is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UnderWay {
    number: u64,
    /// RFC 3339.
    started: String,
    /// The kernel's boot id: CLOCK_MONOTONIC counts within one boot.
    boot: String,
    /// The boot id in the last mark; `None` if there was none, or it said nothing.
    marked_in: Option<String>,
    /// When the change was seen to be complete, with the change; `None` before that.
    change: Option<CompleteChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CompleteChange {
    /// Microseconds of CLOCK_MONOTONIC.
    since: u64,
    database: Database,
}

/// Runs one refresh: waits for dpkg, restarts at most `parallel` containers at a time, verifies, reports. `None` if no
/// package had changed.
///
/// # Errors
/// When dpkg's state or systemd cannot be read, or the outcome cannot be written. What was done until then stays done, and
/// the next call takes the refresh up again.
pub fn refresh(places: &Places, systemd: &mut Systemd, parallel: usize) -> Result<Option<Report>> {
    let (mut under_way, taken_up_again) = take_up(places)?;
    let offer = wait_for_dpkg(places, systemd, &mut under_way)?;
    let mut report = Report {
        number: under_way.number,
        outcome: Outcome::Done,
        started: under_way.started.clone(),
        finished: String::new(),
        packages: Vec::new(),
        unfinished: Vec::new(),
        containers: Vec::new(),
        verified: Verified::default(),
    };
    if systemd.is_stopping()? {
        report.outcome = Outcome::ShuttingDown;
        return finish(places, report, None).map(Some);
    }
    let now = Database::read(&places.admindir)?;
    report.unfinished = now.unfinished();
    if !report.unfinished.is_empty() {
        report.outcome = Outcome::UnfinishedPackages;
        return finish(places, report, None).map(Some);
    }
    match changes(places, &now)? {
        Some(changes) if changes.is_empty() => {
            state_file::remove(&places.refreshing())?;
            return Ok(None);
        }
        changes => report.packages = changes.unwrap_or_default(),
    }
    let since = complete_since(places, &mut under_way, &now)?;
    tracing::info!(
        packages = report.packages.len(),
        refresh = report.number,
        "refreshing containers"
    );
    let restarts = Restarts {
        offer,
        since,
        taken_up_again,
        parallel,
    };
    restart_all(places, systemd, restarts, &mut report)?;
    report.verified = verify(places, systemd)?;
    if let Err(cause) = sweep::sweep(Path::new(place::MASKS)) {
        tracing::warn!("cannot remove mask layers that are not in use: {cause:#}");
    }
    let is_good = report.count(Action::Failed) == 0 && report.verified.stale.is_empty();
    if report.outcome == Outcome::Done && !is_good {
        report.outcome = Outcome::Failed;
    }
    // What could not be offered is part of the next refresh.
    let baseline = Some(now).filter(|_| offer == Offer::Everything);
    finish(places, report, baseline).map(Some)
}

/// Has a base made with the change, if it changed anything that a base holds.
fn renew_base(systemd: &mut Systemd) -> Result<Offer> {
    match systemd.restart_and_wait(place::BASE_UNIT)? {
        Some(result) if result != "done" => {
            tracing::error!(
                "no new base was made: the job of {} ended as {result}",
                place::BASE_UNIT
            );
            Ok(Offer::NoBase)
        }
        _ => Ok(Offer::Everything),
    }
}

/// The refresh that was interrupted, or a new one; on disk either way.
fn take_up(places: &Places) -> Result<(UnderWay, bool)> {
    let boot = boot_id()?;
    // One that cannot be read any more is begun anew: it loses nothing but its number.
    let interrupted = state_file::read::<UnderWay>(&places.refreshing()).unwrap_or_else(|cause| {
        tracing::warn!("beginning the interrupted refresh anew: {cause:#}");
        None
    });
    if let Some(mut under_way) = interrupted {
        tracing::info!(
            refresh = under_way.number,
            "taking up an interrupted refresh"
        );
        if under_way.boot != boot {
            under_way.boot = boot;
            under_way.change = None;
        }
        return Ok((under_way, true));
    }
    let newest = report::newest(&places.refreshes())?;
    let under_way = UnderWay {
        number: newest.map_or(0, |(number, _)| number) + 1,
        started: now_rfc3339(),
        boot,
        marked_in: None,
        change: None,
    };
    state_file::write(&places.refreshing(), &under_way)?;
    Ok((under_way, false))
}

/// Returns once no front end is at work and no mark of an earlier one is left. A mark that comes later means another refresh.
///
/// The base comes before the mark goes: as long as there is one, a start of a container sees to the base itself.
fn wait_for_dpkg(
    places: &Places,
    systemd: &mut Systemd,
    under_way: &mut UnderWay,
) -> Result<Offer> {
    loop {
        lock::wait_until_free(&places.admindir)?;
        let offer = match systemd.is_stopping()? {
            true => Offer::NoBase,
            false => renew_base(systemd)?,
        };
        if let Some(boot) = read_mark(&places.pending())? {
            under_way.marked_in = Some(boot).filter(|boot| !boot.is_empty());
        }
        state_file::remove(&places.pending())?;
        if !lock::is_held(&places.admindir)? {
            return Ok(offer);
        }
    }
}

/// The boot id in a mark, which may be empty; `None` if there is no mark.
fn read_mark(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(mark) => Ok(Some(String::from_utf8_lossy(&mark).trim().to_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause).with_context(|| format!("cannot read '{}'", path.display())),
    }
}

/// The packages that changed since the last refresh; `None` if nothing is known of the last one.
fn changes(places: &Places, now: &Database) -> Result<Option<Vec<Change>>> {
    match state_file::read::<Database>(&places.baseline()) {
        Ok(Some(before)) => {
            let mut changes = before.changes(now);
            // No container runs anything of lodger's, and an upgrade of lodger is to keep them running.
            changes.retain(|change| change.name != env!("CARGO_PKG_NAME"));
            Ok(Some(changes))
        }
        Ok(None) => {
            tracing::warn!("there is no baseline, so every running container counts as affected");
            Ok(None)
        }
        Err(cause) => {
            tracing::warn!("every running container counts as affected: {cause:#}");
            Ok(None)
        }
    }
}

/// Since when the change is complete: the moment recorded before an interruption, unless dpkg has changed more since. A
/// change that was marked in an earlier boot was there before anything that runs now.
fn complete_since(places: &Places, under_way: &mut UnderWay, now: &Database) -> Result<u64> {
    if let Some(change) = under_way
        .change
        .as_ref()
        .filter(|change| change.database == *now)
    {
        return Ok(change.since);
    }
    let before_boot = under_way
        .marked_in
        .as_ref()
        .is_some_and(|boot| *boot != under_way.boot);
    let since = if before_boot {
        0
    } else {
        monotonic_microseconds()?
    };
    under_way.change = Some(CompleteChange {
        since,
        database: now.clone(),
    });
    state_file::write(&places.refreshing(), under_way)?;
    Ok(since)
}

/// How containers are restarted.
struct Restarts {
    offer: Offer,
    /// Microseconds of CLOCK_MONOTONIC.
    since: u64,
    taken_up_again: bool,
    parallel: usize,
}

fn restart_all(
    places: &Places,
    systemd: &mut Systemd,
    how: Restarts,
    report: &mut Report,
) -> Result<()> {
    let mut running = Vec::new();
    for service in systemd.services()? {
        running.push(look_at(places, systemd, &service)?);
    }
    let mut to_restart = Vec::new();
    for step in plan::steps(running, how.offer, how.since, how.taken_up_again) {
        match step {
            Step::Leave(container) => report.containers.push(container),
            Step::Restart(service) => to_restart.push(service),
        }
    }
    let restarted = restart::restart(systemd, to_restart, how.parallel, how.since)?;
    if restarted.system_is_stopping {
        report.outcome = Outcome::ShuttingDown;
    }
    report.containers.extend(restarted.containers);
    report.containers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

fn look_at(places: &Places, systemd: &mut Systemd, service: &ServiceState) -> Result<Running> {
    let details = systemd.details(service)?;
    let state = places.state_of(&service.name);
    let pinned = details.wants.iter().any(|unit| unit == place::BASE_UNIT);
    Ok(Running {
        name: service.name.clone(),
        unit: service.unit.clone(),
        loaded: service.load == "loaded",
        pinned,
        held: lower::held(&state)?,
        running: service.is_running(),
        intact: pinned || Path::new(&details.root_directory) == service.name.root(),
        start_began: details.start_began,
        requires: details.requires,
    })
}

/// Looks at every process of every container that is running now.
///
/// # Errors
/// When systemd does not answer or a process cannot be read.
pub fn verify(places: &Places, systemd: &mut Systemd) -> Result<Verified> {
    let mut scanner = Scanner::new(&places.bases)?;
    let mut verified = Verified::default();
    for service in systemd
        .services()?
        .into_iter()
        .filter(ServiceState::is_running)
    {
        let group = systemd.control_group(&service)?;
        let scan = scanner.scan(&service.name, &group)?;
        verified.processes += scan.processes;
        // What is held is on old code because somebody wants it to be; the report says so.
        if lower::held(&places.state_of(&service.name))?.is_some() {
            continue;
        }
        verified
            .stale
            .extend(scan.stale.into_iter().map(|process| Stale {
                container: service.name.to_string(),
                pid: process.pid,
                path: process.path,
            }));
    }
    Ok(verified)
}

/// Writes the report, then the baseline, then takes the refresh off the disk: in this order nothing is lost at any moment.
fn finish(places: &Places, mut report: Report, baseline: Option<Database>) -> Result<Report> {
    report.finished = now_rfc3339();
    report.write(&places.refreshes())?;
    if let Some(baseline) = baseline.filter(|_| report.outcome != Outcome::ShuttingDown) {
        state_file::write(&places.baseline(), &baseline)?;
    }
    state_file::remove(&places.refreshing())?;
    Ok(report)
}

fn boot_id() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    let id = fs::read_to_string(path).with_context(|| format!("cannot read '{path}'"))?;
    Ok(id.trim().to_owned())
}

fn monotonic_microseconds() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).context("cannot read CLOCK_MONOTONIC")?;
    // Neither is negative on this clock.
    let (seconds, nanoseconds) = (now.tv_sec().unsigned_abs(), now.tv_nsec().unsigned_abs());
    Ok(seconds * 1_000_000 + nanoseconds / 1000)
}

fn now_rfc3339() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
