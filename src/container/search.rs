//! The three directories under a root in; the container files that count out, with their drop-ins, what they hold and what they
//! shadow.
//!
//! The only reader of container files. Which of them count, and in which order their drop-ins lie over each other, is
//! systemd's rule for units (systemd.unit(5)): of files of one name the one in the strongest directory counts; drop-ins are
//! taken in the order of their names, wherever they lie, and of drop-ins of one name the most specific counts, then the one
//! in the strongest directory.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::name::{self, FileName};
use crate::diagnostic::{Diagnostic, Fault, rule};
use crate::place;
use crate::prefix::Prefix;

mod content;
mod documents;
mod drop_ins;
mod listing;

pub use content::{Content, read_content};
pub use documents::{Document, Documents};
use listing::Listing;

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

impl Search {
    fn list(&mut self, prefix: &Prefix) -> Listing {
        let mut listing = Listing::default();
        for directory in place::CONTAINER_FILES {
            listing.add(prefix, directory, &mut self.diagnostics);
        }
        listing
    }
}

/// A file that is looked at as if it were installed, in place of the installed one of its name.
#[derive(Debug, Clone)]
pub enum Given {
    /// A container file.
    File(FileName, PathBuf),
    /// A drop-in: what is before `.toml.d`, and the file.
    DropIn(String, PathBuf),
}

/// The container file `name` alone, if it is there.
pub fn search_one(prefix: &Prefix, name: &FileName) -> Search {
    let mut search = Search::default();
    let mut listing = search.list(prefix);
    if let Some((name, ranked)) = listing.candidates.remove_entry(name) {
        let found = listing.found(prefix, name, ranked, &mut search.documents);
        search.files.push(found);
    }
    search
}

/// Every container file under `prefix` and every one of `given`. A directory that is not there holds none.
pub fn search(prefix: &Prefix, given: &[Given]) -> Search {
    let mut search = Search::default();
    let mut listing = search.list(prefix);
    listing.replace(given);
    if listing.candidates.len() > MOST_FILES {
        let message = format!(
            "there are {} container files, and only the first {MOST_FILES} by name are read",
            listing.candidates.len()
        );
        let fault = Fault::new(rule::TOO_MANY, message);
        let directory = Path::new(place::CONTAINER_FILES[0]);
        search
            .diagnostics
            .push(Diagnostic::of_file(directory, fault));
    }
    let names: Vec<_> = listing.candidates.keys().collect();
    let unused = listing.drop_ins.unused(&names);
    let candidates = std::mem::take(&mut listing.candidates);
    let count = candidates.len().min(MOST_FILES);
    search.files.reserve(count);
    search.documents.reserve(count);
    for (name, ranked) in candidates.into_iter().take(MOST_FILES) {
        let found = listing.found(prefix, name, ranked, &mut search.documents);
        search.files.push(found);
    }
    search.diagnostics.extend(unused);
    search
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
