//! A table as the toml crate has it in; the same table out, as a tree that is cheap to make and to walk. Every node knows the
//! bytes it takes in its file.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The bytes that something takes in its file. Files are short, and trees are made of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

/// What is written as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toml<'t> {
    /// A string, its escapes already replaced, and whether it [`is_ordinary`].
    Text(Cow<'t, str>, bool),
    /// An integer; `None` for one beyond 64 bits.
    Integer(Option<i64>),
    /// `true` or `false`.
    Boolean(bool),
    /// A float. lodger has no use for any.
    Float,
    /// A date or a time. lodger has no use for any.
    Date,
    /// An array.
    Array(Vec<Node<'t>>),
    /// A table.
    Table(Branch<'t>),
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'t> {
    /// What is written.
    pub value: Toml<'t>,
    /// Where.
    pub span: Span,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<'t> {
    /// The key, its escapes already replaced.
    pub key: Cow<'t, str>,
    /// Where it is written.
    pub key_span: Span,
    /// Its value.
    pub node: Node<'t>,
}

/// A table: each key once, in whatever order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branch<'t> {
    /// The keys.
    pub pairs: Vec<Pair<'t>>,
}

impl Span {
    /// The bytes from `start` to before `end`. What lies beyond 4 GiB is at 4 GiB.
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    /// As slices take it.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self::new(range.start, range.end)
    }
}

impl Branch<'_> {
    /// Whether it has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.pairs.iter().any(|pair| pair.key == key)
    }

    /// The [`bit`]s of all keys.
    pub fn bits(&self) -> u64 {
        let bits = self.pairs.iter().map(|pair| bit(&pair.key));
        bits.fold(0, |bits, bit| bits | bit)
    }
}

/// One of 64 bits for `key`. Where the bit is not, the key is not either.
pub fn bit(key: &str) -> u64 {
    let last = key.as_bytes().last().map_or(0, |last| usize::from(*last));
    1 << ((key.len() * 19 + last) % 64)
}

/// Whether `text` is of printable ASCII without `%`: nearly all is, and means what it says.
pub fn is_ordinary(text: &str) -> bool {
    text.bytes()
        .all(|byte| (b' '..=b'~').contains(&byte) && byte != b'%')
}

impl<'t> Toml<'t> {
    /// The items of an array.
    pub fn items(&self) -> Option<&[Node<'t>]> {
        match self {
            Toml::Array(items) => Some(items),
            _ => None,
        }
    }

    /// Its type, with its article, for "found ...".
    pub fn kind(&self) -> &'static str {
        match self {
            Toml::Text(..) => "a string",
            Toml::Integer(_) => "an integer",
            Toml::Boolean(_) => "a boolean",
            Toml::Float => "a float",
            Toml::Date => "a date",
            Toml::Array(_) => "an array",
            Toml::Table(_) => "a table",
        }
    }

    /// Whether it is written in brackets of its own, `[so]` or `[[so]]`, or could be.
    pub fn is_table(&self) -> bool {
        match self {
            Toml::Table(_) => true,
            Toml::Array(items) => {
                let is_table = |item: &Node<'_>| matches!(item.value, Toml::Table(_));
                !items.is_empty() && items.iter().all(is_table)
            }
            _ => false,
        }
    }
}

impl<'t> From<DeTable<'t>> for Branch<'t> {
    fn from(table: DeTable<'t>) -> Self {
        let pairs = table.into_iter().map(|(key, value)| Pair {
            key_span: key.span().into(),
            key: key.into_inner(),
            node: Node {
                span: value.span().into(),
                value: value.into_inner().into(),
            },
        });
        Self {
            pairs: pairs.collect(),
        }
    }
}

impl<'t> From<DeValue<'t>> for Toml<'t> {
    fn from(value: DeValue<'t>) -> Self {
        match value {
            DeValue::String(text) => {
                let is_ordinary = is_ordinary(&text);
                Toml::Text(text, is_ordinary)
            }
            DeValue::Integer(integer) => {
                Toml::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok())
            }
            DeValue::Boolean(boolean) => Toml::Boolean(boolean),
            DeValue::Float(_) => Toml::Float,
            DeValue::Datetime(_) => Toml::Date,
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| Node {
                    span: item.span().into(),
                    value: item.into_inner().into(),
                });
                Toml::Array(items.collect())
            }
            DeValue::Table(table) => Toml::Table(table.into()),
        }
    }
}
