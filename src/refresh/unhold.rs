//! A container that refreshes leave, or that is held on a base, in; it free again, and a refresh on its way if it is due, out.

use std::time::SystemTime;

use anyhow::Result;

use super::hold::{self, Hold};
use super::pending::Pending;
use super::places::Places;
use crate::container::Name;
use crate::hold as base_hold;
use crate::rollback;
use crate::root::lower;

/// What was taken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unheld {
    /// The number of the base it was held on.
    pub base: Option<String>,
    /// Whether it had a hold of its own.
    pub hold: bool,
    /// The hold of all containers, which still stands for it.
    pub still: Option<Hold>,
    /// Whether it is due: a refresh takes it up at once.
    pub due: bool,
}

/// Returns only if there is such a container, or something of one whose file is gone: what is misspelt is not let go.
///
/// # Errors
/// When there is neither.
pub fn require_known(places: &Places, name: &Name) -> Result<()> {
    match places.state_of(name).exists() {
        true => Ok(()),
        false => rollback::installed(name).map(drop),
    }
}

/// Lets refreshes restart the container `name` again, and lets it follow the current base.
///
/// # Errors
/// When a hold stays, or what refreshes have written cannot be read.
pub fn unhold(places: &Places, name: &Name) -> Result<Unheld> {
    let state = places.state_of(name);
    let base = lower::held(&state)?;
    if base.is_some() {
        hold::release(places, name)?;
        base_hold::let_go(&state)?;
    }
    let hold = hold::take_off(places, Some(name))?;
    let still = hold::of(places, name, SystemTime::now())?;
    let is_free = (base.is_some() || hold) && still.is_none();
    let due = is_free && Pending::may_be_due(places, Some(name));
    if due {
        places.mark()?;
    }
    Ok(Unheld {
        base,
        hold,
        still,
        due,
    })
}

/// Takes off the hold of all containers, and no other. Whether there was one, and whether anything is due that a refresh takes up
/// now.
///
/// # Errors
/// When it stays, or what refreshes have written cannot be read.
pub fn unhold_all(places: &Places) -> Result<(bool, bool)> {
    let was_there = hold::take_off(places, None)?;
    let due = was_there && Pending::may_be_due(places, None);
    if due {
        places.mark()?;
    }
    Ok((was_there, due))
}
