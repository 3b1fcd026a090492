//! lodger-json(5) and the structs that commands write with `--json` in; that neither has a field which the other has not, out.
//!
//! The structs are filled with samples: one with all that there can be, and where something may be null one without it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use serde_json::Value;

mod page;
mod samples;
mod shape;

use page::Page;
use samples::{commands, shared};
use shape::{Shape, shape_of};

/// What a field can be beside what JSON has.
const STRINGS: [&str; 4] = ["string", "path", "time", "word"];

/// A path that is UTF-8, and one that is not.
pub fn odd_paths() -> [PathBuf; 2] {
    let odd = Path::new(OsStr::from_bytes(b"/srv/\xff"));
    ["/srv/a".into(), odd.to_path_buf()]
}

#[test]
fn every_command_with_json_has_a_section() {
    let mut commands = BTreeSet::new();
    add_commands(&super::Arguments::command(), "lodger", &mut commands);
    let page = Page::read();
    let of_sections: BTreeSet<String> = page
        .sections
        .keys()
        .filter(|name| name.starts_with("lodger "))
        .map(|name| {
            let words = name.split(' ');
            let words = words.take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()));
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(of_sections, commands);
}

fn add_commands(command: &Command, name: &str, found: &mut BTreeSet<String>) {
    if command
        .get_arguments()
        .any(|argument| argument.get_id() == "json")
    {
        found.insert(name.to_owned());
    }
    for below in command.get_subcommands() {
        add_commands(below, &format!("{name} {}", below.get_name()), found);
    }
}

#[test]
fn page_and_structs_have_the_same_fields() {
    let page = Page::read();
    let sampled: Vec<_> = shared().into_iter().chain(commands()).collect();
    let names: BTreeSet<_> = sampled.iter().map(|(name, _)| *name).collect();
    let mut faults = Vec::new();
    for name in page.sections.keys() {
        if name != "Paths" && !names.contains(name.as_str()) {
            faults.push(format!("{name}: no sample"));
        }
    }
    for (name, samples) in &sampled {
        let found = compare(&page, name, samples);
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// In what the section and the samples differ.
fn compare(page: &Page, name: &str, samples: &[Value]) -> Vec<String> {
    let Some(section) = page.sections.get(name) else {
        return vec!["no section".to_owned()];
    };
    let shape = shape_of(samples, section);
    let mut faults = shape.faults.clone();
    for (path, types) in &shape.types {
        let is_leaf = types
            .iter()
            .any(|found| !matches!(*found, "object" | "array" | "null"));
        let bytes_of = path
            .strip_suffix("_hex")
            .and_then(|path| section.entry(path));
        match section.entry(path) {
            Some(declared) if declared.reference.is_some() => {}
            Some(declared) => {
                let declared: BTreeSet<&str> =
                    declared.types.iter().map(|word| in_json(word)).collect();
                if declared != *types {
                    faults.push(format!("{path} is {types:?}, on the page {declared:?}"));
                }
            }
            None if bytes_of.is_some_and(|path| path.has("path")) => {}
            None if is_leaf => faults.push(format!("{path} is not on the page")),
            None => {}
        }
    }
    for entry in &section.entries {
        if !shape.types.contains_key(&entry.path) {
            faults.push(format!("{} is in no struct", entry.path));
        }
        if entry.has("path") && !shape.types.contains_key(&format!("{}_hex", entry.path)) {
            faults.push(format!("{} is no exact path", entry.path));
        }
    }
    faults.extend(strange_texts(page, section, &shape));
    faults
}

fn in_json(word: &str) -> &str {
    match STRINGS.contains(&word) {
        true => "string",
        false => word,
    }
}

/// Texts that are not what the page says of them.
fn strange_texts(page: &Page, section: &page::Section, shape: &Shape) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in &shape.texts {
        let Some(entry) = section.entry(path) else {
            continue;
        };
        if entry.has("time") && humantime::parse_rfc3339(text).is_err() {
            faults.push(format!("{path} has {text:?}, which is no time"));
        }
        if entry.has("word") && !page.words.contains(text) {
            faults.push(format!("the page does not name {text:?} of {path}"));
        }
    }
    faults
}
