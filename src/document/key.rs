//! A key of a TOML file: what it means to people, to editors and to the parser, in one place.
//!
//! The parser can read a key only through a [`Key`], so no key is read that the schema, the manual page and `lodger explain`
//! do not know.

use super::Scalar;
use crate::diagnostic::{Fault, did_you_mean, quote, rule};
use crate::document::word;

/// What there is to say about a key.
#[derive(Debug)]
pub struct About {
    /// The table it stands in, without brackets; empty for the top level. In `mounts`, `credentials` and `waves` the
    /// keys are those of one entry.
    pub table: &'static str,
    /// As it is written.
    pub name: &'static str,
    /// What its value has to look like.
    pub shape: Shape,
    /// What holds without it, as TOML or in words.
    pub default: &'static str,
    /// What it does, in sentences; `code` is marked with backticks.
    pub meaning: &'static str,
    /// The systemd directives that it becomes, or how else it is done.
    pub directive: &'static str,
    /// The version of lodger that has it first.
    pub since: &'static str,
    /// A value, as TOML.
    pub example: &'static str,
}

impl About {
    /// `memory` or `limits.memory`; `mounts.*.source` for a key of an entry.
    pub fn path(&self) -> String {
        match self.table {
            "" => self.name.to_owned(),
            table @ ("mounts" | "credentials" | "waves") => format!("{table}.*.{}", self.name),
            table => format!("{table}.{}", self.name),
        }
    }
}

/// A key together with the function that reads its value (each item, where it takes an array).
#[derive(Debug)]
pub struct Key<T> {
    /// What there is to say about it.
    pub about: About,
    /// What a written value means, or what is wrong with it.
    pub read: fn(Scalar) -> Result<T, Fault>,
}

/// What a value has to look like, for people and for the JSON Schema. The parser is stricter where a schema cannot be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any text.
    Text,
    /// One of the words.
    Words(fn() -> Vec<&'static str>),
    /// `true` or `false`.
    Boolean,
    /// An integer in this range, both ends included.
    Integer(i64, i64),
    /// An integer in this range, or `"infinity"`.
    IntegerOrInfinity(i64, i64),
    /// An absolute path.
    Path,
    /// A time span, or an integer of seconds in this range, both ends included.
    Time(i64, i64),
    /// A size, or an integer of bytes.
    Size,
    /// A size, an integer of bytes, or `"infinity"`.
    SizeOrInfinity,
    /// A percentage.
    Percent,
    /// Permission bits, in octal digits.
    Mode,
    /// Program and arguments: an array of text, or one text that is split at blanks.
    Command,
    /// A number of instances, or their names.
    Instances,
    /// An array of this.
    List(&'static Shape),
    /// A table of names with text.
    Texts,
    /// A table of systemd directives.
    Directives,
}

/// An enumeration that is written as one of some words.
pub trait Word: Copy + 'static {
    /// The words, in the order in which people are told them.
    const WORDS: &'static [(&'static str, Self)];
}

/// The words of `T`, for [`Shape::Words`].
pub fn words<T: Word>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

/// What a word means, for [`Key::read`].
pub fn read_word<T: Word>(scalar: Scalar) -> Result<T, Fault> {
    let word = word(scalar)?;
    if let Some((_, value)) = T::WORDS.iter().find(|(known, _)| *known == word) {
        return Ok(*value);
    }
    let known: Vec<_> = words::<T>()
        .iter()
        .map(|known| format!("\"{known}\""))
        .collect();
    let message = match known.as_slice() {
        [one] => format!("{} is not {one}", quote(&word)),
        _ => format!("{} is none of {}", quote(&word), known.join(", ")),
    };
    Err(Fault::new(rule::VALUE, message).suggest(did_you_mean(&word, words::<T>())))
}
