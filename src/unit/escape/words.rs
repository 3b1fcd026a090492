//! Words as they are meant in, one after the other and each in parts; the value of a directive that systemd splits into them out.

use std::borrow::Cow;

use super::{Escaped, needs_quotes, push_hex, push_replaced};

/// The words of a value so far, each one quoted if it must be.
#[derive(Debug)]
pub struct Words {
    escaped: String,
    /// Whether systemd expands variables there.
    variables: bool,
    is_first: bool,
}

impl Words {
    /// As [`super::words`].
    pub fn list() -> Self {
        Self::new("", false)
    }

    /// As [`super::command`].
    pub fn command() -> Self {
        Self::new("", true)
    }

    /// As [`super::privileged_command`].
    pub fn privileged_command() -> Self {
        Self::new("+", true)
    }

    fn new(prefix: &str, variables: bool) -> Self {
        // What most commands need; to grow from nothing costs more than to write it.
        let mut escaped = String::with_capacity(128);
        escaped.push_str(prefix);
        Self {
            escaped,
            variables,
            is_first: true,
        }
    }

    /// Adds a word.
    pub fn word(&mut self, word: &str) {
        self.joined(&[word]);
    }

    /// Adds the word that `parts` are together.
    pub fn joined(&mut self, parts: &[&str]) {
        if !self.is_first {
            self.escaped.push(' ');
        }
        self.is_first = false;
        let found = parts.iter().fold(0, |found, part| found | kinds(part));
        // A lone `;` would begin a second command.
        let is_alone =
            parts.iter().all(|part| matches!(*part, "" | ";")) && parts.concat().len() < 2;
        let quotes = is_alone || found & QUOTED != 0;
        if quotes {
            self.escaped.push('"');
        }
        for part in parts {
            if found & REPLACED == 0 {
                self.escaped.push_str(part);
            } else {
                self.replaced(part);
            }
        }
        if quotes {
            self.escaped.push('"');
        }
    }

    fn replaced(&mut self, part: &str) {
        let variables = self.variables;
        let special = |byte: u8| KINDS[usize::from(byte)] & REPLACED != 0;
        push_replaced(
            &mut self.escaped,
            part,
            special,
            |escaped, byte| match byte {
                b'%' => escaped.push_str("%%"),
                b'$' => escaped.push_str(if variables { "$$" } else { "$" }),
                b'"' => escaped.push_str("\\\""),
                b'\\' => escaped.push_str("\\\\"),
                b'\n' => escaped.push_str("\\n"),
                b'\t' => escaped.push_str("\\t"),
                b'\r' => escaped.push_str("\\r"),
                _ => push_hex(escaped, byte),
            },
        );
    }

    /// All of them and `words`.
    pub(super) fn with<S: AsRef<str>>(
        mut self,
        words: impl IntoIterator<Item = S>,
    ) -> Escaped<'static> {
        for word in words {
            self.word(word.as_ref());
        }
        self.into()
    }
}

impl From<Words> for Escaped<'static> {
    fn from(words: Words) -> Self {
        Self(Cow::Owned(words.escaped))
    }
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
