//! Who waits for whom in; every circle, and the way round it, out.

use std::collections::BTreeMap;

use super::Reference;
use super::check::{Known, KnownUnits};
use crate::diagnostic::{Fault, quote, rule};

/// How many circles are told with the way round.
const MOST_WAYS: usize = 100;

/// For each reference that closes a circle: the way round, from its own container back to it.
pub fn cycles(references: &[(usize, &Reference)], known: &KnownUnits) -> Vec<(usize, Fault)> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let waiting = |reference: &&(usize, &Reference)| reference.1.relation.waits();
    for (_, reference) in references.iter().filter(waiting) {
        if let Some(Known { name, .. }) = known.get(&reference.to.unit) {
            next.entry(reference.from.as_str()).or_default().push(name);
        }
    }
    let component = components(&next);
    let mut faults = Vec::new();
    for (index, (_, reference)) in references.iter().enumerate() {
        let from = reference.from.as_str();
        let Some(to) = known
            .get(&reference.to.unit)
            .map(|known| known.name.as_str())
        else {
            continue;
        };
        if from == to {
            faults.push((
                index,
                Fault::new(
                    rule::CYCLE,
                    format!("{} {} itself", quote(from), reference.relation.verb()),
                ),
            ));
        } else if !reference.relation.waits() {
            // Containers may well be stopped together.
        } else if component.contains_key(from) && component.get(from) == component.get(to) {
            let way = if faults.len() < MOST_WAYS {
                way_back(&next, &component, to, from)
            } else {
                None
            };
            let way = way.unwrap_or_else(|| vec![to, "...", from]);
            let message = format!(
                "containers wait for each other: {from} -> {}",
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
