//! The directories of container files in; what lies in them, before anything is opened, and then the files of one name out.

use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::content::{not_there_at_boot, read_unchanged};
use super::drop_ins::{DropIn, DropIns};
use super::{Content, Documents, Found, Given, file_name, read_content};
use crate::container::name::FileName;
use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::prefix::Prefix;

/// A directory of container files.
#[derive(Debug)]
struct Directory {
    /// As its user knows it.
    source: &'static str,
    /// To open what is in it; `None` when it is not there.
    fd: Option<OwnedFd>,
}

/// A file.
#[derive(Debug)]
enum Candidate {
    /// What is in a directory: the number of that, and the entry.
    Listed(usize, Entry),
    /// Somewhere else.
    Given(PathBuf),
}

/// The files of one name.
#[derive(Debug)]
pub struct Ranked {
    strongest: Candidate,
    weaker: Vec<Candidate>,
}

/// What a directory tells of something in it.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// What it is, links not followed.
    pub kind: FileType,
}

/// What lies in the directories, before anything is opened.
#[derive(Debug, Default)]
pub struct Listing {
    /// Strongest first.
    directories: Vec<Directory>,
    /// The files, by name.
    pub candidates: BTreeMap<FileName, Ranked>,
    /// The drop-ins.
    pub drop_ins: DropIns,
    /// Names that a file in a directory that cannot be read may have, and would be stronger.
    unsure: BTreeSet<FileName>,
    unreadable: Option<&'static str>,
}

impl From<Candidate> for Ranked {
    fn from(only: Candidate) -> Self {
        Self {
            strongest: only,
            weaker: Vec::new(),
        }
    }
}

impl Listing {
    /// Adds what is in `directory`, which is weaker than those before it.
    pub fn add(
        &mut self,
        prefix: &Prefix,
        directory: &'static str,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let path = prefix.at(directory);
        self.directories.push(Directory {
            source: directory,
            fd: open_directory(&path),
        });
        match list(&path) {
            Ok(entries) => self.add_entries(prefix, directory, entries, diagnostics),
            Err(error) => {
                let diagnostic = Diagnostic::of_unreadable_directory(Path::new(directory), &error);
                diagnostics.push(diagnostic);
                self.unreadable = self.unreadable.or(Some(directory));
            }
        }
    }

    fn add_entries(
        &mut self,
        prefix: &Prefix,
        directory: &'static str,
        entries: Vec<Entry>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let mut found = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(stem) = entry.name.as_bytes().strip_suffix(b".toml.d") {
                let source = in_directory(directory, &entry.name);
                let path = prefix.at(&source);
                let stem = String::from_utf8_lossy(stem).into_owned();
                self.drop_ins
                    .add(stem, &source, &path, entry.kind, diagnostics);
                continue;
            }
            match file_name(&entry.name) {
                None => {}
                Some(Ok(name)) => found.push((name, entry)),
                Some(Err(fault)) => {
                    let source = in_directory(directory, &entry.name);
                    diagnostics.push(Diagnostic::of_file(&source, fault));
                }
            }
        }
        self.add_candidates(found);
    }

    /// Adds the files of the directory that was added last.
    fn add_candidates(&mut self, found: Vec<(FileName, Entry)>) {
        let number = self.directories.len() - 1;
        let found = found
            .into_iter()
            .map(|(name, entry)| (name, Candidate::Listed(number, entry)));
        if self.candidates.is_empty() && self.unreadable.is_none() {
            // Mostly all are in one directory, in order: to build the map from them all is quicker than one by one.
            self.candidates = found.map(|(name, one)| (name, one.into())).collect();
            return;
        }
        for (name, candidate) in found {
            if self.unreadable.is_some() && !self.candidates.contains_key(&name) {
                self.unsure.insert(name.clone());
            }
            match self.candidates.entry(name) {
                Vacant(first) => {
                    first.insert(candidate.into());
                }
                Occupied(mut stronger) => stronger.get_mut().weaker.push(candidate),
            }
        }
    }

    /// Puts each of `given` in the place of those of its name.
    pub fn replace(&mut self, given: &[Given]) {
        for given in given {
            match given {
                Given::File(name, path) => {
                    self.unsure.remove(name);
                    let given = Candidate::Given(path.clone());
                    self.candidates.insert(name.clone(), given.into());
                }
                Given::DropIn(stem, path) => self.drop_ins.replace(stem, path),
            }
        }
    }

    /// As its user knows it.
    fn source(&self, candidate: &Candidate) -> PathBuf {
        match candidate {
            Candidate::Listed(number, entry) => {
                in_directory(self.directories[*number].source, &entry.name)
            }
            Candidate::Given(path) => path.clone(),
        }
    }

    fn content(
        &self,
        prefix: &Prefix,
        candidate: &Candidate,
        source: &Path,
        buffer: &mut [u8],
    ) -> Result<Content, Fault> {
        let Candidate::Listed(number, entry) = candidate else {
            return read_content(source);
        };
        let unchanged = match &self.directories[*number].fd {
            Some(fd) if entry.kind.is_file() => {
                read_unchanged(fd.as_fd(), Path::new(&entry.name), buffer)
            }
            _ => None,
        };
        unchanged.map_or_else(|| read_content(&prefix.at(source)), Ok)
    }

    /// What there is of `name`, read.
    pub fn found(
        &self,
        prefix: &Prefix,
        name: FileName,
        ranked: Ranked,
        documents: &mut Documents,
    ) -> Found {
        let Ranked { strongest, weaker } = ranked;
        let source = self.source(&strongest);
        let mut diagnostics = self.drop_ins.faults(&name, &source);
        if matches!(&strongest, Candidate::Listed(_, entry) if entry.kind.is_symlink()) {
            diagnostics.extend(not_there_at_boot(prefix, &source));
        }
        let document = match self.unreadable {
            None => documents.read(source, |source, buffer| {
                self.content(prefix, &strongest, source, buffer)
            }),
            Some(directory) => {
                let fault = unsure(directory, self.unsure.contains(&name));
                documents.add(source, Err(fault))
            }
        };
        let mut read = |files: Vec<&DropIn>| -> Vec<usize> {
            let files = files.into_iter();
            files
                .map(|file| documents.read_once(&file.source, |_, buffer| file.content(buffer)))
                .collect()
        };
        let drop_ins = read(self.drop_ins.of(name.as_str()));
        let mut instances = BTreeMap::new();
        for instance in self.drop_ins.instances(&name) {
            let files = self.drop_ins.of(&format!("{name}{instance}"));
            instances.insert(instance.to_owned(), read(files));
        }
        Found {
            document,
            drop_ins,
            instances,
            shadowed: weaker.iter().map(|weaker| self.source(weaker)).collect(),
            diagnostics,
            name,
        }
    }
}

/// A file that would replace or mask the one that is there may lie in `directory`, or a drop-in of it.
fn unsure(directory: &str, is_stronger: bool) -> Fault {
    let what = if is_stronger {
        "a file in"
    } else {
        "a drop-in in"
    };
    let message = format!(
        "{what} {} would be stronger, and that directory cannot be read",
        quote(directory)
    );
    Fault::new(rule::UNREADABLE, message)
}

/// The path of the entry `name`, in one allocation.
fn in_directory(directory: &str, name: &OsStr) -> PathBuf {
    let mut path = OsString::with_capacity(directory.len() + 1 + name.len());
    path.push(directory);
    path.push("/");
    path.push(name);
    path.into()
}

/// To open what is in it. Whether it is there, and can be read, its list tells.
fn open_directory(path: &Path) -> Option<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).ok()
}

/// What is in a directory, sorted, since the order in which the kernel tells it means nothing.
pub fn list(directory: &Path) -> io::Result<Vec<Entry>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // A dangling link is not nothing: somebody meant something by it.
        Err(error) if error.kind() == ErrorKind::NotFound && !directory.is_symlink() => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut listed = entries
        .map(|entry| {
            let entry = entry?;
            Ok(Entry {
                name: entry.file_name(),
                kind: entry.file_type()?,
            })
        })
        .collect::<io::Result<Vec<_>>>()?;
    listed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(listed)
}
