//! Every reference between containers and what is known of each container in; the containers that must not be made, and why, out.

use std::collections::{BTreeMap, BTreeSet};

use super::cycles::cycles;
use super::{Reference, Relation};
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

/// What there is to say of references, by their numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The containers that say so must not be made.
    pub refused: Vec<(usize, Fault)>,
    /// They can do without, but hardly should.
    pub warned: Vec<(usize, Fault)>,
}

/// What is wrong with `references`, each with the number of the file it is in.
///
/// What requires a refused container is refused too, with the reason, and so on along the chain.
pub fn check(references: &[(usize, &Reference)], known: &KnownUnits) -> Verdict {
    let mut verdict = Verdict::default();
    let mut meant = Meant::default();
    for (index, (_, reference)) in references.iter().enumerate() {
        match broken(reference, known, &mut meant) {
            Some((fault, true)) => verdict.refused.push((index, fault)),
            Some((fault, false)) => verdict.warned.push((index, fault)),
            None => {}
        }
    }
    verdict.refused.extend(cycles(references, known));
    let mut refused = BTreeMap::new();
    for (index, fault) in &verdict.refused {
        refused
            .entry(references[*index].0)
            .or_insert_with(|| fault.message.clone());
    }
    verdict
        .refused
        .extend(dependents(references, known, refused));
    verdict
}

/// What was probably meant by names that nobody has. A drop-in for all, or a template, says one name ten thousand times, and each look
/// at as many that there are takes long.
#[derive(Debug, Default)]
struct Meant<'k>(BTreeMap<String, Option<&'k str>>);

impl<'k> Meant<'k> {
    /// For the first few names; whoever has more of them wrong knows by then what it is.
    fn by(&mut self, name: &str, known: &'k KnownUnits) -> Option<&'k str> {
        const MOST: usize = 20;
        if let Some(meant) = self.0.get(name) {
            return *meant;
        }
        if self.0.len() >= MOST {
            return None;
        }
        let names = known.values().map(|known| known.name.as_str());
        let meant = did_you_mean(name, names);
        self.0.insert(name.to_owned(), meant);
        meant
    }
}

/// The fault of one reference on its own, and whether the container cannot be made with it.
fn broken<'k>(
    reference: &Reference,
    known: &'k KnownUnits,
    meant: &mut Meant<'k>,
) -> Option<(Fault, bool)> {
    let to = &reference.to;
    let verb = reference.relation.verb();
    // Who only wants something runs without it.
    let needed = reference.relation == Relation::Requires;
    let template = to
        .container
        .as_ref()
        .and_then(|name| name.template())
        .map(|template| format!("lodger-{template}.service"));
    let found = known.get(&to.unit).or_else(|| known.get(&template?));
    let fault = |message| Fault::new(rule::REFERENCE, message);
    let Some(Known { name, state }) = found else {
        let name = to.container.as_ref()?;
        let message = format!(
            "{verb} {}, and no file makes a container of that name",
            quote(name.as_str())
        );
        let fault = match meant.by(name.as_str(), known) {
            Some(meant) => fault(message).suggest(Some(meant)),
            None => fault(message).help("a unit is written with its suffix"),
        };
        return Some((fault, true));
    };
    match state {
        State::Good(_) => None,
        State::Refused(why) => {
            let message = format!("{verb} {}, which is refused: {why}", quote(name));
            Some((fault(message), needed))
        }
        State::Masked(mask) => {
            let message = format!("{verb} {}, which is masked by {}", quote(name), quote(mask));
            Some((fault(message), needed))
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
    let requires = references
        .iter()
        .enumerate()
        .filter(|(_, (_, reference))| reference.relation == Relation::Requires);
    for (index, (_, reference)) in requires {
        if let Some(Known {
            name,
            state: State::Good(file),
        }) = known.get(&reference.to.unit)
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
