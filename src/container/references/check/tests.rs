//! Containers and what they require in; the faults, one line each, out.

use super::*;

use crate::container::Name;
use crate::container::references::Referent;
use crate::document::Place;

/// Each of ten thousand instances says the same; and who has many names wrong is helped with the first.
#[test]
fn what_was_meant_is_looked_for_a_few_times() {
    let known: KnownUnits = [("database", State::Good(0))]
        .map(|(name, state)| {
            let unit = Name::parse(name).unwrap().service();
            let name = name.to_owned();
            (unit, Known { name, state })
        })
        .into();
    let mut meant = Meant::default();
    for _ in 0..3 {
        assert_eq!(meant.by("databse", &known), Some("database"));
    }
    assert_eq!(meant.0.len(), 1);
    let names: Vec<_> = (10..50).map(|number| format!("databas{number}")).collect();
    let found = names.iter().filter_map(|name| meant.by(name, &known));
    assert_eq!(found.count(), 19);
    assert_eq!(meant.0.len(), 20);
}

/// One file a container, numbered as in `known`; each edge a `requires`.
fn checked(edges: &[(&str, &str)], known: &[(&str, State)]) -> Vec<String> {
    let edges: Vec<_> = edges
        .iter()
        .map(|(from, to)| (*from, Relation::Requires, *to))
        .collect();
    let (refused, warned) = verdict(&edges, known);
    assert_eq!(warned, [""; 0]);
    refused
}

/// What is said of each edge: why it refuses, and what it is worth a warning for.
fn verdict(
    edges: &[(&str, Relation, &str)],
    known: &[(&str, State)],
) -> (Vec<String>, Vec<String>) {
    let name = |text: &str| Name::parse(text).unwrap();
    let references: Vec<_> = edges
        .iter()
        .map(|&(from, relation, to)| Reference {
            from: name(from),
            relation,
            to: Referent {
                unit: name(to).service(),
                container: Some(name(to)),
            },
            place: Place {
                document: 0,
                span: 0..0,
            },
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
    let told = |faults: Vec<(usize, Fault)>| {
        let told = faults.into_iter();
        told.map(|(index, fault)| format!("{}: {}", references[index].from, fault.message))
            .collect()
    };
    let verdict = check(&numbered, &known);
    (told(verdict.refused), told(verdict.warned))
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
            "a: containers wait for each other: a -> b -> c -> a",
            "b: containers wait for each other: b -> c -> a -> b",
            "c: containers wait for each other: c -> a -> b -> c",
            "d: requires \"a\", which is refused: containers wait for each other: a -> b -> c -> a",
        ]
    );
    assert_eq!(
        checked(&[("a", "a")], &good(&["a"])),
        ["a: \"a\" requires itself"]
    );
}

#[test]
fn whoever_waits_can_wait_in_a_circle() {
    use Relation::{After, PartOf, Requires, Wants};
    let known = good(&["a", "b", "c"]);
    let circle = [("a", Requires, "b"), ("b", Wants, "c"), ("c", After, "a")];
    assert_eq!(
        verdict(&circle, &known).0,
        [
            "a: containers wait for each other: a -> b -> c -> a",
            "b: containers wait for each other: b -> c -> a -> b",
            "c: containers wait for each other: c -> a -> b -> c",
        ]
    );
    let stop_together = [("a", PartOf, "b"), ("b", PartOf, "a"), ("c", PartOf, "c")];
    assert_eq!(
        verdict(&stop_together, &known).0,
        ["c: \"c\" is part of itself"]
    );
}

#[test]
fn who_only_wants_something_is_warned() {
    use Relation::{After, Requires, Wants};
    let known = [
        ("a", State::Good(0)),
        ("b", State::Good(1)),
        ("bad", State::Refused("bad.toml:1:1: bad".to_owned())),
        ("off", State::Masked("/etc/lodger/off.toml".to_owned())),
    ];
    let edges = [
        ("a", Wants, "bad"),
        ("a", After, "off"),
        ("b", Requires, "a"),
        ("b", After, "gone"),
    ];
    assert_eq!(
        verdict(&edges, &known),
        (
            vec!["b: comes after \"gone\", and no file makes a container of that name".to_owned()],
            vec![
                "a: wants \"bad\", which is refused: bad.toml:1:1: bad".to_owned(),
                "a: comes after \"off\", which is masked by \"/etc/lodger/off.toml\"".to_owned(),
            ]
        )
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
            "a: containers wait for each other: a -> b -> a",
            "b: containers wait for each other: b -> a -> b",
            "b: containers wait for each other: b -> c -> b",
            "c: containers wait for each other: c -> b -> c",
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
            "shop: requires \"wbe\", and no file makes a container of that name; did you mean \"web\"?",
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
        "c0: containers wait for each other: c0 -> c1 -> c2 -> c3 -> c4 -> c5 -> c6 -> ... -> c95 -> c96 -> c97 -> c98 -> c99 -> c0"
    );
}
