//! `requires`, `wants`, `after` and `part-of` as written in; unit names and references to other containers out. And: all
//! references in, those that lead nowhere or round in a circle out.

use std::collections::BTreeSet;

use super::{Name, Relations, keys, name};
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Key, Place, Reader, Scalar, Table, text};

mod check;
mod cycles;

pub use check::{Known, KnownUnits, State, Verdict, check};

/// They start, and wait for, lodger.target: a container that waits for them waits for itself, and systemd would drop one of
/// the two jobs.
const LATER: [&str; 4] = [
    "lodger.target",
    "multi-user.target",
    "graphical.target",
    "default.target",
];

/// How one container stands to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Is not started without it, and after it.
    Requires,
    /// Is started after it, which is started too.
    Wants,
    /// Is started after it.
    After,
    /// Stops with it.
    PartOf,
}

impl Relation {
    /// Whether one waits for the other.
    pub fn waits(self) -> bool {
        self != Relation::PartOf
    }

    /// "NAME ... other".
    pub fn verb(self) -> &'static str {
        match self {
            Relation::Requires => "requires",
            Relation::Wants => "wants",
            Relation::After => "comes after",
            Relation::PartOf => "is part of",
        }
    }
}

/// A unit as somebody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referent {
    /// Its full name.
    pub unit: String,
    /// The container, when it is named as one and so must be there. A unit written with its suffix is systemd's concern,
    /// unless a container makes it.
    pub container: Option<Name>,
}

/// That one container has something to do with a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Whose file says so.
    pub from: Name,
    /// What it says.
    pub relation: Relation,
    /// Of whom.
    pub to: Referent,
    /// Where that is written.
    pub place: Place,
}

/// The units that container `from` has something to do with, each once, and the references they are.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    from: &Name,
) -> (Relations, Vec<Reference>) {
    let mut references = Vec::new();
    let mut units = |key: &'static Key<Referent>, relation: Relation| {
        let (mut units, mut seen) = (Vec::new(), BTreeSet::new());
        for (to, place) in reader.list(table, key).unwrap_or_default() {
            if relation.waits() && LATER.contains(&to.unit.as_str()) {
                let message = format!(
                    "{} waits for the containers, so they cannot wait for it",
                    quote(&to.unit)
                );
                reader.fault(place, Fault::new(rule::VALUE, message));
            } else if seen.insert(to.unit.clone()) {
                units.push(to.unit.clone());
                references.push(Reference {
                    from: from.clone(),
                    relation,
                    to,
                    place,
                });
            }
        }
        units
    };
    let relations = Relations {
        requires: units(&keys::REQUIRES, Relation::Requires),
        wants: units(&keys::WANTS, Relation::Wants),
        after: units(&keys::AFTER, Relation::After),
        part_of: units(&keys::PART_OF, Relation::PartOf),
    };
    (relations, references)
}

/// A container's name, or a unit's with its suffix.
pub fn read_referent(scalar: Scalar) -> Result<Referent, Fault> {
    let written = text(scalar)?;
    if name::UNIT_SUFFIXES
        .iter()
        .any(|suffix| written.ends_with(suffix))
    {
        check_unit(&written)?;
        return Ok(Referent {
            unit: written,
            container: None,
        });
    }
    if written.ends_with('@') {
        let message = format!("{} is a file of many containers", quote(&written));
        return Err(
            Fault::new(rule::REFERENCE, message).help(format!("name one, such as \"{written}1\""))
        );
    }
    match Name::parse(&written) {
        Ok(name) => Ok(Referent {
            unit: name.service(),
            container: Some(name),
        }),
        Err(why) => Err(Fault::new(
            rule::NAME,
            format!("{} is not the name of a container: {why}", quote(&written)),
        )
        .help(format!("{}; a unit is written with its suffix", name::RULE))),
    }
}

/// systemd's `unit_name_is_valid` for units that can be started.
pub fn check_unit(unit: &str) -> Result<(), Fault> {
    let fault = |why: &str| Err(Fault::new(rule::VALUE, format!("{} {why}", quote(unit))));
    let stem = unit.rsplit_once('.').map_or("", |(stem, _)| stem);
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
    if stem.is_empty() || stem.starts_with('@') || unit.len() > 255 || !unit.chars().all(allowed) {
        return fault("cannot be the name of a unit");
    }
    if stem.ends_with('@') {
        return fault("is a template without an instance");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(String, Option<Name>), Fault> {
        let referent = read_referent(Scalar::Text(text.into()))?;
        Ok((referent.unit, referent.container))
    }

    #[test]
    fn containers_and_units_are_told_apart_by_the_suffix() {
        let container = |name: &str| Ok((format!("lodger-{name}.service"), Name::parse(name).ok()));
        assert_eq!(of("db"), container("db"));
        assert_eq!(of("db@3"), container("db@3"));
        assert_eq!(of("db.v2"), container("db.v2"));
        for unit in [
            "network-online.target",
            "a@b.service",
            r"dev-disk\x2d1.device",
            "lodger-db.service",
            "x.slice",
        ] {
            assert_eq!(of(unit), Ok((unit.to_owned(), None)));
        }
    }

    #[test]
    fn what_systemd_would_drop_is_refused() {
        for bad in [
            "",
            "DB",
            "a b",
            "db@",
            ".service",
            "@x.service",
            "a b.service",
            "x@.service",
            "%i.service",
            "a/b.mount",
        ] {
            assert!(of(bad).is_err(), "for {bad:?}");
        }
    }
}
