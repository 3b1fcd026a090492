//! A TOML table in; the values of the keys that lodger asks for out, and at the end the keys nobody asked for.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Fault, did_you_mean, quote, rule};

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Value<'d> {
    /// What was written.
    pub value: &'d DeValue<'d>,
    /// The bytes it takes in the text.
    pub span: Range<usize>,
}

/// One table while it is read.
#[derive(Debug)]
pub struct Table<'d> {
    entries: BTreeMap<&'d str, (Range<usize>, Value<'d>)>,
    /// `[root]`, or empty for the top level.
    title: &'static str,
    asked: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// The table called `title` in messages; empty for the top level.
    pub fn new(title: &'static str, table: &'d DeTable<'d>) -> Self {
        let entries = table
            .iter()
            .map(|(key, value)| {
                let value_span = value.span();
                let name: &str = key.get_ref();
                (
                    name,
                    (
                        key.span(),
                        Value {
                            value: value.get_ref(),
                            span: value_span,
                        },
                    ),
                )
            })
            .collect();
        Self {
            entries,
            title,
            asked: Vec::new(),
        }
    }

    /// The value of `key`, which is known from now on, whether it is there or not.
    pub fn take(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.asked.push(key);
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// Whether a key that nobody asked for is `key`, misspelt: then it is not missing as well.
    pub fn has_misspelt(&self, key: &str) -> bool {
        self.entries
            .keys()
            .any(|written| did_you_mean(written, self.asked.iter().copied()) == Some(key))
    }

    /// Every key that is left, with the place of the key and its value: for tables whose keys are names.
    pub fn into_entries(self) -> impl Iterator<Item = (&'d str, Range<usize>, Value<'d>)> {
        self.entries
            .into_iter()
            .map(|(key, (span, value))| (key, span, value))
    }

    /// A fault for each key that nobody asked for.
    pub fn into_unknown(self) -> Vec<(Range<usize>, Fault)> {
        let Self {
            entries,
            title,
            asked,
        } = self;
        let place = if title.is_empty() {
            String::new()
        } else {
            format!(" in {title}")
        };
        entries
            .into_iter()
            .map(|(key, (span, Value { value, .. }))| {
                let kind = if is_table(value) { "table" } else { "key" };
                let fault = Fault::new(
                    rule::UNKNOWN_KEY,
                    format!("unknown {kind} {}{place}", quote(key)),
                );
                (
                    span,
                    fault.suggest(did_you_mean(key, asked.iter().copied())),
                )
            })
            .collect()
    }
}

/// Whether it is written in brackets of its own, `[so]` or `[[so]]`, or could be.
fn is_table(value: &DeValue<'_>) -> bool {
    let tables = |items: &toml::de::DeArray<'_>| {
        !items.is_empty() && items.iter().all(|item| item.get_ref().is_table())
    };
    value.is_table() || value.as_array().is_some_and(tables)
}
