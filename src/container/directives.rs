//! `[systemd.unit]` and `[systemd.service]` as written in; directives as they stand in a unit out.

use super::raw::{self, RawValue, Section};
use super::{Container, Profile, ServiceType, keys};
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Reader, Scalar, Table, Toml, Written};

/// The directives for `container`, the rest of which has been read, in the order of the unit; what is wrong with them, alone or with the
/// rest, is noted.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    container: &Container,
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
                && let Some(fault) = conflict(container, section, entry.key, &lines)
            {
                reader.fault(written.value().place(), fault);
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

/// What the `lines` of `key`, each good by itself, make of the container: more than it may do, or what systemd would leave out.
fn conflict(container: &Container, section: Section, key: &str, lines: &[String]) -> Option<Fault> {
    if container.isolation.profile == Profile::Strict && raw::widens_strict(key, lines) {
        return Some(wider(key));
    }
    if lines.is_empty() {
        return None;
    }
    if container.service_type == ServiceType::Oneshot
        && matches!(key, "RuntimeMaxSec" | "WatchdogSec")
    {
        let message = format!("systemd ignores {key}= with type = \"oneshot\"");
        return Some(
            Fault::new(rule::CONFLICT, message).help("TimeoutStartSec= limits how long it runs"),
        );
    }
    if section == Section::Service {
        return None;
    }
    let own = container.name.service();
    let relations = &container.relations;
    let mut words = lines.iter().flat_map(|line| line.split(' '));
    words.find_map(|word| {
        let mut earlier = [&relations.requires, &relations.wants, &relations.after]
            .into_iter()
            .flatten();
        if word == own {
            let message = format!("{key}: {} is the container itself", quote(word));
            Some(Fault::new(rule::CONFLICT, message))
        } else if key == "Before" && earlier.any(|unit| unit == word) {
            let message = format!("{key}: the container comes after {}", quote(word));
            Some(
                Fault::new(rule::CONFLICT, message)
                    .help("it is required, wanted or named under \"after\""),
            )
        } else {
            None
        }
    })
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
