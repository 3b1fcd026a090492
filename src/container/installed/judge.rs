//! One container file and its drop-ins as they were found in; a good file, a refused one or a mask out.

use std::collections::BTreeMap;

use super::{Installed, refuse};
use crate::container::file::{ContainerFile, Layers, Refused, read_file};
use crate::container::instances::MOST_BYTES;
use crate::container::search::{Content, Documents, Found};
use crate::diagnostic::{Diagnostic, Fault, Severity, rule};
use crate::document::{Branch, Layer, MOST_MISTAKES, Source, text_of};

/// Mistakes of all files together that are told; of the files behind them only a few each.
const MOST_TOLD: usize = 20_000;
/// No fewer than a stub prints.
const FEW_MISTAKES: usize = 20;

/// All documents, and the drop-ins among them parsed: they are meant for many containers.
pub struct Texts<'d> {
    documents: &'d Documents,
    sources: Vec<Source<'d>>,
    drop_ins: BTreeMap<usize, Result<Branch<'d>, Vec<Diagnostic>>>,
}

impl<'d> Texts<'d> {
    /// `drop_ins` are numbers of documents.
    pub fn of<'n>(documents: &'d Documents, drop_ins: impl Iterator<Item = &'n usize>) -> Self {
        let sources = documents.iter().map(|document| {
            let bytes = document.content.as_ref().ok().and_then(Content::bytes);
            let text = bytes.and_then(|bytes| text_of(&document.source, bytes).ok());
            Source::new(&document.source, text.unwrap_or_default())
        });
        let mut texts = Self {
            documents,
            sources: sources.collect(),
            drop_ins: BTreeMap::new(),
        };
        let mut told = 0;
        for number in drop_ins {
            if !texts.drop_ins.contains_key(number) {
                let mut parsed = texts
                    .parse(*number)
                    .unwrap_or_else(|| Ok(Branch::default()));
                if let Err(found) = &mut parsed {
                    found.truncate(if told < MOST_TOLD { found.len() } else { 1 });
                    told += found.len();
                }
                texts.drop_ins.insert(*number, parsed);
            }
        }
        texts
    }

    /// What a document says; `None` for a mask.
    fn parse(&self, number: usize) -> Option<Result<Branch<'d>, Vec<Diagnostic>>> {
        let document = self.documents.get(number);
        match &document.content {
            Ok(Content::Mask) => None,
            Err(fault) => {
                let diagnostic = Diagnostic::of_file(&document.source, fault.clone());
                Some(Err(vec![diagnostic]))
            }
            Ok(Content::Bytes(bytes)) => {
                let source = &self.sources[number];
                // What is no text has none there.
                Some(match source.text() {
                    "" => text_of(&document.source, bytes).and_then(|_| source.parse()),
                    _ => source.parse(),
                })
            }
        }
    }

    /// The drop-ins with these numbers, or everything that is wrong with them.
    fn layers<'t>(
        &'t self,
        numbers: &[usize],
        most: usize,
    ) -> Result<Vec<Layer<'t>>, Vec<Diagnostic>> {
        let (mut layers, mut diagnostics) = (Vec::new(), Vec::new());
        for number in numbers {
            match self.drop_ins.get(number) {
                Some(Ok(table)) => layers.push(Layer {
                    document: *number,
                    table,
                }),
                Some(Err(found)) if diagnostics.len() < most => {
                    diagnostics.extend(found.iter().take(most).cloned())
                }
                Some(Err(_)) => {}
                None => {}
            }
        }
        if diagnostics.is_empty() {
            Ok(layers)
        } else {
            Err(diagnostics)
        }
    }
}

impl Installed {
    /// What one file is on its own.
    pub(super) fn judge(&mut self, found: Found, texts: &Texts<'_>) {
        let source = &texts.documents.get(found.document).source;
        for weaker in &found.shadowed {
            let shadowed = (found.name.clone(), weaker.clone(), source.clone());
            self.shadowed.push(shadowed);
        }
        let Some(parsed) = texts.parse(found.document) else {
            return self.masked.push((found.name, source.clone()));
        };
        let judged = match parsed {
            Ok(table) => read_layers(&found, &table, texts, self),
            Err(diagnostics) => Err(Refused {
                name: found.name.clone(),
                source: source.clone(),
                names: found.name.name().into_iter().collect(),
                diagnostics,
            }),
        };
        let (errors, warnings): (Vec<_>, Vec<_>) = found
            .diagnostics
            .into_iter()
            .partition(|diagnostic| diagnostic.severity == Severity::Error);
        self.diagnostics.extend(warnings);
        let judged = match judged {
            Ok(file) => self.admit(file, &found.drop_ins, texts),
            refused => refused,
        };
        match judged {
            Ok(file) if errors.is_empty() => {
                self.warn_of_strangers(&file, &found.instances, texts);
                self.good.push(file);
            }
            Ok(file) => self.refused.push(refuse(file, errors)),
            Err(mut refused) => {
                refused.diagnostics.splice(0..0, errors);
                self.told += refused.diagnostics.len();
                self.refused.push(refused);
            }
        }
    }

    /// How many mistakes of the next file are told: a drop-in may have a thousand for each of ten thousand containers.
    fn most_mistakes(&self) -> usize {
        match self.told {
            0..MOST_TOLD => MOST_MISTAKES,
            _ => FEW_MISTAKES,
        }
    }

    /// `file`, unless it and those before it say more than can be held.
    fn admit(
        &mut self,
        file: ContainerFile,
        drop_ins: &[usize],
        texts: &Texts<'_>,
    ) -> Result<ContainerFile, Refused> {
        let documents = drop_ins.iter().chain([&file.document]);
        let length: usize = documents
            .map(|number| texts.sources[*number].text().len())
            .sum();
        let bytes = self.bytes + length * file.containers.len();
        if bytes > MOST_BYTES {
            let message = format!(
                "what is said of the containers before it takes {} MiB, drop-ins counted for each, and there is no room for more",
                MOST_BYTES >> 20
            );
            let fault = Fault::new(rule::TOO_MANY, message);
            let diagnostic = Diagnostic::of_file(&file.source, fault);
            return Err(refuse(file, vec![diagnostic]));
        }
        self.bytes = bytes;
        Ok(file)
    }

    /// A drop-in for an instance that is none is meant for nothing.
    fn warn_of_strangers(
        &mut self,
        file: &ContainerFile,
        instances: &BTreeMap<String, Vec<usize>>,
        texts: &Texts<'_>,
    ) {
        let is_made = |instance: &str| {
            let mut made = file.containers.iter();
            made.any(|container| container.name.instance() == Some(instance))
        };
        for (instance, drop_ins) in instances.iter().filter(|(instance, _)| !is_made(instance)) {
            let directory = format!("{}{instance}.toml.d", file.name);
            let sources = drop_ins
                .iter()
                .map(|number| &texts.documents.get(*number).source);
            let own = sources.filter(|source| {
                source
                    .parent()
                    .is_some_and(|parent| parent.ends_with(&directory))
            });
            self.diagnostics.extend(own.map(|source| {
                let message = format!("{} makes no instance \"{instance}\"", file.source.display());
                Diagnostic::of_file(source, Fault::new(rule::UNUSED, message)).as_warning()
            }));
        }
    }
}

/// The containers of the file that says `table`, with its drop-ins over it.
fn read_layers(
    found: &Found,
    table: &Branch<'_>,
    texts: &Texts<'_>,
    installed: &Installed,
) -> Result<ContainerFile, Refused> {
    let most_mistakes = installed.most_mistakes();
    let file = Layer {
        document: found.document,
        table,
    };
    let mut diagnostics = Vec::new();
    let mut layers = |numbers: &[usize]| match texts.layers(numbers, most_mistakes) {
        Ok(drop_ins) => std::iter::once(file).chain(drop_ins).collect(),
        Err(found) => {
            diagnostics.extend(found);
            vec![file]
        }
    };
    let layers = Layers {
        common: layers(&found.drop_ins),
        instances: found
            .instances
            .iter()
            .map(|(instance, numbers)| (instance.clone(), layers(numbers)))
            .collect(),
        most_mistakes,
        with_wishes: installed.with_details,
        only: installed.only.as_ref(),
    };
    let read = read_file(&found.name, &texts.sources, found.document, &layers);
    if diagnostics.is_empty() {
        return read;
    }
    // With a drop-in that says nothing sensible, what the others say is not what was meant.
    Err(match read {
        Ok(file) => refuse(file, diagnostics),
        Err(mut refused) => {
            refused.diagnostics.extend(diagnostics);
            crate::document::sort(&mut refused.diagnostics);
            refused
        }
    })
}
