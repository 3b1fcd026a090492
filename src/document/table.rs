//! TOML tables that lie over each other in; the values of the keys that lodger asks for out, and at the end the keys nobody asked for.

use std::ops::Range;

use super::Layer;
use super::tree::{Branch, Node, Pair, Span, Toml, bit};
use crate::diagnostic::{Fault, did_you_mean, quote, rule};
use crate::sorted::sort_by;

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The number of the file among all that are read.
    pub document: usize,
    /// The bytes it takes in that file.
    pub span: Range<usize>,
}

/// A value and the file it is in.
#[derive(Debug, Clone, Copy)]
pub struct Value<'d> {
    node: &'d Node<'d>,
    document: usize,
}

/// A key as one file writes it.
#[derive(Debug, Clone, Copy)]
pub struct Written<'d> {
    /// That of the pair, which is looked at for every key that is asked for.
    key: &'d str,
    pair: &'d Pair<'d>,
    document: usize,
    is_asked: bool,
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
    /// Of one key all that is written is side by side, weakest first.
    written: Vec<Written<'d>>,
    is_sorted: bool,
    /// Of each key that is written its [`bit`].
    bits: u64,
    /// `[root]`, or empty for the top level; `mounts` for one of its entries.
    title: &'static str,
    /// The name of an entry.
    name: Option<&'d str>,
    asked: Vec<&'static str>,
}

impl Place {
    fn new(document: usize, span: Span) -> Self {
        Self {
            document,
            span: span.range(),
        }
    }
}

impl<'d> Value<'d> {
    /// What was written.
    pub fn toml(&self) -> &'d Toml<'d> {
        &self.node.value
    }

    /// Where.
    pub fn place(&self) -> Place {
        Place::new(self.document, self.node.span)
    }

    /// The number of the file.
    pub fn document(&self) -> usize {
        self.document
    }

    /// The items of an array.
    pub fn items(&self) -> Option<impl ExactSizeIterator<Item = Value<'d>> + use<'d>> {
        let document = self.document;
        let items = self.node.value.items()?.iter();
        Some(items.map(move |node| Value { node, document }))
    }
}

impl<'d> Written<'d> {
    /// The value.
    pub fn value(&self) -> Value<'d> {
        Value {
            node: &self.pair.node,
            document: self.document,
        }
    }

    /// Where the key is written.
    pub fn place(&self) -> Place {
        Place::new(self.document, self.pair.key_span)
    }
}

impl<'d> Table<'d> {
    /// The table called `title` in messages, without keys.
    pub fn new(title: &'static str) -> Self {
        Self {
            written: Vec::new(),
            is_sorted: true,
            bits: 0,
            title,
            name: None,
            // What most containers are asked for, and what of most other tables is.
            asked: Vec::with_capacity(if title.is_empty() { 32 } else { 8 }),
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
    pub fn add(&mut self, document: usize, table: &'d Branch<'d>) {
        let is_first = self.written.is_empty();
        let written = table.pairs.iter().map(|pair| Written {
            key: &pair.key,
            pair,
            document,
            is_asked: false,
        });
        if is_first {
            self.written = written.collect();
        } else {
            self.written.extend(written);
        }
        self.bits |= table.bits();
        self.is_sorted = false;
        // One file has each key once.
        if !is_first {
            self.sort();
        }
    }

    fn sort(&mut self) {
        // Stable: of one key the stronger stays behind.
        self.written.sort_by(|a, b| a.key.cmp(b.key));
        self.is_sorted = true;
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
        // Of thirty keys that are asked for most are not there.
        if self.bits & bit(key) == 0 {
            return 0..0;
        }
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
    pub fn place_of(&self, key: &str) -> Option<Place> {
        self.strongest(key).map(Written::place)
    }

    /// Where the value of `key` is written, as the strongest file has it; it is not asked for by that.
    pub fn place_of_value(&self, key: &str) -> Option<Place> {
        self.strongest(key).map(|written| written.value().place())
    }

    /// Whether a key that nobody asked for is `key`, misspelt: then it is not missing as well.
    pub fn has_misspelt(&self, key: &str) -> bool {
        self.left()
            .any(|entry| did_you_mean(entry.key, self.asked.iter().copied()) == Some(key))
    }

    /// Every key that is left, sorted, for tables whose keys are names.
    pub fn entries(&mut self) -> impl Iterator<Item = Entry<'_, 'd>> {
        if !self.is_sorted {
            self.sort();
        }
        self.left()
    }

    fn left(&self) -> impl Iterator<Item = Entry<'_, 'd>> {
        let keys = self.written.chunk_by(|a, b| a.key == b.key);
        keys.filter_map(|values| match values {
            [first, ..] if !first.is_asked => Some(Entry {
                key: first.key,
                values,
            }),
            _ => None,
        })
    }

    /// How many keys the files write, those counted twice that two files do.
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// Whether they write none.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Whether every key has been asked for.
    pub fn is_read(&self) -> bool {
        self.written.iter().all(|written| written.is_asked)
    }

    /// A fault for each key that nobody asked for, in the order of the files. What may have been meant is looked for when the
    /// fault is.
    pub fn into_unknown(self) -> impl ExactSizeIterator<Item = (Place, Fault)> {
        let left = self.written.into_iter().filter(|written| !written.is_asked);
        let mut left: Vec<_> = left.collect();
        let place = |written: &Written<'_>| (written.document, written.pair.key_span.range().start);
        sort_by(&mut left, |a, b| place(a).cmp(&place(b)));
        let (title, name, asked) = (self.title, self.name, self.asked);
        left.into_iter().map(move |written| {
            let within = match (title, name) {
                ("", _) => String::new(),
                (title, None) => format!(" in {title}"),
                (title, Some(name)) => format!(" in [{title}.{}]", quote(name)),
            };
            let kind = match written.value().toml().is_table() {
                true => "table",
                false => "key",
            };
            let message = format!("unknown {kind} {}{within}", quote(written.key));
            let meant = did_you_mean(written.key, asked.iter().copied());
            let fault = Fault::new(rule::UNKNOWN_KEY, message).suggest(meant);
            (written.place(), fault)
        })
    }
}
