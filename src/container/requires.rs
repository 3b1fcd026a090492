//! `requires` as written in; unit names and references to other containers out. And: all references in, those that lead
//! nowhere or round in a circle out.

use std::ops::Range;

use super::{Name, name};
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Reader, Scalar, Table, text};

mod check;
mod cycles;

pub use check::{Known, KnownUnits, State, check};

/// The suffixes of systemd's units: what ends in one is a unit's name, everything else a container's.
const SUFFIXES: [&str; 11] = [
    ".service",
    ".socket",
    ".target",
    ".mount",
    ".automount",
    ".device",
    ".swap",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];
/// They start, and wait for, lodger.target: a container that waits for them waits for itself, and systemd would drop one of
/// the two jobs.
const LATER: [&str; 4] = [
    "lodger.target",
    "multi-user.target",
    "graphical.target",
    "default.target",
];

/// That one container requires a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Who requires.
    pub from: Name,
    /// The full name of the unit that is required.
    pub unit: String,
    /// The container, when it is named as one and so must be there. A unit written with its suffix is systemd's concern,
    /// unless a container makes it.
    pub container: Option<Name>,
    /// Where that is written.
    pub span: Range<usize>,
}

/// The units that container `from` requires, each once, and the references they are.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    from: &Name,
) -> (Vec<String>, Vec<Reference>) {
    let items = reader.list(table, "requires", required).unwrap_or_default();
    let (mut units, mut references) = (Vec::new(), Vec::new());
    for ((unit, container), span) in items {
        if !units.contains(&unit) {
            units.push(unit.clone());
            references.push(Reference {
                from: from.clone(),
                unit,
                container,
                span,
            });
        }
    }
    (units, references)
}

fn required(scalar: Scalar) -> Result<(String, Option<Name>), Fault> {
    let written = text(scalar)?;
    if SUFFIXES.iter().any(|suffix| written.ends_with(suffix)) {
        check_unit(&written)?;
        return Ok((written, None));
    }
    if written.ends_with('@') {
        let message = format!("{} is a file of many containers", quote(&written));
        return Err(
            Fault::new(rule::REFERENCE, message).help(format!("name one, such as \"{written}1\""))
        );
    }
    match Name::parse(&written) {
        Ok(name) => Ok((name.service(), Some(name))),
        Err(why) => Err(Fault::new(
            rule::NAME,
            format!("{} is not the name of a container: {why}", quote(&written)),
        )
        .help(format!("{}; a unit is written with its suffix", name::RULE))),
    }
}

/// systemd's `unit_name_is_valid` for units that can be started.
fn check_unit(unit: &str) -> Result<(), Fault> {
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
    if LATER.contains(&unit) {
        return fault("waits for the containers, so they cannot wait for it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(String, Option<Name>), Fault> {
        required(Scalar::Text(text.to_owned()))
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
        for later in LATER {
            assert!(of(later).is_err(), "for {later}");
        }
    }
}
