//! The three directories under a root in; the container files that count out, with what they hold and what they shadow.
//!
//! The only reader of container files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::name::{self, FileName};
use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::place;
use crate::prefix::Prefix;

mod content;
mod drop_ins;

pub use content::{Content, read_content};
use drop_ins::DropIns;

/// One container file: the strongest of its name.
#[derive(Debug)]
pub struct Found {
    /// `web` or `web@`.
    pub name: FileName,
    /// As the booted system sees it.
    pub source: PathBuf,
    /// What is in it, or why that cannot be known.
    pub content: Result<Content, Fault>,
    /// Weaker files of the same name, which do not count.
    pub shadowed: Vec<PathBuf>,
    /// Mistakes of what lies around it.
    pub diagnostics: Vec<Diagnostic>,
}

/// What was found under a root.
#[derive(Debug, Default)]
pub struct Search {
    /// By name.
    pub files: Vec<Found>,
    /// Mistakes that are no container's: directories that cannot be read, files whose names are none.
    pub diagnostics: Vec<Diagnostic>,
}

/// Every container file under `prefix`. A directory that is not there holds none.
pub fn search(prefix: &Prefix) -> Search {
    let mut diagnostics = Vec::new();
    let mut drop_ins = DropIns::default();
    let mut candidates: BTreeMap<FileName, Vec<PathBuf>> = BTreeMap::new();
    let mut unreadable: Option<&str> = None;
    let mut unsure = BTreeSet::new();
    for directory in place::CONTAINER_FILES {
        let entries = match list(&prefix.at(directory)) {
            Ok(entries) => entries,
            Err(error) => {
                diagnostics.push(Diagnostic::of_unreadable_directory(
                    Path::new(directory),
                    &error,
                ));
                unreadable = unreadable.or(Some(directory));
                continue;
            }
        };
        for entry in entries {
            let source = Path::new(directory).join(&entry);
            drop_ins.note(prefix, &source, &mut diagnostics);
            match file_name(&entry) {
                None => {}
                Some(Ok(name)) => {
                    if unreadable.is_some() && !candidates.contains_key(&name) {
                        unsure.insert(name.clone());
                    }
                    candidates.entry(name).or_default().push(source);
                }
                Some(Err(fault)) => diagnostics.push(Diagnostic::of_file(&source, fault)),
            }
        }
    }
    let files = candidates
        .into_iter()
        .map(|(name, sources)| found(prefix, name, sources, &drop_ins, &unsure, unreadable))
        .collect();
    Search { files, diagnostics }
}

fn found(
    prefix: &Prefix,
    name: FileName,
    mut sources: Vec<PathBuf>,
    drop_ins: &DropIns,
    unsure: &BTreeSet<FileName>,
    unreadable: Option<&str>,
) -> Found {
    let shadowed = sources.split_off(1);
    let source = sources.remove(0);
    let content = match unreadable {
        // A file that would replace or mask this one may lie there.
        Some(directory) if unsure.contains(&name) => Err(Fault::new(
            rule::UNREADABLE,
            format!(
                "a file in {} would be stronger, and that directory cannot be read",
                quote(directory)
            ),
        )),
        _ => read_content(&prefix.at(&source)),
    };
    let mut diagnostics = drop_ins.faults(&name, &source);
    diagnostics.extend(content::not_there_at_boot(prefix, &source));
    Found {
        name,
        source,
        content,
        shadowed,
        diagnostics,
    }
}

/// The names in a directory, sorted: the order in which the kernel tells them means nothing.
fn list(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // A dangling link is not nothing: somebody meant something by it.
        Err(error) if error.kind() == ErrorKind::NotFound && !directory.is_symlink() => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// The name of a container file from its path's last part, or the rule it breaks; `None` for what is no container file.
pub fn file_name(file: &OsStr) -> Option<Result<FileName, Fault>> {
    let stem = file.as_bytes().strip_suffix(b".toml")?;
    let fault = |why: &str| {
        Fault::new(
            rule::NAME,
            format!("this file's name cannot be a container's: {why}"),
        )
        .help(name::RULE)
    };
    Some(match std::str::from_utf8(stem) {
        Ok(stem) => FileName::parse(stem).map_err(|why| fault(&why)),
        Err(_) => Err(fault("it is not UTF-8")),
    })
}
