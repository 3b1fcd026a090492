//! The plan of a refresh: the containers that are due, and the host's rules, in; waves, and what is left with the reason, out.
//! Pure.
//!
//! Waves have names and come in the order of the settings. Within a name, what a container requires or comes after is in an
//! earlier wave than itself, and no wave is wider than it may be. A restart takes those along that require the container; so
//! what a container requires moves up to the container's own wave, and is put off with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::reason::Reason;
use super::waves::{Order, wave_of, waves};
use super::windows::Windows;
use crate::settings::{OnFailure, Settings};

mod hindrance;
pub mod told;

pub use hindrance::Hindrance;

/// A container that is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The container.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Why it is due.
    pub reasons: Vec<Reason>,
    /// Its `update.wave`.
    pub wave: Option<String>,
    /// The units it requires.
    pub requires: Vec<String>,
    /// The units it comes after.
    pub after: Vec<String>,
    /// What keeps it from being restarted, whatever the waves are.
    pub hindrance: Option<Hindrance>,
    /// Whether its restart failed in an earlier refresh, and nothing has become of it since.
    pub failed: bool,
    /// Whether a window that is closed does not count for it.
    pub ignores_windows: bool,
}

/// The host's rules.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// The order and width of waves, and what a failure means for those after it.
    pub settings: &'a Settings,
    /// Which waves have a window that is closed.
    pub windows: Windows,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// One after the other.
    pub waves: Vec<Wave>,
    /// Those that are due and left as they are.
    pub left: Vec<Left>,
}

impl Plan {
    /// The wave that the container `name` is in.
    pub fn wave_of(&self, name: &str) -> Option<&Wave> {
        let mut waves = self.waves.iter();
        waves.find(|wave| wave.containers.iter().any(|planned| planned.name == name))
    }
}

/// Containers that are restarted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// `canary`, `default` ...; several waves may have one name.
    pub name: String,
    /// Those in it.
    pub containers: Vec<Planned>,
}

/// A container that is to be restarted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The container.
    pub name: String,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A container that is due and left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The container.
    pub name: String,
    /// Why it is due.
    pub reasons: Vec<Reason>,
    /// Why it is left.
    pub hindrance: Hindrance,
}

impl Left {
    /// One that nothing is known of but that there is no base to look at it for.
    pub fn without_base(name: String) -> Self {
        Self {
            name,
            reasons: Vec::new(),
            hindrance: Hindrance::NoBase,
        }
    }
}

/// The plan for `candidates`.
pub fn plan(candidates: &[Candidate], rules: &Rules) -> Plan {
    let order = Order::of(candidates, rules);
    let mut hindrances: BTreeMap<&str, Hindrance> = BTreeMap::new();
    for candidate in candidates {
        if let Some(hindrance) = own_hindrance(candidate, rules) {
            hindrances.insert(&candidate.name, hindrance);
        }
    }
    if rules.settings.on_failure == OnFailure::Stop {
        stop_after_failures(candidates, &order, &mut hindrances);
    }
    put_off_what_is_required(candidates, &mut hindrances);
    let ready = candidates
        .iter()
        .filter(|candidate| !hindrances.contains_key(candidate.name.as_str()));
    let ready: Vec<&Candidate> = ready.collect();
    let left = candidates.iter().filter_map(|candidate| {
        Some(Left {
            name: candidate.name.clone(),
            reasons: candidate.reasons.clone(),
            hindrance: hindrances.get(candidate.name.as_str())?.clone(),
        })
    });
    Plan {
        waves: waves(&ready, &order, rules),
        left: left.collect(),
    }
}

fn own_hindrance(candidate: &Candidate, rules: &Rules) -> Option<Hindrance> {
    if let Some(hindrance) = &candidate.hindrance {
        return Some(hindrance.clone());
    }
    let wave = wave_of(candidate);
    let opens = rules.windows.closed.get(wave)?;
    (!candidate.ignores_windows).then(|| Hindrance::Window {
        wave: wave.to_owned(),
        opens: opens.clone(),
    })
}

/// Waves that come after the one of a container that has failed do not start, unless that is tried again itself: then they do
/// if it becomes ready.
fn stop_after_failures<'a>(
    candidates: &'a [Candidate],
    order: &Order,
    hindrances: &mut BTreeMap<&'a str, Hindrance>,
) {
    let is_left = |candidate: &&Candidate| hindrances.contains_key(candidate.name.as_str());
    let failed = candidates.iter().filter(|candidate| candidate.failed);
    let failed = failed.filter(is_left);
    let Some(first) = failed.min_by_key(|candidate| order.place(candidate)) else {
        return;
    };
    for candidate in candidates {
        if order.place(candidate) > order.place(first) {
            let wave = order.name(first).to_owned();
            let container = first.name.clone();
            hindrances
                .entry(&candidate.name)
                .or_insert(Hindrance::Wave { wave, container });
        }
    }
}

/// A restart of what others require takes these along: so it waits as long as they do.
fn put_off_what_is_required<'a>(
    candidates: &'a [Candidate],
    hindrances: &mut BTreeMap<&'a str, Hindrance>,
) {
    let by_unit: BTreeMap<&str, &Candidate> = candidates
        .iter()
        .map(|candidate| (candidate.unit.as_str(), candidate))
        .collect();
    let is_delayed = |hindrances: &BTreeMap<&str, Hindrance>, candidate: &Candidate| {
        let hindrance = hindrances.get(candidate.name.as_str());
        hindrance.is_some_and(Hindrance::is_delay)
    };
    let mut look_at: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| is_delayed(hindrances, candidate))
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(dependent) = look_at.pop() {
        if !seen.insert(dependent.name.as_str()) {
            continue;
        }
        let required = dependent.requires.iter();
        for required in required.filter_map(|unit| by_unit.get(unit.as_str())) {
            let container = dependent.name.clone();
            hindrances
                .entry(&required.name)
                .or_insert(Hindrance::Dependent { container });
            look_at.push(required);
        }
    }
}

#[cfg(test)]
mod tests;
