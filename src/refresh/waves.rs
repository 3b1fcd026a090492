//! Containers that are to be restarted in; the waves they are restarted in, out. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use super::plan::{Candidate, Planned, Rules, Wave};
use crate::container::update::DEFAULT_WAVE;

/// The wave that a container asks for.
pub fn wave_of(candidate: &Candidate) -> &str {
    candidate.wave.as_deref().unwrap_or(DEFAULT_WAVE)
}

/// The names of the waves that candidates ask for, in their order.
fn names<'a>(candidates: &'a [Candidate], rules: &Rules) -> Vec<&'a str> {
    let names: BTreeSet<&str> = candidates.iter().map(wave_of).collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|name| rules.settings.wave_order(name));
    names
}

/// The waves there are, and which of them each container is in.
#[derive(Debug)]
pub struct Order<'a> {
    names: Vec<&'a str>,
    /// The place of a container's wave among the names, by the container's name.
    places: BTreeMap<&'a str, usize>,
}

impl<'a> Order<'a> {
    /// The order of `candidates`. What a container requires comes no later than itself.
    pub fn of(candidates: &'a [Candidate], rules: &Rules) -> Self {
        let names = names(candidates, rules);
        let place = |candidate: &Candidate| {
            let wave = wave_of(candidate);
            let place = names.iter().position(|name| *name == wave);
            place.unwrap_or(names.len())
        };
        let mut places: BTreeMap<&str, usize> = candidates
            .iter()
            .map(|candidate| (candidate.name.as_str(), place(candidate)))
            .collect();
        let by_unit: BTreeMap<&str, &Candidate> = candidates
            .iter()
            .map(|candidate| (candidate.unit.as_str(), candidate))
            .collect();
        // Places only go down, so this comes to an end, circles or not.
        let mut look_at: Vec<&Candidate> = candidates.iter().collect();
        while let Some(dependent) = look_at.pop() {
            let place = places[dependent.name.as_str()];
            let required = dependent.requires.iter();
            for required in required.filter_map(|unit| by_unit.get(unit.as_str())) {
                if places[required.name.as_str()] > place {
                    places.insert(&required.name, place);
                    look_at.push(required);
                }
            }
        }
        Self { names, places }
    }

    /// The place of a container's wave.
    pub fn place(&self, candidate: &Candidate) -> usize {
        let place = self.places.get(candidate.name.as_str()).copied();
        place.unwrap_or(self.names.len())
    }

    /// The name of the wave that a container is in, whatever it asks for.
    pub fn name(&self, candidate: &Candidate) -> &'a str {
        let name = self.names.get(self.place(candidate)).copied();
        name.unwrap_or(DEFAULT_WAVE)
    }
}

/// The waves of `ready`: by their places, then what is required or comes before first, then no wider than the rules say.
pub fn waves(ready: &[&Candidate], order: &Order, rules: &Rules) -> Vec<Wave> {
    let mut by_place: BTreeMap<usize, Vec<&Candidate>> = BTreeMap::new();
    for candidate in ready {
        let place = order.place(candidate);
        by_place.entry(place).or_default().push(candidate);
    }
    let mut waves = Vec::new();
    for members in by_place.into_values() {
        let name = members
            .first()
            .map_or(DEFAULT_WAVE, |first| order.name(first));
        let width = rules.settings.width_of(name).map(NonZeroUsize::get);
        for level in levels(members) {
            for chunk in level.chunks(width.unwrap_or(level.len()).max(1)) {
                waves.push(Wave {
                    name: name.to_owned(),
                    containers: chunk.iter().map(|member| planned(member)).collect(),
                });
            }
        }
    }
    waves
}

fn planned(candidate: &Candidate) -> Planned {
    Planned {
        name: candidate.name.clone(),
        reasons: candidate.reasons.clone(),
    }
}

/// Each level holds what needs nothing that is in a later one; a circle is one level.
fn levels(mut members: Vec<&Candidate>) -> Vec<Vec<&Candidate>> {
    members.sort_by(|one, two| one.name.cmp(&two.name));
    let mut levels = Vec::new();
    while !members.is_empty() {
        let units: BTreeSet<&str> = members.iter().map(|member| member.unit.as_str()).collect();
        let is_free = |member: &&Candidate| {
            let mut before = member.requires.iter().chain(&member.after);
            !before.any(|unit| *unit != member.unit && units.contains(unit.as_str()))
        };
        let (free, rest): (Vec<_>, Vec<_>) = members.iter().copied().partition(is_free);
        if free.is_empty() {
            levels.push(rest);
            break;
        }
        levels.push(free);
        members = rest;
    }
    levels
}
