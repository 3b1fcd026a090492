//! A root in; every container file under it, read and checked against the others and the units there are, out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::file::{ContainerFile, Refused, parse};
use super::name::FileName;
use super::requires::{Known, KnownUnits, State, check};
use super::search::{Content, Found, search};
use super::{Container, Name};
use crate::diagnostic::{Diagnostic, Severity, rule};
use crate::document::{Source, text_of};
use crate::prefix::Prefix;

mod clash;

use clash::ExistingUnits;

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
    read_with(prefix, Vec::new())
}

/// The same with `given` files in place of the installed ones of their names, and besides them: what would be if they were
/// installed.
pub fn read_with(prefix: &Prefix, given: Vec<Found>) -> Installed {
    let found = search(prefix);
    let mut installed = Installed {
        diagnostics: found.diagnostics,
        ..Installed::default()
    };
    let mut files: BTreeMap<FileName, Found> = found
        .files
        .into_iter()
        .map(|file| (file.name.clone(), file))
        .collect();
    for mut file in given {
        // The drop-ins of its name would be meant for it too.
        let replaced = files
            .remove(&file.name)
            .map(|replaced| replaced.diagnostics);
        let drop_ins = replaced
            .into_iter()
            .flatten()
            .filter(|diagnostic| diagnostic.rule == rule::NOT_YET);
        let path = file.source.clone();
        file.diagnostics
            .extend(drop_ins.map(|diagnostic| Diagnostic {
                path: path.clone(),
                ..diagnostic
            }));
        files.insert(file.name.clone(), file);
    }

    let units = ExistingUnits::read(prefix, &mut installed.diagnostics);
    for found in files.into_values() {
        installed.judge(found);
    }
    installed.drop_clashing(&units);
    installed.check_references();
    installed.gather_diagnostics();
    installed
}

impl Installed {
    /// What one file is on its own.
    fn judge(&mut self, found: Found) {
        let Found {
            name,
            source,
            content,
            shadowed,
            diagnostics,
        } = found;
        for weaker in shadowed {
            self.shadowed.push((name.clone(), weaker, source.clone()));
        }
        let refused = |diagnostics| Refused {
            name: name.clone(),
            source: source.clone(),
            names: name.name().into_iter().collect(),
            diagnostics,
        };
        let parsed = match content {
            Ok(Content::Mask) => return self.masked.push((name, source)),
            Err(fault) => Err(refused(vec![Diagnostic::of_file(&source, fault)])),
            Ok(Content::Bytes(bytes)) => text_of(&source, &bytes)
                .map_err(refused)
                .and_then(|text| parse(&name, &source, text)),
        };
        let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics
            .into_iter()
            .partition(|diagnostic| diagnostic.severity == Severity::Error);
        self.diagnostics.extend(warnings);
        match parsed {
            Ok(file) if errors.is_empty() => self.good.push(file),
            Ok(file) => self.refused.push(refuse(file, errors)),
            Err(mut refused) => {
                refused.diagnostics.splice(0..0, errors);
                self.refused.push(refused);
            }
        }
    }

    /// Takes out what would stand in for another unit, and nothing else of its file.
    fn drop_clashing(&mut self, units: &ExistingUnits) {
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
        for (index, fault) in check(&references, &known) {
            let (file, reference) = references[index];
            let ContainerFile { source, text, .. } = &self.good[file];
            let diagnostic = Source::new(source, text).diagnostic(reference.span.clone(), fault);
            faults.entry(file).or_default().push(diagnostic);
        }
        let files = std::mem::take(&mut self.good);
        for (index, file) in files.into_iter().enumerate() {
            match faults.remove(&index) {
                None => self.good.push(file),
                Some(diagnostics) => self.refused.push(refuse(file, diagnostics)),
            }
        }
        self.refused.sort_by(|a, b| a.name.cmp(&b.name));
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
        // By file; within one they have their order already.
        found.sort_by(|a, b| a.path.cmp(&b.path));
        self.diagnostics = found;
    }
}

fn refuse(file: ContainerFile, mut diagnostics: Vec<Diagnostic>) -> Refused {
    crate::document::sort(&mut diagnostics);
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
