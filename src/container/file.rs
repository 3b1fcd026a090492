//! The text of one container file in; the containers it makes, or everything that is wrong with it, out.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::name::FileName;
use super::requires::Reference;
use super::{Container, Name, instances};
use crate::diagnostic::Diagnostic;
use crate::document::{Percent, Reader, Source, Table, sort};

mod read;

use read::{Read, read_container};

/// A file without mistakes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFile {
    /// `web` or `web@`.
    pub name: FileName,
    /// As the booted system sees it.
    pub source: PathBuf,
    /// What is in it, to point at when other files show that something is wrong with it.
    pub text: String,
    /// What it makes: one container, or one for each instance.
    pub containers: Vec<Container>,
    /// What its containers require.
    pub references: Vec<Reference>,
    /// Where the program is written.
    pub program: Range<usize>,
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

/// The containers of `text`, read from `source`, a file called `name`; or every mistake in it.
pub fn parse(name: &FileName, source: &Path, text: &str) -> Result<ContainerFile, Refused> {
    let document = Source::new(source, text);
    let refused = |names, diagnostics| Refused {
        name: name.clone(),
        source: source.to_owned(),
        names,
        diagnostics,
    };
    let table = document
        .parse()
        .map_err(|diagnostics| refused(name.name().into_iter().collect(), diagnostics))?;

    let mut reader = Reader::new(&document, Percent::Literal);
    let names = instances::read(
        &mut reader,
        &mut Table::new("", table.get_ref()),
        name,
        text.len(),
    );
    let mut diagnostics = reader.into_diagnostics();
    // Where no name is known the rest of the file has its mistakes too; any instance shows them.
    let stand_in = if names.is_empty() {
        name.instance("1").ok()
    } else {
        None
    };
    match read_containers(&document, table.get_ref(), names.iter().chain(&stand_in)) {
        Ok(read) if diagnostics.is_empty() => {
            let program = read.first().map_or(0..0, |first| first.program.clone());
            let (containers, references): (Vec<_>, Vec<_>) = read
                .into_iter()
                .map(|read| (read.container, read.references))
                .unzip();
            let references = references.into_iter().flatten().collect();
            let (name, source, text) = (name.clone(), source.to_owned(), text.to_owned());
            return Ok(ContainerFile {
                name,
                source,
                text,
                containers,
                references,
                program,
            });
        }
        Ok(_) => {}
        Err(found) => diagnostics.extend(found),
    }
    sort(&mut diagnostics);
    Err(refused(names, diagnostics))
}

/// The containers `names`, or the mistakes of the first that has any: the others have the same.
fn read_containers<'a>(
    document: &Source<'_>,
    table: &DeTable<'_>,
    names: impl Iterator<Item = &'a Name>,
) -> Result<Vec<Read>, Vec<Diagnostic>> {
    names
        .map(|name| read_container(document, table, name))
        .collect()
}

#[cfg(test)]
mod tests;
