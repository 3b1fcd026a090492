//! What systemd takes and what it ignores in, the same verdicts out. The system test `raw` holds the tables in tests/directives
//! against the real systemd.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::*;
use super::{message, text};

const KNOWN: &str = include_str!("../../../../tests/directives/known");
const ACCEPTED: &str = include_str!("../../../../tests/directives/accepted");
const REFUSED: &str = include_str!("../../../../tests/directives/refused");

/// Section, key and what follows `=` of each line.
fn lines(text: &'static str) -> Vec<(Section, &'static str, &'static str)> {
    let mut section = Section::Unit;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line {
            "[Unit]" => section = Section::Unit,
            "[Service]" => section = Section::Service,
            line => {
                let (key, value) = line.split_once('=').unwrap_or((line, ""));
                lines.push((section, key, value));
            }
        }
    }
    lines
}

#[test]
fn every_directive_of_systemd_has_its_rule_once() {
    for section in [Section::Unit, Section::Service] {
        let mut ours: Vec<_> = section.directives().map(|(name, _)| *name).collect();
        let known = lines(KNOWN);
        let mut theirs: Vec<_> = known
            .iter()
            .filter(|line| line.0 == section)
            .map(|line| line.1)
            .collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn what_systemd_takes_is_taken() {
    for (section, key, line) in lines(ACCEPTED) {
        let (value, written) = line.split_once('\t').unwrap_or((line, line));
        let found = directive(section, key, &text(written));
        assert_eq!(found, Ok(vec![value.to_owned()]), "for {key}={written}");
    }
}

#[test]
fn every_directive_that_can_be_set_is_tried() {
    let tried: BTreeSet<_> = lines(ACCEPTED)
        .into_iter()
        .map(|(section, key, _)| (section.name(), key))
        .collect();
    for section in [Section::Unit, Section::Service] {
        for (name, rule) in section.directives() {
            let can = matches!(rule, Rule::One(_) | Rule::Many(_));
            assert_eq!(can, tried.contains(&(section.name(), *name)), "{name}");
        }
    }
}

#[test]
fn what_systemd_would_ignore_is_refused() {
    for (section, key, value) in lines(REFUSED) {
        let (rule, message) = message(section, key, &text(value));
        assert_ne!(rule, rule::DIRECTIVE, "{key}={value}: {message}");
    }
}

proptest! {
    #[test]
    fn no_value_makes_a_second_line(value in any::<String>(), index in any::<prop::sample::Index>()) {
        let keys: Vec<_> = [Section::Unit, Section::Service]
            .into_iter()
            .flat_map(|section| section.directives().map(move |(name, _)| (section, *name)))
            .collect();
        let (section, key) = keys[index.index(keys.len())];
        safe(directive(section, key, &text(&value)))?;
    }

    #[test]
    fn free_text_makes_no_second_line(value in "[ -~\\n\\r%\\\\\"']{0,20}", index in any::<prop::sample::Index>()) {
        let free = lines(ACCEPTED);
        let (section, key, line) = free[index.index(free.len())];
        let (_, written) = line.split_once('\t').unwrap_or((line, line));
        safe(directive(section, key, &text(&format!("{written}{value}"))))?;
        safe(directive(section, key, &text(&format!("{value}{written}"))))?;
    }
}

/// One line each, with something on it, that does not go on in the next one.
fn safe(values: Result<Vec<String>, Fault>) -> Result<(), TestCaseError> {
    for value in values.into_iter().flatten() {
        prop_assert!(!value.trim().is_empty());
        prop_assert!(!value.contains(char::is_control), "{:?}", value);
        let ending = value
            .bytes()
            .rev()
            .take_while(|&byte| byte == b'\\')
            .count();
        prop_assert!(ending % 2 == 0, "{:?}", value);
    }
    Ok(())
}
