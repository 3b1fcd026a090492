//! Words as they are meant in, one after the other and each in parts; the value of a directive that systemd splits into them out.

use std::borrow::Cow;

use super::{Escaped, needs_quotes, push_hex, push_replaced};

/// What systemd takes words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// As [`super::words`].
    List,
    /// As [`super::command`].
    Command,
    /// As [`super::privileged_command`].
    PrivilegedCommand,
}

/// A value to which words are added, each one quoted if it must be.
#[derive(Debug)]
pub struct WordList<'t> {
    text: &'t mut String,
    kind: Words,
    is_first: bool,
}

impl<'t> WordList<'t> {
    /// No words yet, at the end of `text`.
    pub(in crate::unit) fn new(text: &'t mut String, kind: Words) -> Self {
        if kind == Words::PrivilegedCommand {
            text.push('+');
        }
        Self {
            text,
            kind,
            is_first: true,
        }
    }

    /// Adds a word.
    pub fn word(&mut self, word: &str) {
        self.joined(&[word]);
    }

    /// Adds some words.
    pub fn words<S: AsRef<str>>(&mut self, words: &[S]) {
        for word in words {
            self.word(word.as_ref());
        }
    }

    /// Adds the word that `parts` are together.
    pub fn joined(&mut self, parts: &[&str]) {
        self.option("", parts);
    }

    /// Adds a word that is a name and nothing in it has to be escaped: a constant, what [`crate::container::Name`] holds, a
    /// unit's name.
    pub fn name(&mut self, name: &str) {
        self.begin();
        self.text.push_str(name);
    }

    /// Adds the word that `option` and `parts` are together. Nothing in `option` has to be escaped.
    pub fn option(&mut self, option: &'static str, parts: &[&str]) {
        self.begin();
        let found = parts.iter().fold(0, |found, part| found | kinds(part));
        // A lone `;` would begin a second command.
        let is_alone = option.is_empty()
            && parts.iter().all(|part| matches!(*part, "" | ";"))
            && parts.concat().len() < 2;
        let quotes = is_alone || found & QUOTED != 0;
        if quotes {
            self.text.push('"');
        }
        self.text.push_str(option);
        for part in parts {
            if found & REPLACED == 0 {
                self.text.push_str(part);
            } else {
                self.replaced(part);
            }
        }
        if quotes {
            self.text.push('"');
        }
    }

    fn begin(&mut self) {
        if !self.is_first {
            self.text.push(' ');
        }
        self.is_first = false;
    }

    fn replaced(&mut self, part: &str) {
        // Only in commands there are variables.
        let variables = self.kind != Words::List;
        let special = |byte: u8| KINDS[usize::from(byte)] & REPLACED != 0;
        push_replaced(self.text, part, special, |escaped, byte| match byte {
            b'%' => escaped.push_str("%%"),
            b'$' => escaped.push_str(if variables { "$$" } else { "$" }),
            b'"' => escaped.push_str("\\\""),
            b'\\' => escaped.push_str("\\\\"),
            b'\n' => escaped.push_str("\\n"),
            b'\t' => escaped.push_str("\\t"),
            b'\r' => escaped.push_str("\\r"),
            _ => push_hex(escaped, byte),
        });
    }
}

/// All of `words`, as a value of their own.
pub fn all<S: AsRef<str>>(kind: Words, words: impl IntoIterator<Item = S>) -> Escaped<'static> {
    let mut text = String::new();
    let mut list = WordList::new(&mut text, kind);
    for word in words {
        list.word(word.as_ref());
    }
    Escaped(Cow::Owned(text))
}

/// What a byte is here: one that has to stand in quotes, or one that stands for something else.
const QUOTED: u8 = 1;
const REPLACED: u8 = 2;

/// By byte. A table, since every byte of every word is looked up.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if needs_quotes(byte as u8) {
            kinds[byte] = QUOTED | REPLACED;
        }
        byte += 1;
    }
    kinds[b' ' as usize] = QUOTED;
    kinds[b'\'' as usize] = QUOTED;
    kinds[b'%' as usize] = REPLACED;
    kinds[b'$' as usize] = REPLACED;
    kinds
};

/// Those of all bytes of `text` together.
fn kinds(text: &str) -> u8 {
    let kinds = text.bytes().map(|byte| KINDS[usize::from(byte)]);
    kinds.fold(0, |found, kind| found | kind)
}
