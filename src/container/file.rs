//! One container file and its drop-ins in; the containers they make, or everything that is wrong with them, out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::name::FileName;
use super::references::Reference;
use super::{Container, Name, instances, keys};
use crate::diagnostic::{Diagnostic, Fault, rule};
use crate::document::{Layer, MOST_MISTAKES, Percent, Reader, Source, Table, sort};

mod read;
pub mod wish;

use read::{Read, read_container};
use wish::Wish;

/// A file without mistakes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFile {
    /// `web` or `web@`.
    pub name: FileName,
    /// As the booted system sees it.
    pub source: PathBuf,
    /// Its number among all files that were read.
    pub document: usize,
    /// What it makes: one container, or one for each instance.
    pub containers: Vec<Container>,
    /// What its containers have to do with others.
    pub references: Vec<Reference>,
    /// What its containers count on.
    pub wishes: Vec<Wish>,
}

/// A file that makes no containers, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `web` or `web@`.
    pub name: FileName,
    /// As the booted system sees it.
    pub source: PathBuf,
    /// The containers it would have made; empty when that cannot be known.
    pub names: Vec<Name>,
    /// At least one, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Refused {
    /// Its first mistake, on one line.
    pub fn why(&self) -> String {
        self.diagnostics
            .first()
            .map(Diagnostic::one_line)
            .unwrap_or_default()
    }
}

/// What says something about the containers of one file, weakest first.
#[derive(Debug, Clone)]
pub struct Layers<'d> {
    /// The file itself and the drop-ins for all that it makes.
    pub common: Vec<Layer<'d>>,
    /// The same with the drop-ins of single instances among them, for those that have any.
    pub instances: BTreeMap<String, Vec<Layer<'d>>>,
    /// How many mistakes of one container are told.
    pub most_mistakes: usize,
    /// Whether anybody asks what the containers count on.
    pub with_wishes: bool,
    /// The one container that is asked for, if not all are.
    pub only: Option<&'d Name>,
}

/// The containers of `text` alone, read from `source`, a file called `name`; or every mistake in it.
pub fn parse(name: &FileName, source: &Path, text: &str) -> Result<ContainerFile, Refused> {
    let sources = [Source::new(source, text)];
    let table = sources[0].parse().map_err(|diagnostics| Refused {
        name: name.clone(),
        source: source.to_owned(),
        names: name.name().into_iter().collect(),
        diagnostics,
    })?;
    let layers = Layers {
        common: vec![Layer {
            document: 0,
            table: &table,
        }],
        instances: BTreeMap::new(),
        most_mistakes: MOST_MISTAKES,
        with_wishes: true,
        only: None,
    };
    read_file(name, &sources, 0, &layers)
}

/// The containers of the file with the number `document` among `sources`, as `layers` describe them; or every mistake in them.
pub fn read_file(
    name: &FileName,
    sources: &[Source<'_>],
    document: usize,
    layers: &Layers<'_>,
) -> Result<ContainerFile, Refused> {
    let mut reader = Reader::new(sources, document, Percent::Literal).telling(layers.most_mistakes);
    let length = layers.length(sources);
    let mut names = read_names(&mut reader, name, layers, length);
    let mut diagnostics = reader.into_diagnostics();
    // Where no name is known the rest of the file has its mistakes too; any instance shows them.
    let stand_in = if names.is_empty() {
        name.instance("1").ok()
    } else {
        None
    };
    if let Some(only) = layers.only {
        names.retain(|name| name == only);
    }
    let read = names
        .iter()
        .chain(&stand_in)
        .map(|name| read_container(sources, document, layers, name));
    let mut file = ContainerFile {
        name: name.clone(),
        source: sources[document].path().to_owned(),
        document,
        containers: Vec::with_capacity(names.len()),
        references: Vec::new(),
        wishes: Vec::new(),
    };
    match file.take_all(read) {
        Ok(()) if diagnostics.is_empty() => return Ok(file),
        Ok(()) => {}
        Err(found) => diagnostics.extend(found),
    }
    sort(&mut diagnostics);
    Err(Refused {
        name: file.name,
        source: file.source,
        names,
        diagnostics,
    })
}

/// Adds all of `more`. Mostly there is only one container to take it from.
fn extend<T>(all: &mut Vec<T>, more: &mut Vec<T>) {
    if all.is_empty() {
        std::mem::swap(all, more);
    } else {
        all.append(more);
    }
}

impl ContainerFile {
    /// Takes all that are `read`, or gives the mistakes of those that have any: mostly each has the same, unless a drop-in of one
    /// instance brings its own.
    fn take_all(
        &mut self,
        read: impl Iterator<Item = Result<Read, Vec<Diagnostic>>>,
    ) -> Result<(), Vec<Diagnostic>> {
        // A template of ten thousand instances says the same ten thousand times, and to find that out takes long.
        const MOST: usize = 100;
        let mut bad = Vec::new();
        for read in read {
            match read {
                Ok(mut read) if bad.is_empty() => {
                    self.containers.push(read.container);
                    extend(&mut self.references, &mut read.references);
                    extend(&mut self.wishes, &mut read.wishes);
                }
                Ok(_) => {}
                Err(diagnostics) => bad.push(diagnostics),
            }
            if bad.len() == MOST {
                break;
            }
        }
        match bad.is_empty() {
            true => Ok(()),
            false => Err(bad.concat()),
        }
    }
}

/// The names of the containers that the file makes. A drop-in of one instance cannot say how many there are.
fn read_names(
    reader: &mut Reader<'_>,
    name: &FileName,
    layers: &Layers<'_>,
    length: usize,
) -> Vec<Name> {
    let key = keys::INSTANCES.about.name;
    let is_common = |layer: &Layer<'_>| {
        let mut common = layers.common.iter();
        common.any(|common| common.document == layer.document)
    };
    let own = layers
        .instances
        .values()
        .flatten()
        .filter(|layer| !is_common(layer));
    for layer in own {
        if let Some(place) = Table::of_layers(&[*layer]).place_of(key) {
            let message =
                format!("instances belongs in \"{name}.toml\" or its drop-ins for all of them");
            reader.fault(place, Fault::new(rule::INSTANCES, message));
        }
    }
    let is_written = layers.common.iter().any(|layer| layer.table.has(key));
    match name.name() {
        // Nearly every file, and the table would be for nothing.
        Some(name) if !is_written => vec![name],
        _ => instances::read(reader, &mut Table::of_layers(&layers.common), name, length),
    }
}

impl<'d> Layers<'d> {
    /// What there is to read for one container, in bytes.
    pub fn length(&self, sources: &[Source<'_>]) -> usize {
        let layers = self.common.iter();
        layers
            .map(|layer| sources[layer.document].text().len())
            .sum()
    }

    /// What says something about one container.
    pub fn of(&self, name: &Name) -> &[Layer<'d>] {
        if self.instances.is_empty() {
            return &self.common;
        }
        let instance = name
            .instance()
            .and_then(|instance| self.instances.get(instance));
        instance.unwrap_or(&self.common)
    }
}

/// The one container of a file `web.toml` with this text, for tests.
#[cfg(test)]
pub(crate) fn web(text: &str) -> Container {
    let name = crate::container::name::FileName::parse("web").unwrap();
    let file = parse(&name, Path::new("/etc/lodger/web.toml"), text).unwrap();
    file.containers.into_iter().next().unwrap()
}

#[cfg(test)]
mod tests;
