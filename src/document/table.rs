//! TOML tables that lie over each other in; the values of the keys that lodger asks for out, and at the end the keys nobody asked for.

use std::collections::BTreeMap;
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

/// One key of a table, with the values that the files give it.
#[derive(Debug, Clone)]
pub struct Entry<'d> {
    /// The key.
    pub key: &'d str,
    /// Where it is written, and what as, weakest first; at least one.
    pub values: Vec<(Place, Value<'d>)>,
}

/// One table while it is read.
#[derive(Debug, Default)]
pub struct Table<'d> {
    /// Sorted by key.
    entries: BTreeMap<&'d str, Vec<(Place, Value<'d>)>>,
    /// `[root]`, or empty for the top level.
    title: String,
    asked: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// The top level of `layers`, weakest first.
    pub fn of_layers(layers: &[Layer<'d>]) -> Self {
        Self::merged("", layers.iter().map(|layer| (layer.document, layer.table)))
    }

    /// The table called `title` in messages, made of a number of tables, each with the number of its file.
    pub fn merged(
        title: impl Into<String>,
        tables: impl IntoIterator<Item = (usize, &'d DeTable<'d>)>,
    ) -> Self {
        let mut entries: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (document, table) in tables {
            for (key, value) in table {
                let at = |span| Place { document, span };
                let name: &str = key.get_ref();
                let key_place = at(key.span());
                let place = at(value.span());
                let value = Value {
                    value: value.get_ref(),
                    place,
                };
                entries.entry(name).or_default().push((key_place, value));
            }
        }
        Self {
            entries,
            title: title.into(),
            asked: Vec::new(),
        }
    }

    /// The values of `key`, weakest first; the key is known from now on, whether it is there or not.
    pub fn take(&mut self, key: &'static str) -> Vec<Value<'d>> {
        self.asked.push(key);
        let values = self.entries.remove(key).unwrap_or_default();
        values.into_iter().map(|(_, value)| value).collect()
    }

    /// Where `key` is written, as the strongest file has it; it is not asked for by that.
    pub fn place_of(&self, key: &str) -> Option<&Place> {
        self.entries
            .get(key)
            .and_then(|values| values.last())
            .map(|(place, _)| place)
    }

    /// Where the value of `key` is written, as the strongest file has it; it is not asked for by that.
    pub fn place_of_value(&self, key: &str) -> Option<&Place> {
        self.entries
            .get(key)
            .and_then(|values| values.last())
            .map(|(_, value)| &value.place)
    }

    /// Whether a key that nobody asked for is `key`, misspelt: then it is not missing as well.
    pub fn has_misspelt(&self, key: &str) -> bool {
        self.entries
            .keys()
            .any(|written| did_you_mean(written, self.asked.iter().copied()) == Some(key))
    }

    /// Every key that is left, for tables whose keys are names.
    pub fn into_entries(self) -> impl Iterator<Item = Entry<'d>> {
        self.entries
            .into_iter()
            .map(|(key, values)| Entry { key, values })
    }

    /// A fault for each key that nobody asked for, in the order of the files. What may have been meant is looked for when the
    /// fault is.
    pub fn into_unknown(self) -> impl ExactSizeIterator<Item = (Place, Fault)> {
        let Self {
            entries,
            title,
            asked,
        } = self;
        let title = match title.as_str() {
            "" => String::new(),
            title => format!(" in {title}"),
        };
        let keys = entries.into_iter().flat_map(|(key, values)| {
            let values = values.into_iter();
            values.map(move |(place, value)| (place, key, value.value))
        });
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(|(place, ..)| (place.document, place.span.start));
        keys.into_iter().map(move |(place, key, value)| {
            let kind = if is_table(value) { "table" } else { "key" };
            let message = format!("unknown {kind} {}{title}", quote(key));
            let meant = did_you_mean(key, asked.iter().copied());
            (place, Fault::new(rule::UNKNOWN_KEY, message).suggest(meant))
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
