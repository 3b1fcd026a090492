//! What happens once dpkg has finished: the mark its hooks left in, every affected container on the new code and a record
//! out.
//!
//! ```text
//! mark -> lock is free -> base -> what changed -> who is affected -> plan -> waves -> every process -> record
//!         dpkg::lock              change          look, affected     plan    wave     verify           report
//! ```
//!
//! Who is affected is on disk ([`pending`]) before the baseline moves on, and a container leaves that set only once it has
//! started after the change. The mark is taken away only once `refreshing.json` is on disk, and that only once the record is.
//! So whenever lodgerd is killed, the next one takes the refresh up again; what has started since the change is left alone, so
//! doing it twice does no harm.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

pub mod affected;
mod candidates;
mod carry_out;
pub mod change;
mod cut_short;
mod dependents;
pub mod history;
pub mod hold;
pub mod interpreter;
mod later;
mod look;
mod meanwhile;
pub mod moment;
pub mod pending;
pub mod places;
pub mod plan;
pub mod present;
pub mod proof;
pub mod reason;
mod recorded;
pub mod report;
mod settled;
pub mod standing;
mod take_back;
mod under_way;
pub mod unhold;
mod verify;
mod wave;
mod waves;
mod why_failed;
mod windows;

use crate::base::Bases;
use crate::container::{Container, installed};
use crate::dpkg::{Change, Database};
use crate::place;
use crate::root::sweep;
use crate::settings::Settings;
use crate::state_file;
use crate::systemd::Systemd;
use cut_short::restart_cut_short;
use look::Changed;
use moment::{Moment, boot_id, now_rfc3339};
use pending::Pending;
use places::{Baseline, LiveHost};
use plan::Left;
use report::{Action, ContainerReport, Outcome, Report, Verified};
use settled::{Settled, wait_for_dpkg};
use under_way::take_up;

pub use places::Places;
pub use present::{Present, plan_now, present};
pub use settled::Offer;
pub use under_way::UnderWay;
pub use verify::verify;
pub use why_failed::why_failed;

/// Who hears of a refresh while it goes on.
pub trait Observer {
    /// It begins, with this plan.
    fn begins(&mut self, _number: u64, _plan: &plan::Plan) {}
    /// A container has come to an end in it: `restarted`, `failed`, `rolled-back` ...
    fn container(&mut self, _number: u64, _name: &str, _action: report::Action) {}
}

/// Nobody does.
impl Observer for () {}

/// One refresh, with all that it works on.
struct Refresh<'a> {
    places: &'a Places,
    systemd: &'a mut Systemd,
    settings: &'a Settings,
    observer: &'a mut dyn Observer,
    under_way: UnderWay,
    boot: String,
    containers: BTreeMap<String, Container>,
    pending: Pending,
    report: Report,
}

/// Runs one refresh: waits for dpkg, restarts what is affected in waves, verifies, records. `None` if there was nothing to do.
///
/// # Errors
/// When dpkg's state or systemd cannot be read, or the outcome cannot be written. What was done until then stays done, and
/// the next call takes the refresh up again.
pub fn refresh(
    places: &Places,
    systemd: &mut Systemd,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Option<Report>> {
    let mut under_way = take_up(places)?;
    restart_cut_short(places, systemd, &under_way)?;
    let settled = wait_for_dpkg(places, systemd, &mut under_way)?;
    let refresh = Refresh {
        places,
        systemd: &mut *systemd,
        settings,
        observer,
        boot: boot_id()?,
        containers: installed_containers(places),
        pending: Pending::read_or_set_aside(places)?,
        report: Report {
            waves: under_way.waves.clone(),
            containers: under_way.containers.clone(),
            ..Report::new(under_way.number, &under_way.started)
        },
        under_way,
    };
    let report = refresh.run(settled)?;
    let is_over = |report: &Report| report.outcome != Outcome::ShuttingDown;
    if report.as_ref().is_none_or(is_over) {
        remove_old_bases(places, systemd, settings);
    }
    Ok(report)
}

/// Has those removed that containers have left by now. Nobody waits for that.
fn remove_old_bases(places: &Places, systemd: &mut Systemd, settings: &Settings) {
    let numbers = Bases::at(places.bases.clone()).numbers();
    let are_more = |numbers: Vec<_>| numbers.len() > settings.keep.get();
    // If it is not known, that service says why.
    if numbers.map_or(true, are_more)
        && let Err(cause) = systemd.start(place::PRUNE_UNIT)
    {
        tracing::warn!("old bases are not removed: {cause:#}");
    }
}

impl Refresh<'_> {
    fn run(mut self, settled: Settled) -> Result<Option<Report>> {
        let Settled { offer, now } = settled;
        if self.systemd.is_stopping()? {
            return self.end(Outcome::ShuttingDown);
        }
        self.finish_way_back()?;
        self.report.unfinished = now.unfinished();
        if !self.report.unfinished.is_empty() {
            return self.end(Outcome::UnfinishedPackages);
        }
        self.start_dependents_of_interrupted()?;
        let had_changed = self.find_affected(now, offer)?;
        let candidates = self.candidates(offer)?;
        let is_new = self.report.containers.is_empty() && !had_changed;
        if is_new && candidates.due.is_empty() && candidates.without_base.is_empty() {
            self.pending.write(self.places)?;
            state_file::remove(&self.places.refreshing())?;
            return Ok(None);
        }
        let mut plan = plan::plan(&candidates.due, &candidates.rules);
        let without_base = candidates.without_base.into_iter();
        plan.left.extend(without_base.map(Left::without_base));
        self.announce(&plan)?;
        self.carry_out(&plan, &candidates.due, candidates.rules)?;
        self.report.verified = self.verified()?;
        if let Err(cause) = sweep::sweep(Path::new(place::MASKS)) {
            tracing::warn!("cannot remove mask layers that are not in use: {cause:#}");
        }
        if self.report.outcome == Outcome::ShuttingDown {
            return self.end(Outcome::ShuttingDown);
        }
        let outcome = match self.report.is_good() {
            true => Outcome::Done,
            false => Outcome::Failed,
        };
        self.end(outcome)
    }

    /// Adds the containers that a change since the baseline affects to the pending set, and moves the baseline on. Whether
    /// anything had changed.
    fn find_affected(&mut self, now: Database, offer: Offer) -> Result<bool> {
        let baseline = read_baseline(self.places);
        let before = baseline.as_ref().map(|baseline| &baseline.database);
        let packages = match before {
            Some(before) => changes(before, &now),
            None => Vec::new(),
        };
        let known = baseline
            .as_ref()
            .filter(|baseline| !baseline.is_due_unknown);
        if known.is_some() && packages.is_empty() {
            // Those of the refresh that was interrupted, if one was.
            self.report.packages = self.under_way.packages.clone();
            return Ok(!self.report.packages.is_empty());
        }
        let current = self.places.current_base();
        tracing::info!(
            packages = packages.len(),
            refresh = self.under_way.number,
            "looking for the containers that are affected"
        );
        self.under_way.packages = packages.clone();
        self.report.packages = packages;
        state_file::write(&self.places.refreshing(), &self.under_way)?;
        let since = self.since()?;
        let live_since = baseline
            .as_ref()
            .and_then(|baseline| baseline.live_host.clone());
        let live_since = live_since.filter(|live| live.database == now);
        let live_since = live_since.map_or_else(|| since.clone(), |live| live.since);
        let changed = match known {
            Some(baseline) => self.changed(baseline.base.as_deref(), current.as_deref(), offer)?,
            None => Changed::Unknown,
        };
        self.look(&changed, &since, &live_since, offer)?;
        self.pending.write(self.places)?;
        let baseline = match offer {
            Offer::Everything => Some(Baseline {
                base: current,
                is_due_unknown: false,
                live_host: None,
                database: now,
            }),
            // What could not be offered is part of the next refresh.
            Offer::NoBase => baseline.map(|before| Baseline {
                live_host: Some(LiveHost {
                    since: live_since,
                    database: now,
                }),
                ..before
            }),
        };
        if let Some(baseline) = baseline {
            state_file::write(&self.places.baseline(), &baseline)?;
        }
        Ok(true)
    }

    /// Since when the change is complete: now. One that was marked in an earlier boot was there before anything that runs now.
    fn since(&self) -> Result<Moment> {
        let marked_in = self.under_way.marked_in.as_ref();
        match marked_in.is_some_and(|boot| *boot != self.boot) {
            true => Ok(Moment {
                boot: self.boot.clone(),
                microseconds: 0,
            }),
            false => Moment::now(),
        }
    }

    /// Tells everybody of the plan before anything happens.
    fn announce(&mut self, plan: &plan::Plan) -> Result<()> {
        let number = self.under_way.number;
        for (at, wave) in plan.waves.iter().enumerate() {
            let names: Vec<&str> = wave
                .containers
                .iter()
                .map(|planned| planned.name.as_str())
                .collect();
            tracing::info!(
                refresh = number,
                wave = wave.name,
                "wave {} of {}, '{}': {}",
                at + 1,
                plan.waves.len(),
                wave.name,
                names.join(" ")
            );
        }
        for left in &plan.left {
            tracing::info!(
                refresh = number,
                container = left.name,
                "{} is left as it is: {}",
                left.name,
                left.hindrance
            );
        }
        self.under_way.plan = Some(plan.clone());
        state_file::write(&self.places.refreshing(), &self.under_way)?;
        self.observer.begins(number, plan);
        Ok(())
    }

    /// Every process of every container once more. What is left, skipped or put off is not expected to be on the new code.
    fn verified(&mut self) -> Result<Verified> {
        let containers = self.report.containers.iter();
        let left: BTreeMap<&str, &ContainerReport> = containers
            .map(|container| (container.name.as_str(), container))
            .collect();
        let is_wanted = |container: &&&ContainerReport| {
            matches!(container.action, Action::Skipped | Action::PutOff)
        };
        verify(self.places, self.systemd, |name| {
            let container = left.get(name).filter(is_wanted)?;
            container.reason.clone()
        })
    }

    /// Writes the record and the pending set, then takes the refresh off the disk: in this order nothing is lost at any moment.
    fn end(mut self, outcome: Outcome) -> Result<Option<Report>> {
        self.report.outcome = outcome;
        self.report.finished = now_rfc3339();
        self.report
            .containers
            .sort_by(|one, two| one.name.cmp(&two.name));
        self.report.write(&self.places.refreshes())?;
        self.pending.write(self.places)?;
        if outcome != Outcome::ShuttingDown {
            later::come_back(self.systemd, self.places, &self.report);
        }
        state_file::remove(&self.places.refreshing())?;
        Ok(Some(self.report))
    }
}

/// Those whose files have no mistake, by name.
fn installed_containers(places: &Places) -> BTreeMap<String, Container> {
    let installed = installed::read(&places.prefix);
    let files = installed.good.into_iter();
    files
        .flat_map(|file| file.containers)
        .map(|container| (container.name.to_string(), container))
        .collect()
}

fn read_baseline(places: &Places) -> Option<Baseline> {
    let baseline = state_file::read(&places.baseline()).unwrap_or_else(|cause| {
        tracing::warn!("{cause:#}");
        None
    });
    if baseline.is_none() {
        tracing::warn!("there is no baseline, so every running container counts as affected");
    }
    baseline
}

/// The packages that changed. No container runs anything of lodger's, and an upgrade of lodger is to keep them running.
fn changes(before: &Database, now: &Database) -> Vec<Change> {
    let mut changes = before.changes(now);
    changes.retain(|change| change.name != env!("CARGO_PKG_NAME"));
    changes
}
