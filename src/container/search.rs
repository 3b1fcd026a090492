//! The three directories under a root in; the container files that count out, with their drop-ins, what they hold and what they
//! shadow.
//!
//! The only reader of container files. Which of them count, and in which order their drop-ins lie over each other, is
//! systemd's rule for units (systemd.unit(5)): of files of one name the one in the strongest directory counts; drop-ins are
//! taken in the order of their names, wherever they lie, and of drop-ins of one name the most specific counts, then the one
//! in the strongest directory.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::name::{self, FileName};
use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::place;
use crate::prefix::Prefix;

mod content;
mod documents;
mod drop_ins;

pub use content::{Content, read_content};
pub use documents::{Document, Documents};
use drop_ins::DropIns;

/// More than PID 1 could load in any time that somebody would wait for.
const MOST_FILES: usize = 20_000;

/// One container file: the strongest of its name.
#[derive(Debug)]
pub struct Found {
    /// `web` or `web@`.
    pub name: FileName,
    /// The file, by its number among the documents.
    pub document: usize,
    /// Its drop-ins, weakest first; of a template those for all instances.
    pub drop_ins: Vec<usize>,
    /// The drop-ins of instances that have some of their own, those for all among them.
    pub instances: BTreeMap<String, Vec<usize>>,
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
    /// Every file that was read.
    pub documents: Documents,
    /// Mistakes that are no container's: directories that cannot be read, files whose names are none.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file that is looked at as if it were installed, in place of the installed one of its name.
#[derive(Debug, Clone)]
pub enum Given {
    /// A container file.
    File(FileName, PathBuf),
    /// A drop-in: what is before `.toml.d`, and the file.
    DropIn(String, PathBuf),
}

/// A file.
#[derive(Debug, Clone)]
struct Candidate {
    /// As its user knows it.
    source: PathBuf,
    /// Whether that is also where to open it, whatever the prefix.
    is_given: bool,
    is_link: bool,
}

/// Every container file under `prefix` and every one of `given`. A directory that is not there holds none.
pub fn search(prefix: &Prefix, given: &[Given]) -> Search {
    let mut search = Search::default();
    let mut listing = Listing::default();
    for directory in place::CONTAINER_FILES {
        match list(&prefix.at(directory)) {
            Ok(entries) => listing.add(prefix, directory, entries, &mut search.diagnostics),
            Err(error) => {
                let diagnostic = Diagnostic::of_unreadable_directory(Path::new(directory), &error);
                search.diagnostics.push(diagnostic);
                listing.unreadable = listing.unreadable.or(Some(directory));
            }
        }
    }
    listing.replace(given);
    let Listing {
        candidates,
        drop_ins,
        unsure,
        unreadable,
    } = listing;
    if candidates.len() > MOST_FILES {
        let message = format!(
            "there are {} container files, and only the first {MOST_FILES} by name are read",
            candidates.len()
        );
        let fault = Fault::new(rule::TOO_MANY, message);
        let directory = Path::new(place::CONTAINER_FILES[0]);
        search
            .diagnostics
            .push(Diagnostic::of_file(directory, fault));
    }
    let names: Vec<_> = candidates.keys().cloned().collect();
    for (name, candidates) in candidates.into_iter().take(MOST_FILES) {
        let unsure = unreadable.map(|directory| (directory, unsure.contains(&name)));
        let found = found(
            prefix,
            name,
            candidates,
            &drop_ins,
            unsure,
            &mut search.documents,
        );
        search.files.push(found);
    }
    search.diagnostics.extend(drop_ins.unused(&names));
    search
}

/// What lies in the directories, before anything is opened.
#[derive(Debug, Default)]
struct Listing {
    /// Strongest first.
    candidates: BTreeMap<FileName, Vec<Candidate>>,
    drop_ins: DropIns,
    /// Names that a file in a directory that cannot be read may have, and would be stronger.
    unsure: BTreeSet<FileName>,
    unreadable: Option<&'static str>,
}

impl Listing {
    fn add(
        &mut self,
        prefix: &Prefix,
        directory: &'static str,
        entries: Vec<(OsString, bool)>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for (entry, is_link) in entries {
            let source = Path::new(directory).join(&entry);
            if let Some(stem) = entry.as_bytes().strip_suffix(b".toml.d") {
                let path = prefix.at(&source);
                let stem = String::from_utf8_lossy(stem).into_owned();
                self.drop_ins.add(stem, &source, &path, diagnostics);
                continue;
            }
            match file_name(&entry) {
                None => {}
                Some(Ok(name)) => {
                    if self.unreadable.is_some() && !self.candidates.contains_key(&name) {
                        self.unsure.insert(name.clone());
                    }
                    let candidate = Candidate {
                        source,
                        is_given: false,
                        is_link,
                    };
                    self.candidates.entry(name).or_default().push(candidate);
                }
                Some(Err(fault)) => diagnostics.push(Diagnostic::of_file(&source, fault)),
            }
        }
    }

    fn replace(&mut self, given: &[Given]) {
        for given in given {
            match given {
                Given::File(name, path) => {
                    let candidate = Candidate {
                        source: path.clone(),
                        is_given: true,
                        is_link: false,
                    };
                    self.unsure.remove(name);
                    self.candidates.insert(name.clone(), vec![candidate]);
                }
                Given::DropIn(stem, path) => self.drop_ins.replace(stem, path),
            }
        }
    }
}

/// `unsure` is a directory that cannot be read, and whether a file of this name in it would be stronger.
fn found(
    prefix: &Prefix,
    name: FileName,
    mut candidates: Vec<Candidate>,
    drop_ins: &DropIns,
    unsure: Option<(&str, bool)>,
    documents: &mut Documents,
) -> Found {
    let shadowed = candidates
        .split_off(1)
        .into_iter()
        .map(|weaker| weaker.source);
    let shadowed = shadowed.collect();
    let Candidate {
        source,
        is_given,
        is_link,
    } = candidates.remove(0);
    let mut diagnostics = drop_ins.faults(&name, &source);
    if is_link {
        diagnostics.extend(content::not_there_at_boot(prefix, &source));
    }
    let document = match unsure {
        None if is_given => documents.read(source.clone(), &source),
        None => {
            let path = prefix.at(&source);
            documents.read(source, &path)
        }
        // A file that would replace or mask this one may lie there, or a drop-in of it.
        Some((directory, is_stronger)) => {
            let what = if is_stronger {
                "a file in"
            } else {
                "a drop-in in"
            };
            let message = format!(
                "{what} {} would be stronger, and that directory cannot be read",
                quote(directory)
            );
            documents.add(source, Err(Fault::new(rule::UNREADABLE, message)))
        }
    };
    let mut read = |files: Vec<&drop_ins::DropIn>| -> Vec<usize> {
        files
            .into_iter()
            .map(|file| documents.read_once(&file.source, &file.path))
            .collect()
    };
    let common = read(drop_ins.of(name.as_str()));
    let instances = drop_ins
        .instances(&name)
        .map(|instance| {
            let files = drop_ins.of(&format!("{name}{instance}"));
            (instance.to_owned(), read(files))
        })
        .collect();
    Found {
        name,
        document,
        drop_ins: common,
        instances,
        shadowed,
        diagnostics,
    }
}

/// The names in a directory, and whether each is a symbolic link; sorted, since the order in which the kernel tells them means
/// nothing.
fn list(directory: &Path) -> io::Result<Vec<(OsString, bool)>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // A dangling link is not nothing: somebody meant something by it.
        Err(error) if error.kind() == ErrorKind::NotFound && !directory.is_symlink() => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = entries
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name(), entry.file_type()?.is_symlink()))
        })
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
