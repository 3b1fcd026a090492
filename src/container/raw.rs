//! A directive of `[systemd.unit]` or `[systemd.service]` in; the values of its lines in the unit out, or why it cannot be set.
//!
//! systemd ignores a value that it cannot read and goes on without, so every value is checked here as systemd 257 reads it. What
//! lodger sets itself, and what would take isolation away, cannot be set at all.

use crate::diagnostic::{Fault, did_you_mean, quote, rule};
use tables::{RESOURCES, RUN, SERVICE, UNIT};

mod check;
mod tables;

/// The section of a unit that a directive stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `[Unit]`, from `[systemd.unit]`.
    Unit,
    /// `[Service]`, from `[systemd.service]`.
    Service,
}

/// A value as the container file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawValue {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// Several values, each of which gets a line.
    List(Vec<RawValue>),
}

/// What may be done with a directive.
enum Rule {
    /// One value, as this reads it; a second line would replace the first.
    One(Check),
    /// Any number of lines, which add up.
    Many(Check),
    /// lodger has a key for it.
    Key(&'static str),
    /// It has another name by now.
    Renamed(&'static str),
    /// It cannot be set, and this is why.
    Refused(&'static str),
    /// lodger cannot tell a value that systemd would ignore.
    Unchecked,
}

/// From a value as written to the value as it stands in the unit.
type Check = fn(&str) -> Result<String, Fault>;

/// A directive's name and what may be done with it.
type Directive = (&'static str, Rule);

impl Section {
    /// As in a unit, without brackets.
    pub fn name(self) -> &'static str {
        match self {
            Section::Unit => "Unit",
            Section::Service => "Service",
        }
    }

    /// As in a container file, without brackets.
    pub fn table(self) -> &'static str {
        match self {
            Section::Unit => "systemd.unit",
            Section::Service => "systemd.service",
        }
    }

    fn other(self) -> Self {
        match self {
            Section::Unit => Section::Service,
            Section::Service => Section::Unit,
        }
    }

    fn directives(self) -> impl Iterator<Item = &'static Directive> {
        let tables: [&[Directive]; 3] = match self {
            Section::Unit => [UNIT, &[], &[]],
            Section::Service => [SERVICE, RUN, RESOURCES],
        };
        tables.into_iter().flatten()
    }

    fn rule(self, key: &str) -> Option<&'static Rule> {
        self.directives()
            .find(|(name, _)| *name == key)
            .map(|(_, rule)| rule)
    }
}

/// Whether `key` can be set at all: a fault is about its value then, and else about itself.
pub fn is_settable(section: Section, key: &str) -> bool {
    matches!(section.rule(key), Some(Rule::One(_) | Rule::Many(_)))
}

/// The values of `key` exactly as they have to stand after `KEY=` in the unit, one for each line; at least one.
///
/// Errors: [`rule::DIRECTIVE`] for a directive that systemd does not know or that cannot be set here; [`rule::VALUE`],
/// [`rule::WRONG_TYPE`] and others for a value that systemd would ignore.
pub fn directive(section: Section, key: &str, value: &RawValue) -> Result<Vec<String>, Fault> {
    match section.rule(key) {
        None => Err(unknown(section, key)),
        Some(Rule::One(check)) => Ok(vec![checked(key, *check, value)?]),
        Some(Rule::Many(check)) => match value {
            RawValue::List(values) if values.is_empty() => {
                Err(Fault::new(rule::VALUE, format!("{key}: the list is empty")))
            }
            RawValue::List(values) => values
                .iter()
                .map(|value| checked(key, *check, value))
                .collect(),
            one => Ok(vec![checked(key, *check, one)?]),
        },
        Some(Rule::Key(name)) => {
            Err(refused(key, "the container file has a key for it").help(format!("use {name}")))
        }
        Some(Rule::Renamed(name)) => {
            Err(refused(key, "its name is an old one").help(format!("write {name}")))
        }
        Some(Rule::Refused(reason)) => Err(refused(key, reason)),
        Some(Rule::Unchecked) => Err(refused(
            key,
            "lodger cannot tell a value that systemd would ignore",
        )
        .help("put it into a drop-in of systemd, /etc/systemd/system/lodger-NAME.service.d/")),
    }
}

/// Whether one of the `lines` of `key` adds to what the profile `strict` allows: systemd merges lists, whoever wrote them.
pub fn widens_strict(key: &str, lines: &[String]) -> bool {
    let takes_away: fn(&str) -> bool = match key {
        "SystemCallFilter" => |line| line.starts_with('~'),
        "RestrictAddressFamilies" => |line| line.starts_with('~') || line == "none",
        "RestrictNamespaces" => |line| line.starts_with('~') || line == "yes",
        "SystemCallArchitectures" => |line| line == "native",
        _ => return false,
    };
    !lines.iter().all(|line| takes_away(line))
}

fn refused(key: &str, reason: &str) -> Fault {
    Fault::new(
        rule::DIRECTIVE,
        format!("{key}= cannot be set here: {reason}"),
    )
}

fn unknown(section: Section, key: &str) -> Fault {
    let message = format!(
        "{} is no directive of [{}] that systemd 257 knows",
        quote(key),
        section.name()
    );
    let fault = Fault::new(rule::DIRECTIVE, message);
    if section.other().rule(key).is_some() {
        return fault.help(format!("it belongs in [{}]", section.other().table()));
    }
    let names = || section.directives().map(|(name, _)| *name);
    // Wrong case throughout is further away than the limit for typing mistakes.
    let same = names().find(|name| name.eq_ignore_ascii_case(key));
    fault.suggest(same.or_else(|| did_you_mean(key, names())))
}

/// One line's value. Whatever the check, it is not empty (that would reset what came before) and stays on its line.
fn checked(key: &str, check: Check, value: &RawValue) -> Result<String, Fault> {
    let written = match value {
        RawValue::Text(text) => text.trim_matches(' ').to_owned(),
        RawValue::Integer(number) => number.to_string(),
        RawValue::Boolean(true) => "yes".to_owned(),
        RawValue::Boolean(false) => "no".to_owned(),
        RawValue::List(_) => {
            let message = format!("{key}: expected one value, found a list");
            return Err(Fault::new(rule::WRONG_TYPE, message));
        }
    };
    let fault = |why: &str| Err(Fault::new(rule::VALUE, format!("{key}: {why}")));
    if written.is_empty() {
        return fault("an empty value, which would take back what is set already");
    }
    if written.contains(char::is_control) {
        return fault("a control character, which a unit file cannot hold");
    }
    if written.len() > LONGEST {
        return fault("longer than 64 KiB");
    }
    check(&written).map_err(|fault| Fault {
        message: format!("{key}: {}", fault.message),
        ..fault
    })
}

/// Of one value, in bytes: systemd refuses a unit with a line of 1 MiB.
const LONGEST: usize = 1 << 16;

#[cfg(test)]
mod tests;
