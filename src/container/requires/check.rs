//! Every reference between containers and what is known of each container in; the containers that must not be made, and why, out.

use std::collections::{BTreeMap, BTreeSet};

use super::Reference;
use super::cycles::cycles;
use crate::diagnostic::{Fault, did_you_mean, quote, rule};

/// A container that some file names, by the name of its unit.
pub type KnownUnits = BTreeMap<String, Known>;

/// What is known of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its name, or `web@` for a file whose instances cannot be known.
    pub name: String,
    /// What becomes of it.
    pub state: State,
}

/// What becomes of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is good, and made by the file of this number: with one container of a file all are refused.
    Good(usize),
    /// It is refused: the first reason, on one line.
    Refused(String),
    /// A file that makes nothing: the path of the mask.
    Masked(String),
}

/// The faults of `references`, each with the number of the file it is in, as indices of `references`.
///
/// What requires a refused container is refused too, with the reason, and so on along the chain.
pub fn check(references: &[(usize, &Reference)], known: &KnownUnits) -> Vec<(usize, Fault)> {
    let mut faults: Vec<_> = references
        .iter()
        .enumerate()
        .filter_map(|(index, (_, reference))| Some((index, broken(reference, known)?)))
        .collect();
    faults.extend(cycles(references, known));
    let mut refused = BTreeMap::new();
    for (index, fault) in &faults {
        refused
            .entry(references[*index].0)
            .or_insert_with(|| fault.message.clone());
    }
    faults.extend(dependents(references, known, refused));
    faults
}

/// The fault of one reference on its own.
fn broken(reference: &Reference, known: &KnownUnits) -> Option<Fault> {
    let template = reference
        .container
        .as_ref()
        .and_then(|name| name.template())
        .map(|template| format!("lodger-{template}.service"));
    let found = known.get(&reference.unit).or_else(|| known.get(&template?));
    match (found, &reference.container) {
        (
            Some(Known {
                state: State::Good(_),
                ..
            }),
            _,
        )
        | (None, None) => None,
        (
            Some(Known {
                name,
                state: State::Refused(why),
            }),
            _,
        ) => Some(Fault::new(
            rule::REFERENCE,
            format!("requires {}, which is refused: {why}", quote(name)),
        )),
        (
            Some(Known {
                name,
                state: State::Masked(mask),
            }),
            _,
        ) => Some(Fault::new(
            rule::REFERENCE,
            format!(
                "requires {}, which is masked by {}",
                quote(name),
                quote(mask)
            ),
        )),
        (None, Some(name)) => {
            let message = format!(
                "requires {}, and no file makes a container of that name",
                quote(name.as_str())
            );
            let names = known.values().map(|known| known.name.as_str());
            let fault = Fault::new(rule::REFERENCE, message);
            Some(match did_you_mean(name.as_str(), names) {
                Some(meant) => fault.suggest(Some(meant)),
                None => fault.help("a unit is written with its suffix"),
            })
        }
    }
}

/// The references whose own file is good so far but lead into one of `refused`, along any chain.
fn dependents(
    references: &[(usize, &Reference)],
    known: &KnownUnits,
    refused: BTreeMap<usize, String>,
) -> Vec<(usize, Fault)> {
    let mut users: BTreeMap<usize, Vec<(usize, &str)>> = BTreeMap::new();
    for (index, (_, reference)) in references.iter().enumerate() {
        if let Some(Known {
            name,
            state: State::Good(file),
        }) = known.get(&reference.unit)
        {
            users.entry(*file).or_default().push((index, name));
        }
    }
    let mut told: BTreeSet<usize> = refused.keys().copied().collect();
    let mut front: Vec<(usize, String)> = refused.into_iter().collect();
    let mut faults = Vec::new();
    while let Some((file, why)) = front.pop() {
        for &(index, name) in users.get(&file).into_iter().flatten() {
            let user = references[index].0;
            if told.insert(user) {
                let message = format!("requires {}, which is refused: {why}", quote(name));
                faults.push((index, Fault::new(rule::REFERENCE, message)));
                front.push((user, why.clone()));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests;
