//! dpkg at work in; a host that is at rest, and a base of that state, out.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

use super::places::Places;
use super::under_way::UnderWay;
use crate::base::Bases;
use crate::base::record::Record;
use crate::dpkg::{Database, lock};
use crate::place;
use crate::state_file;
use crate::systemd::Systemd;

/// How often a base is asked for that is of dpkg's present state, when nobody is at work.
const MOST_TRIES: usize = 5;

/// What a refresh has to offer: pinned bases cannot be made on a full disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// The host's present code, and a base with it.
    Everything,
    /// The live host only.
    NoBase,
}

/// What a refresh works with.
pub(super) struct Settled {
    pub offer: Offer,
    /// dpkg's database as it was when the base was made, or is now if none could be.
    pub now: Database,
}

/// Returns once no front end is at work, no shutdown is about to begin, no mark of an earlier one is left, and there is a base of
/// that state. A mark that comes later means another refresh.
///
/// The base comes before the mark goes: as long as there is one, a start of a container sees to the base itself.
pub(super) fn wait_for_dpkg(
    places: &Places,
    systemd: &mut Systemd,
    under_way: &mut UnderWay,
) -> Result<Settled> {
    let mut tries = 0;
    loop {
        lock::wait_until_free(&places.admindir)?;
        systemd.wait_out_announced_shutdown()?;
        let before = Database::read(&places.admindir)?;
        let is_stopping = systemd.is_stopping()?;
        let mut offer = match is_stopping {
            true => Offer::NoBase,
            false => renew_base(systemd)?,
        };
        if let Some(boot) = read_mark(&places.pending())? {
            under_way.marked_in = Some(boot).filter(|boot| !boot.is_empty());
            state_file::write(&places.refreshing(), under_way)?;
        }
        state_file::remove(&places.pending())?;
        let now = Database::read(&places.admindir)?;
        // dpkg may have been at work while the base was made, and then there is none of its present state.
        let is_old = match offer {
            Offer::Everything => {
                now.unfinished().is_empty()
                    && base_record(places)?.is_some_and(|base| base.packages != now)
            }
            Offer::NoBase => !is_stopping && before != now,
        };
        // Only tries at one and the same state count: another dpkg that comes in between is no failure.
        tries = match before == now {
            true => tries + 1,
            false => 0,
        };
        if lock::is_held(&places.admindir)? || (is_old && tries < MOST_TRIES) {
            continue;
        }
        if is_old {
            tracing::error!("no base of dpkg's present state was made in {MOST_TRIES} tries");
            offer = Offer::NoBase;
        }
        return Ok(Settled { offer, now });
    }
}

/// What is known of the current base; `None` if there is none.
fn base_record(places: &Places) -> Result<Option<Record>> {
    let bases = Bases::at(places.bases.clone());
    match bases.current()? {
        Some(number) => bases.record(number).map(Some),
        None => Ok(None),
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
