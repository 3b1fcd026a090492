//! Every reference between containers and what is known of each container in; the containers that must not be made, and why, out.

use std::collections::{BTreeMap, BTreeSet};

use super::Reference;
use crate::diagnostic::{Fault, did_you_mean, quote, rule};

/// How many circles are told with the way round.
const MOST_WAYS: usize = 100;

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
            let help = match did_you_mean(
                name.as_str(),
                known.values().map(|known| known.name.as_str()),
            ) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "a unit is written with its suffix".to_owned(),
            };
            Some(Fault::new(rule::REFERENCE, message).help(help))
        }
    }
}

/// For each reference that closes a circle: the way round, from its own container back to it.
fn cycles(references: &[(usize, &Reference)], known: &KnownUnits) -> Vec<(usize, Fault)> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, reference) in references {
        if let Some(Known { name, .. }) = known.get(&reference.unit) {
            next.entry(reference.from.as_str()).or_default().push(name);
        }
    }
    let component = components(&next);
    let mut faults = Vec::new();
    for (index, (_, reference)) in references.iter().enumerate() {
        let from = reference.from.as_str();
        let Some(to) = known.get(&reference.unit).map(|known| known.name.as_str()) else {
            continue;
        };
        if from == to {
            faults.push((
                index,
                Fault::new(rule::CYCLE, format!("{} requires itself", quote(from))),
            ));
        } else if component.contains_key(from) && component.get(from) == component.get(to) {
            let way = if faults.len() < MOST_WAYS {
                way_back(&next, &component, to, from)
            } else {
                None
            };
            let way = way.unwrap_or_else(|| vec![to, "...", from]);
            let message = format!(
                "containers require each other: {from} -> {}",
                way.join(" -> ")
            );
            faults.push((index, Fault::new(rule::CYCLE, message)));
        }
    }
    faults
}

/// Which containers can reach each other: Tarjan's strongly connected components, without recursion, since a chain may be as
/// long as there are containers.
fn components<'a>(next: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeMap<&'a str, usize> {
    let (mut order, mut low, mut component) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut open: Vec<&str> = Vec::new();
    for &start in next.keys() {
        let mut path = vec![(start, 0)];
        while let Some((node, edge)) = path.pop() {
            if edge == 0 {
                if order.contains_key(node) {
                    continue;
                }
                low.insert(node, order.len());
                order.insert(node, order.len());
                open.push(node);
            }
            let edges = next.get(node).map_or(&[][..], Vec::as_slice);
            if let Some(&to) = edges.get(edge) {
                path.push((node, edge + 1));
                path.push((to, 0));
                continue;
            }
            let reached = edges
                .iter()
                .filter(|to| !component.contains_key(**to))
                .filter_map(|to| low.get(to));
            let lowest = reached
                .chain(low.get(node))
                .min()
                .copied()
                .unwrap_or_default();
            low.insert(node, lowest);
            if Some(&lowest) == order.get(node) {
                while let Some(member) = open.pop() {
                    component.insert(member, lowest);
                    if member == node {
                        break;
                    }
                }
            }
        }
    }
    component
}

/// The shortest way from `start` to `goal` inside their component, both named.
fn way_back<'a>(
    next: &BTreeMap<&'a str, Vec<&'a str>>,
    component: &BTreeMap<&'a str, usize>,
    start: &'a str,
    goal: &'a str,
) -> Option<Vec<&'a str>> {
    const LONGEST: usize = 12;
    let mut came_from = BTreeMap::from([(start, start)]);
    let mut front = std::collections::VecDeque::from([start]);
    while let Some(node) = front.pop_front() {
        if node == goal {
            break;
        }
        for &to in next.get(node).into_iter().flatten() {
            if component.get(to) == component.get(goal) && !came_from.contains_key(to) {
                came_from.insert(to, node);
                front.push_back(to);
            }
        }
    }
    let mut way = vec![goal];
    while way.last() != Some(&start) {
        way.push(*came_from.get(way.last()?)?);
    }
    way.reverse();
    if way.len() > LONGEST {
        way.splice(LONGEST / 2..way.len() - LONGEST / 2, ["..."]);
    }
    Some(way)
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
mod tests {
    use super::*;

    use crate::container::Name;

    /// One file a container, numbered as in `known`.
    fn checked(edges: &[(&str, &str)], known: &[(&str, State)]) -> Vec<String> {
        let name = |text: &str| Name::parse(text).unwrap();
        let references: Vec<_> = edges
            .iter()
            .map(|(from, to)| Reference {
                from: name(from),
                unit: name(to).service(),
                container: Some(name(to)),
                span: 0..0,
            })
            .collect();
        let file = |reference: &Reference| {
            known
                .iter()
                .position(|(name, _)| *name == reference.from.as_str())
                .unwrap()
        };
        let numbered: Vec<_> = references
            .iter()
            .map(|reference| (file(reference), reference))
            .collect();
        let known = known
            .iter()
            .map(|(text, state)| {
                (
                    name(text).service(),
                    Known {
                        name: (*text).to_owned(),
                        state: state.clone(),
                    },
                )
            })
            .collect();
        let faults = check(&numbered, &known);
        faults
            .iter()
            .map(|(index, fault)| format!("{}: {}", references[*index].from, fault.message))
            .collect()
    }

    fn good<'a>(names: &[&'a str]) -> Vec<(&'a str, State)> {
        names
            .iter()
            .enumerate()
            .map(|(file, name)| (*name, State::Good(file)))
            .collect()
    }

    #[test]
    fn trees_are_good() {
        assert_eq!(
            checked(
                &[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")],
                &good(&["a", "b", "c", "d"])
            ),
            [""; 0]
        );
    }

    #[test]
    fn circles_are_told_whole_from_each_of_their_containers() {
        assert_eq!(
            checked(
                &[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")],
                &good(&["a", "b", "c", "d"])
            ),
            [
                "a: containers require each other: a -> b -> c -> a",
                "b: containers require each other: b -> c -> a -> b",
                "c: containers require each other: c -> a -> b -> c",
                "d: requires \"a\", which is refused: containers require each other: a -> b -> c -> a",
            ]
        );
        assert_eq!(
            checked(&[("a", "a")], &good(&["a"])),
            ["a: \"a\" requires itself"]
        );
    }

    #[test]
    fn two_circles_that_touch_are_both_told() {
        assert_eq!(
            checked(
                &[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")],
                &good(&["a", "b", "c"])
            ),
            [
                "a: containers require each other: a -> b -> a",
                "b: containers require each other: b -> a -> b",
                "b: containers require each other: b -> c -> b",
                "c: containers require each other: c -> b -> c",
            ]
        );
    }

    #[test]
    fn what_leads_nowhere_is_told_and_so_is_what_leads_there() {
        let known = [
            ("web", State::Good(0)),
            ("shop", State::Good(1)),
            ("db", State::Refused("db.toml:1:1: bad".to_owned())),
            ("old", State::Masked("/etc/lodger/old.toml".to_owned())),
        ];
        assert_eq!(
            checked(
                &[
                    ("web", "db"),
                    ("shop", "web"),
                    ("web", "old"),
                    ("shop", "wbe")
                ],
                &known
            ),
            [
                "web: requires \"db\", which is refused: db.toml:1:1: bad",
                "web: requires \"old\", which is masked by \"/etc/lodger/old.toml\"",
                "shop: requires \"wbe\", and no file makes a container of that name",
            ]
        );
        assert_eq!(
            checked(&[("shop", "web"), ("web", "db")], &known),
            [
                "web: requires \"db\", which is refused: db.toml:1:1: bad",
                "shop: requires \"web\", which is refused: requires \"db\", which is refused: db.toml:1:1: bad",
            ]
        );
    }

    #[test]
    fn a_long_chain_and_a_long_circle_need_no_stack() {
        let names: Vec<String> = (0..5000).map(|number| format!("c{number}")).collect();
        let known = good(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut edges: Vec<_> = names
            .windows(2)
            .map(|pair| (pair[0].as_str(), pair[1].as_str()))
            .collect();
        assert_eq!(checked(&edges, &known), [""; 0]);
        edges.truncate(99);
        edges.push(("c99", "c0"));
        let told = checked(&edges, &known);
        assert_eq!(told.len(), 100);
        assert_eq!(
            told[0],
            "c0: containers require each other: c0 -> c1 -> c2 -> c3 -> c4 -> c5 -> c6 -> ... -> c95 -> c96 -> c97 -> c98 -> c99 -> c0"
        );
    }
}
