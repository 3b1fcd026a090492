//! A container's name in; every key that is written about it, with the value that counts and where it is written, out.

use std::path::PathBuf;

use super::installed::Installed;
use super::name::FileName;
use crate::document::{Branch, Layer, Place, Source, Table, Toml, Value, text_of};
use crate::exact_path;
use serde::Serialize;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The whole key, as TOML writes it: `limits.memory`.
    pub key: String,
    /// The value as it is written.
    pub value: String,
    /// The file that has the last word.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
    /// Where in it, counted from 1.
    pub line: usize,
    /// The places whose values do not count, weakest first.
    pub overridden: Vec<Line>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The file.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
    /// Counted from 1.
    pub line: usize,
}

/// What is written about the containers of the file `name`, or about one instance of it, by key. A document that is no TOML has
/// nothing to say.
pub fn sources(installed: &Installed, name: &FileName, instance: Option<&str>) -> Vec<Origin> {
    let Some(layering) = installed.layers.get(name) else {
        return Vec::new();
    };
    let own = instance.and_then(|instance| layering.instances.get(instance));
    let numbers = own.unwrap_or(&layering.common);
    let texts: Vec<Source<'_>> = installed
        .documents
        .iter()
        .map(|document| {
            let content = document.content.as_ref().ok();
            let bytes = content.and_then(|content| content.bytes());
            let text = bytes.and_then(|bytes| text_of(&document.source, bytes).ok());
            Source::new(&document.source, text.unwrap_or_default())
        })
        .collect();
    let parsed: Vec<(usize, Branch<'_>)> = numbers
        .iter()
        .filter_map(|number| Some((*number, texts[*number].parse().ok()?)))
        .collect();
    let layers: Vec<_> = parsed
        .iter()
        .map(|(document, table)| Layer {
            document: *document,
            table,
        })
        .collect();
    let mut origins = Vec::new();
    walk(&texts, "", Table::of_layers(&layers), &mut origins);
    origins
}

/// `prefix` is the key of the table itself.
fn walk(texts: &[Source<'_>], prefix: &str, mut table: Table<'_>, origins: &mut Vec<Origin>) {
    // What is said about a place or a secret is said whole.
    let is_whole = matches!(prefix, "mounts" | "credentials");
    for entry in table.entries() {
        let key = match prefix {
            "" => written(entry.key),
            prefix => format!("{prefix}.{}", written(entry.key)),
        };
        let counted = entry.values.iter().rev();
        let tables: Vec<_> = counted
            .map_while(|written| match written.value().toml() {
                Toml::Table(table) => Some((written.value().document(), table)),
                _ => None,
            })
            .take(if is_whole { 1 } else { usize::MAX })
            .collect();
        let Some(strongest) = entry.values.last() else {
            continue;
        };
        if tables.is_empty() {
            let weaker = &entry.values[..entry.values.len() - 1];
            let overridden = weaker
                .iter()
                .map(|written| line(texts, &written.place()))
                .collect();
            origins.push(origin(
                texts,
                key,
                &strongest.place(),
                &strongest.value(),
                overridden,
            ));
        } else {
            let mut merged = Table::new("");
            for (document, table) in tables.into_iter().rev() {
                merged.add(document, table);
            }
            walk(texts, &key, merged, origins);
        }
    }
}

fn origin(
    texts: &[Source<'_>],
    key: String,
    place: &Place,
    value: &Value<'_>,
    overridden: Vec<Line>,
) -> Origin {
    let Line { path, line } = line(texts, place);
    let text = texts[value.document()].text();
    let value = text.get(value.place().span).unwrap_or_default();
    Origin {
        key,
        value: value.to_owned(),
        path,
        line,
        overridden,
    }
}

fn line(texts: &[Source<'_>], place: &Place) -> Line {
    let source = &texts[place.document];
    Line {
        path: source.path().to_owned(),
        line: source.line(place.span.start),
    }
}

/// A key as TOML writes it: in quotes unless it is a bare one.
fn written(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}
