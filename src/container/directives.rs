//! `[systemd.unit]` and `[systemd.service]` as written in; directives as they stand in a unit out.

use super::raw::{self, RawValue, Section};
use super::{Profile, keys};
use crate::diagnostic::{Fault, rule};
use crate::document::{Reader, Scalar, Table, Toml, Written};

/// The directives, in the order of the unit; what is wrong with them, or would widen `profile`, is noted.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    profile: Profile,
) -> Vec<(&'static str, String, String)> {
    let mut directives = Vec::new();
    let Some(mut systemd) = reader.table(table, "systemd", "[systemd]") else {
        return directives;
    };
    let unit = (&keys::SYSTEMD_UNIT.about, "[systemd.unit]", Section::Unit);
    let service = (
        &keys::SYSTEMD_SERVICE.about,
        "[systemd.service]",
        Section::Service,
    );
    for (about, title, section) in [unit, service] {
        let Some(mut section_table) = reader.table(&mut systemd, about.name, title) else {
            continue;
        };
        for entry in section_table.entries() {
            let mut lines = Vec::new();
            for written in entry.values {
                lines = read_directive(reader, section, entry.key, written);
            }
            if let Some(written) = entry.values.last()
                && profile == Profile::Strict
                && raw::widens_strict(entry.key, &lines)
            {
                reader.fault(written.value().place(), wider(entry.key));
            }
            directives.extend(
                lines
                    .into_iter()
                    .map(|line| (section.name(), entry.key.to_owned(), line)),
            );
        }
    }
    reader.refuse_rest(systemd);
    directives
}

fn wider(key: &str) -> Fault {
    let message = format!("{key}= would add to what the profile \"strict\" allows");
    Fault::new(rule::ISOLATION, message).help("a list behind \"~\" takes away from it")
}

/// The values of one directive, a line each.
fn read_directive(
    reader: &mut Reader<'_>,
    section: Section,
    key: &str,
    written: &Written<'_>,
) -> Vec<String> {
    let value = written.value();
    let raw = match value.toml() {
        Toml::Array(_) => {
            let Some(items) = reader.items(&value, "an array", raw_of) else {
                return Vec::new();
            };
            RawValue::List(items.into_iter().map(|(item, _)| item).collect())
        }
        _ => match reader.convert(&value, raw_of) {
            Some(raw) => raw,
            None => return Vec::new(),
        },
    };
    match raw::directive(section, key, &raw) {
        Ok(lines) => lines,
        Err(fault) => {
            // What is wrong with the name is told there, and of the value where that is.
            let place = if raw::is_settable(section, key) {
                value.place()
            } else {
                written.place()
            };
            reader.fault(place, fault);
            Vec::new()
        }
    }
}

fn raw_of(scalar: Scalar) -> Result<RawValue, Fault> {
    match scalar {
        Scalar::Text(text) => Ok(RawValue::Text(text.into_owned())),
        Scalar::Integer(integer) => Ok(RawValue::Integer(integer)),
        Scalar::Boolean(boolean) => Ok(RawValue::Boolean(boolean)),
        Scalar::Other(kind) => {
            let message = format!("expected a string, an integer, true or false, found {kind}");
            Err(Fault::new(rule::WRONG_TYPE, message))
        }
    }
}
