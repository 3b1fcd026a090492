//! A root in; every container file under it, read and checked against the others and the units there are, out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::file::{ContainerFile, Refused};
use super::name::FileName;
use super::references::{Known, KnownUnits, State, check};
use super::search::{Documents, Found, Given, Search, search, search_one};
use super::{Container, Name};
use crate::diagnostic::{Diagnostic, Fault, Severity};
use crate::document::{Place, Source, sort, text_of};
use crate::prefix::Prefix;
use crate::sorted::sort_by;

mod clash;
mod judge;

use clash::ExistingUnits;
use judge::Texts;

/// Everything that container files say under one root.
#[derive(Debug, Default)]
pub struct Installed {
    /// The files without mistakes, by name, with the containers that are to be made.
    pub good: Vec<ContainerFile>,
    /// The files with mistakes, by name.
    pub refused: Vec<Refused>,
    /// Containers whose unit is there already, with the mistake that is: nothing is written for them.
    pub clashing: Vec<(Name, Diagnostic)>,
    /// Units that are there already and that a stub must not stand in for either.
    pub existing: BTreeSet<String>,
    /// Files that are masks.
    pub masked: Vec<(FileName, PathBuf)>,
    /// Files that do not count: their name, the file, and the stronger one.
    pub shadowed: Vec<(FileName, PathBuf, PathBuf)>,
    /// Every mistake and warning there is, those of the files above too.
    pub diagnostics: Vec<Diagnostic>,
    /// Every file that was read.
    pub documents: Documents,
    /// The files that say something about the containers of each file; none when only units are asked for.
    pub layers: BTreeMap<FileName, Layering>,
    /// Mistakes told so far.
    told: usize,
    /// Whether anybody asks for what no unit says: what containers count on, and which files say something about them.
    with_details: bool,
    /// The one container that is asked for, if it is one.
    only: Option<Name>,
    /// Bytes of text of the good containers so far, each with its drop-ins.
    bytes: usize,
}

/// The files that say something about the containers of one file, by their numbers, weakest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layering {
    /// The file itself, and the drop-ins for all that it makes.
    pub common: Vec<usize>,
    /// The same for instances that have drop-ins of their own.
    pub instances: BTreeMap<String, Vec<usize>>,
}

impl Layering {
    fn of(file: &Found) -> Self {
        let layers = |drop_ins: &[usize]| {
            let drop_ins = drop_ins.iter().copied();
            std::iter::once(file.document).chain(drop_ins).collect()
        };
        let mut instances = BTreeMap::new();
        for (instance, drop_ins) in &file.instances {
            instances.insert(instance.clone(), layers(drop_ins));
        }
        Self {
            common: layers(&file.drop_ins),
            instances,
        }
    }
}

impl Installed {
    /// The containers that are to be made.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.good.iter().flat_map(|file| &file.containers)
    }

    /// Whether anything is wrong, warnings apart.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// What is installed under `prefix`.
pub fn read(prefix: &Prefix) -> Installed {
    read_with(prefix, &[])
}

/// The same without what no unit says: what containers count on, and the files that say something about each.
pub fn read_for_units(prefix: &Prefix) -> Installed {
    read_asked(prefix, &[], false)
}

/// The same with `given` files in place of the installed ones of their names, and besides them: what would be if they were
/// installed.
pub fn read_with(prefix: &Prefix, given: &[Given]) -> Installed {
    read_asked(prefix, given, true)
}

/// The container `name` as its own files describe it; `None` if none makes it. No other files are read: what it has to do with
/// other containers is not looked at.
///
/// # Errors
/// Every mistake in its files.
pub fn read_one(prefix: &Prefix, name: &Name) -> Result<Option<Container>, Vec<Diagnostic>> {
    let file = FileName::of(name);
    let mut found = search_one(prefix, &file);
    let mut installed = Installed {
        only: Some(name.clone()),
        ..Installed::default()
    };
    installed.judge_all(&mut found);
    if let Some(refused) = installed.refused.pop() {
        return Err(refused.diagnostics);
    }
    let mut containers = installed.good.into_iter().flat_map(|file| file.containers);
    Ok(containers.find(|container| container.name == *name))
}

fn read_asked(prefix: &Prefix, given: &[Given], with_details: bool) -> Installed {
    let mut found = search(prefix, given);
    let mut installed = Installed {
        diagnostics: std::mem::take(&mut found.diagnostics),
        with_details,
        ..Installed::default()
    };
    let units = ExistingUnits::read(prefix, &mut installed.diagnostics);
    installed.judge_all(&mut found);
    installed.documents = found.documents;
    installed.drop_clashing(&units);
    installed.check_references();
    installed.gather_diagnostics();
    installed
}

impl Installed {
    /// What each file that was found is on its own.
    fn judge_all(&mut self, found: &mut Search) {
        let texts = Texts::of(
            &found.documents,
            found.files.iter().flat_map(|file| {
                file.drop_ins
                    .iter()
                    .chain(file.instances.values().flatten())
            }),
        );
        if self.with_details {
            let files = found.files.iter();
            self.layers = files
                .map(|file| (file.name.clone(), Layering::of(file)))
                .collect();
        }
        self.good.reserve(found.files.len());
        for file in std::mem::take(&mut found.files) {
            self.judge(file, &texts);
        }
    }

    /// `fault` at `place`.
    pub fn diagnostic(&self, place: &Place, fault: Fault) -> Diagnostic {
        let document = self.documents.get(place.document);
        let text = document
            .content
            .as_ref()
            .ok()
            .and_then(|content| content.bytes());
        // Nothing has a place in a file that is no text.
        let text = text.and_then(|bytes| text_of(&document.source, bytes).ok());
        match text {
            Some(text) if !place.span.is_empty() => {
                Source::new(&document.source, text).diagnostic(place.span.clone(), fault)
            }
            _ => Diagnostic::of_file(&document.source, fault),
        }
    }

    /// Takes out what would stand in for another unit, and nothing else of its file.
    fn drop_clashing(&mut self, units: &ExistingUnits) {
        if units.is_empty() {
            return;
        }
        for file in &mut self.good {
            file.containers.retain(|container| {
                match units.clash(&container.name.service(), &file.source) {
                    Some(diagnostic) => {
                        self.clashing.push((container.name.clone(), diagnostic));
                        false
                    }
                    None => true,
                }
            });
            let left: BTreeSet<_> = file
                .containers
                .iter()
                .map(|container| container.name.clone())
                .collect();
            file.references
                .retain(|reference| left.contains(&reference.from));
        }
        for refused in &mut self.refused {
            let stubs = if refused.names.is_empty() {
                vec![refused.name.service()]
            } else {
                refused.names.iter().map(Name::service).collect()
            };
            for unit in stubs {
                if let Some(diagnostic) = units.clash(&unit, &refused.source) {
                    refused.diagnostics.push(diagnostic);
                    self.existing.insert(unit);
                }
            }
        }
    }

    /// Moves what requires something that will not be there, or itself, to the refused.
    fn check_references(&mut self) {
        if self.good.iter().all(|file| file.references.is_empty()) {
            return;
        }
        let known = self.known_units();
        let references: Vec<_> = self
            .good
            .iter()
            .enumerate()
            .flat_map(|(index, file)| {
                file.references
                    .iter()
                    .map(move |reference| (index, reference))
            })
            .collect();
        let mut faults: BTreeMap<usize, Vec<Diagnostic>> = BTreeMap::new();
        let verdict = check(&references, &known);
        for (index, fault) in verdict.refused {
            let (file, reference) = references[index];
            let diagnostic = self.diagnostic(&reference.place, fault);
            faults.entry(file).or_default().push(diagnostic);
        }
        let warnings = verdict.warned.into_iter().map(|(index, fault)| {
            let (_, reference) = references[index];
            self.diagnostic(&reference.place, fault).as_warning()
        });
        let warnings: Vec<_> = warnings.collect();
        self.diagnostics.extend(warnings);
        let files = std::mem::take(&mut self.good);
        for (index, file) in files.into_iter().enumerate() {
            match faults.remove(&index) {
                None => self.good.push(file),
                Some(diagnostics) => self.refused.push(refuse(file, diagnostics)),
            }
        }
        sort_by(&mut self.refused, |a, b| a.name.cmp(&b.name));
    }

    fn known_units(&self) -> KnownUnits {
        let mut known = KnownUnits::new();
        let mut add = |unit: String, name: &str, state| {
            known.insert(
                unit,
                Known {
                    name: name.to_owned(),
                    state,
                },
            )
        };
        for (index, file) in self.good.iter().enumerate() {
            for Container { name, .. } in &file.containers {
                add(name.service(), name.as_str(), State::Good(index));
            }
        }
        for (name, diagnostic) in &self.clashing {
            add(
                name.service(),
                name.as_str(),
                State::Refused(diagnostic.one_line()),
            );
        }
        for refused in &self.refused {
            let why = refused.why();
            add(
                refused.name.service(),
                refused.name.as_str(),
                State::Refused(why.clone()),
            );
            for name in &refused.names {
                add(name.service(), name.as_str(), State::Refused(why.clone()));
            }
        }
        for (name, mask) in &self.masked {
            add(
                name.service(),
                name.as_str(),
                State::Masked(mask.display().to_string()),
            );
        }
        known
    }

    fn gather_diagnostics(&mut self) {
        let mut found: Vec<Diagnostic> = self
            .clashing
            .iter()
            .map(|(_, diagnostic)| diagnostic.clone())
            .collect();
        found.extend(
            self.refused
                .iter()
                .flat_map(|refused| refused.diagnostics.iter().cloned()),
        );
        found.append(&mut self.diagnostics);
        // A drop-in's mistakes are those of many containers.
        sort(&mut found);
        self.diagnostics = found;
    }
}

fn refuse(file: ContainerFile, mut diagnostics: Vec<Diagnostic>) -> Refused {
    sort(&mut diagnostics);
    let names = file
        .containers
        .into_iter()
        .map(|container| container.name)
        .collect();
    Refused {
        name: file.name,
        source: file.source,
        names,
        diagnostics,
    }
}

#[cfg(test)]
mod tests;
