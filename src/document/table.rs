//! TOML tables that lie over each other in; the values of the keys that lodger asks for out, and at the end the keys nobody asked for.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::Layer;
use crate::diagnostic::{Fault, did_you_mean, quote, rule};

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The number of the file among all that are read.
    pub document: usize,
    /// The bytes it takes in that file.
    pub span: Range<usize>,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Value<'d> {
    /// What was written.
    pub value: &'d DeValue<'d>,
    /// Where.
    pub place: Place,
}

/// A key as one file writes it.
#[derive(Debug, Clone)]
pub struct Written<'d> {
    key: &'d str,
    is_asked: bool,
    /// Where the key is written.
    pub place: Place,
    /// What as.
    pub value: Value<'d>,
}

/// One key of a table, with the values that the files give it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'t, 'd> {
    /// The key.
    pub key: &'d str,
    /// Weakest first; at least one.
    pub values: &'t [Written<'d>],
}

/// One table while it is read.
#[derive(Debug, Default)]
pub struct Table<'d> {
    /// Sorted by key, then weakest first.
    written: Vec<Written<'d>>,
    /// `[root]`, or empty for the top level; `mounts` for one of its entries.
    title: &'static str,
    /// The name of an entry.
    name: Option<&'d str>,
    asked: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// The table called `title` in messages, without keys.
    pub fn new(title: &'static str) -> Self {
        Self {
            written: Vec::new(),
            title,
            name: None,
            // What most containers are asked for.
            asked: Vec::with_capacity(32),
        }
    }

    /// The table of the entry `name` in the table called `title`, without keys.
    pub fn of_entry(title: &'static str, name: &'d str) -> Self {
        Self {
            name: Some(name),
            ..Self::new(title)
        }
    }

    /// The top level of `layers`, weakest first.
    pub fn of_layers(layers: &[Layer<'d>]) -> Self {
        let mut table = Self::new("");
        for layer in layers {
            table.add(layer.document, layer.table);
        }
        table
    }

    /// Lays `table`, of the file with the number `document`, over what is there.
    pub fn add(&mut self, document: usize, table: &'d DeTable<'d>) {
        let at = |span| Place { document, span };
        let written = table.iter().map(|(key, value)| Written {
            key: key.get_ref(),
            is_asked: false,
            place: at(key.span()),
            value: Value {
                value: value.get_ref(),
                place: at(value.span()),
            },
        });
        self.written.extend(written);
        // Stable: of one key the stronger stays behind.
        self.written.sort_by(|a, b| a.key.cmp(b.key));
    }

    /// What the files write for `key`, weakest first; the key is known from now on, whether it is there or not.
    pub fn take(&mut self, key: &'static str) -> &[Written<'d>] {
        self.asked.push(key);
        let range = self.range(key);
        let found = &mut self.written[range];
        for written in &mut *found {
            written.is_asked = true;
        }
        found
    }

    fn range(&self, key: &str) -> Range<usize> {
        let is = |written: &Written<'_>| written.key == key;
        // Tables are short. Lengths differ sooner than text does, so this is quicker than a search by halves.
        let start = self.written.iter().position(is);
        let start = start.unwrap_or(self.written.len());
        let found = self.written[start..].iter();
        start..start + found.take_while(|written| is(written)).count()
    }

    /// The strongest that is written for `key`, unless it was asked for.
    fn strongest(&self, key: &str) -> Option<&Written<'d>> {
        let found = &self.written[self.range(key)];
        found.last().filter(|written| !written.is_asked)
    }

    /// Where `key` is written, as the strongest file has it; it is not asked for by that.
    pub fn place_of(&self, key: &str) -> Option<&Place> {
        self.strongest(key).map(|written| &written.place)
    }

    /// Where the value of `key` is written, as the strongest file has it; it is not asked for by that.
    pub fn place_of_value(&self, key: &str) -> Option<&Place> {
        self.strongest(key).map(|written| &written.value.place)
    }

    /// Whether a key that nobody asked for is `key`, misspelt: then it is not missing as well.
    pub fn has_misspelt(&self, key: &str) -> bool {
        self.entries()
            .any(|entry| did_you_mean(entry.key, self.asked.iter().copied()) == Some(key))
    }

    /// Every key that is left, for tables whose keys are names.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_, 'd>> {
        let keys = self.written.chunk_by(|a, b| a.key == b.key);
        keys.filter_map(|values| match values {
            [first, ..] if !first.is_asked => Some(Entry {
                key: first.key,
                values,
            }),
            _ => None,
        })
    }

    /// A fault for each key that nobody asked for, in the order of the files. What may have been meant is looked for when the
    /// fault is.
    pub fn into_unknown(self) -> impl ExactSizeIterator<Item = (Place, Fault)> {
        let title = match (self.title, self.name) {
            ("", _) => String::new(),
            (title, None) => format!(" in {title}"),
            (title, Some(name)) => format!(" in [{title}.{}]", quote(name)),
        };
        let left = self.written.into_iter().filter(|written| !written.is_asked);
        let mut left: Vec<_> = left.collect();
        left.sort_by_key(|written| (written.place.document, written.place.span.start));
        left.into_iter().map(move |written| {
            let kind = match is_table(written.value.value) {
                true => "table",
                false => "key",
            };
            let message = format!("unknown {kind} {}{title}", quote(written.key));
            let meant = did_you_mean(written.key, self.asked.iter().copied());
            let fault = Fault::new(rule::UNKNOWN_KEY, message).suggest(meant);
            (written.place, fault)
        })
    }
}

/// Whether it is written in brackets of its own, `[so]` or `[[so]]`, or could be.
fn is_table(value: &DeValue<'_>) -> bool {
    let tables = |items: &toml::de::DeArray<'_>| {
        !items.is_empty() && items.iter().all(|item| item.get_ref().is_table())
    };
    value.is_table() || value.as_array().is_some_and(tables)
}
