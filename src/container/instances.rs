//! `instances` of `NAME@.toml` in; the names of the containers that the file makes out.

use std::collections::BTreeSet;

use super::name::{self, FileName};
use super::{Name, keys};
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Reader, Scalar, Table, Value, word};

/// What PID 1 can load in any time that somebody would wait for.
const MOST: usize = 10_000;
/// All units of one file together are about its length, and that of its drop-ins, for each instance; they lie in memory, in /run.
pub const MOST_BYTES: usize = 32 << 20;

/// The one name of a plain file, the instances of a template; `length` is what there is to read for each, in bytes. Empty when they cannot be known, which is noted.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    file: &FileName,
    length: usize,
) -> Vec<Name> {
    const HELP: &str = "write instances = 3, or instances = [\"blue\", \"green\"]";
    // The strongest file counts; what the others say is no mistake of theirs.
    let written = table.take(keys::INSTANCES.about.name);
    let value = written.last().map(|written| written.value());
    let (names, place) = match (file.name(), value) {
        (Some(name), None) => return vec![name],
        (Some(name), Some(value)) => {
            let message = format!("instances belongs in a file called \"{file}@.toml\"");
            reader.fault(value.place(), Fault::new(rule::INSTANCES, message));
            return vec![name];
        }
        (None, None) => {
            reader.file_fault(
                Fault::new(
                    rule::MISSING_KEY,
                    format!("instances is missing in \"{file}.toml\""),
                )
                .help(HELP),
            );
            return Vec::new();
        }
        (None, Some(value)) => (named_or_counted(reader, &value, file), value.place()),
    };
    if names.len() > MOST || names.len() * length > MOST_BYTES {
        let message = format!(
            "{} instances of a file of {length} bytes are too many",
            names.len()
        );
        let help = format!("at most {MOST}, and {} MiB of units", MOST_BYTES >> 20);
        reader.fault(place, Fault::new(rule::INSTANCES, message).help(help));
        return Vec::new();
    }
    names
}

fn named_or_counted(reader: &mut Reader<'_>, value: &Value<'_>, file: &FileName) -> Vec<Name> {
    let Some(items) = value.items() else {
        return reader
            .convert(value, |scalar| counted(scalar, file))
            .unwrap_or_default();
    };
    if items.len() == 0 {
        reader.fault(
            value.place(),
            Fault::new(rule::INSTANCES, "no instances, so nothing would ever run"),
        );
    }
    let mut seen = BTreeSet::new();
    let names: Vec<_> = items
        .map(|item| {
            reader.convert(&item, |scalar| {
                let name = instance(file, &word(scalar)?)?;
                if seen.insert(name.clone()) {
                    Ok(name)
                } else {
                    Err(Fault::new(
                        rule::INSTANCES,
                        format!("{} is named twice", quote(name.as_str())),
                    ))
                }
            })
        })
        .collect();
    // With one of them unknown the set is unknown: a unit for each of the others would hide that.
    names.into_iter().collect::<Option<_>>().unwrap_or_default()
}

fn counted(scalar: Scalar, file: &FileName) -> Result<Vec<Name>, Fault> {
    let Scalar::Integer(count) = scalar else {
        let message = format!(
            "expected an integer or an array of names, found {}",
            scalar.kind()
        );
        return Err(Fault::new(rule::WRONG_TYPE, message));
    };
    match usize::try_from(count) {
        Ok(count) if (1..=MOST).contains(&count) => (1..=count)
            .map(|number| instance(file, &number.to_string()))
            .collect(),
        _ => Err(Fault::new(
            rule::INSTANCES,
            format!("{count} is not a number of instances"),
        )
        .help(format!("1 to {MOST}"))),
    }
}

fn instance(file: &FileName, instance: &str) -> Result<Name, Fault> {
    let fault = |why| {
        Fault::new(
            rule::NAME,
            format!("{} cannot be an instance: {why}", quote(instance)),
        )
        .help(name::RULE)
    };
    file.instance(instance).map_err(fault)
}
