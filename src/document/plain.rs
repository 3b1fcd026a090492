//! The text of a TOML file in; its tree out, or nothing when it is not one of the plain files that most are.
//!
//! The toml crate knows all of TOML and tells what is wrong with a file. It also takes a third of a generator's time, and a
//! boot waits for that. What is read here is read the same way, which a test compares; whatever is in the least unusual (an
//! escape, a dotted key, a float, a key that stands twice, a mistake) is left to the crate.

use std::borrow::Cow;

use super::tree::{Branch, Node, Pair, Span, Toml};

/// Keys of one table: to find one that stands twice all are looked through.
const MOST_KEYS: usize = 64;
/// Arrays and tables in each other.
const DEEPEST: usize = 8;
/// What most arrays and tables have no more of.
const SOME: usize = 4;
/// Digits that are no more than 64 bits.
const MOST_DIGITS: usize = 18;

/// What a byte is to the reader.
const CONTROL: u8 = 1;
const QUOTE: u8 = 2;
const BACKSLASH: u8 = 4;
const APOSTROPHE: u8 = 8;
/// What cannot stand in a key without quotes.
const NOT_BARE: u8 = 16;
/// What comes after a value that is not in quotes.
const WORD_END: u8 = 32;

/// What means something else than itself in a value: `%`, and what is not ASCII may be no character of a unit.
const ODD: u8 = 64;

/// By byte. A table, since every byte of every file is looked up.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte.is_ascii_control() && byte != b'\t' {
            kinds[at] |= CONTROL;
        }
        if !(byte.is_ascii_graphic() || byte == b' ') || byte == b'%' {
            kinds[at] |= ODD;
        }
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            kinds[at] |= NOT_BARE;
        }
        kinds[at] |= match byte {
            b'"' => QUOTE,
            b'\\' => BACKSLASH,
            b'\'' => APOSTROPHE,
            b' ' | b'\t' | b'\n' | b',' | b']' | b'}' | b'#' => WORD_END,
            _ => 0,
        };
        at += 1;
    }
    kinds
};

/// What `text` says, if it is plain.
pub fn read(text: &str) -> Option<Branch<'_>> {
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
    };
    // What most files have; to grow costs more than the room.
    let mut root = Branch {
        pairs: Vec::with_capacity(12),
    };
    reader.pairs(&mut root)?;
    while reader.peek() == Some(b'[') {
        let table = reader.header(&mut root)?;
        reader.pairs(table)?;
    }
    (reader.at == text.len()).then_some(root)
}

/// A text while it is read. What gives `None` is not plain.
struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// The next byte; always where a character begins.
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over `byte`, if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over blanks, comments and the ends of lines.
    fn skip_lines(&mut self) -> Option<()> {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'\n') => self.at += 1,
                Some(b'#') => {
                    self.at = self.next(CONTROL, self.at);
                    if !matches!(self.peek(), None | Some(b'\n')) {
                        return None;
                    }
                }
                _ => return Some(()),
            }
        }
    }

    /// Where the next byte of one of these `kinds` is, from `start` on: the end of the text if there is none.
    fn next(&self, kinds: u8, start: usize) -> usize {
        let mut at = start;
        while let Some(byte) = self.bytes.get(at)
            && KINDS[usize::from(*byte)] & kinds == 0
        {
            at += 1;
        }
        at
    }

    /// `key = value` on lines of their own, up to the next header or the end.
    fn pairs(&mut self, table: &mut Branch<'t>) -> Option<()> {
        loop {
            self.skip_lines()?;
            if matches!(self.peek(), None | Some(b'[')) {
                return Some(());
            }
            self.pair(table, 0)?;
            self.end_line()?;
        }
    }

    /// Nothing but a comment may follow.
    fn end_line(&mut self) -> Option<()> {
        self.skip_blanks();
        matches!(self.peek(), None | Some(b'\n' | b'#')).then_some(())
    }

    fn pair(&mut self, table: &mut Branch<'t>, depth: usize) -> Option<()> {
        let (key, key_span) = self.key()?;
        self.skip_blanks();
        if !self.take(b'=') {
            return None;
        }
        self.skip_blanks();
        let node = self.value(depth)?;
        add(table, key, key_span, node).map(drop)
    }

    fn key(&mut self) -> Option<(&'t str, Span)> {
        let start = self.at;
        let key = match self.peek()? {
            b'"' | b'\'' => self.quoted()?.0,
            _ => {
                self.at = self.next(NOT_BARE, start);
                self.text.get(start..self.at)?
            }
        };
        (self.at > start).then_some((key, Span::new(start, self.at)))
    }

    /// A string on one line, without escapes, and whether it is ordinary.
    fn quoted(&mut self) -> Option<(&'t str, bool)> {
        let quote = self.peek()?;
        let start = self.at + 1;
        let stops = match quote {
            b'"' => CONTROL | QUOTE | BACKSLASH,
            _ => CONTROL | APOSTROPHE,
        };
        let (mut end, mut passed) = (start, 0);
        while let Some(byte) = self.bytes.get(end)
            && KINDS[usize::from(*byte)] & stops == 0
        {
            passed |= KINDS[usize::from(*byte)];
            end += 1;
        }
        self.at = end;
        // The two quotes of an empty string may be the first of three.
        if !self.take(quote) || end == start && self.peek() == Some(quote) {
            return None;
        }
        Some((self.text.get(start..end)?, passed & ODD == 0))
    }

    fn value(&mut self, depth: usize) -> Option<Node<'t>> {
        let start = self.at;
        let value = match self.peek()? {
            b'"' | b'\'' => {
                let (text, is_ordinary) = self.quoted()?;
                Toml::Text(Cow::Borrowed(text), is_ordinary)
            }
            b'[' if depth < DEEPEST => self.array(depth)?,
            b'{' if depth < DEEPEST => self.inline_table(depth)?,
            b'0'..=b'9' => self.integer()?,
            _ => self.boolean()?,
        };
        Some(Node {
            value,
            span: Span::new(start, self.at),
        })
    }

    /// The word that is next: letters, digits and what joins them in numbers and dates.
    fn word(&mut self) -> Option<&'t str> {
        let start = self.at;
        self.at = self.next(WORD_END, start);
        self.text.get(start..self.at)
    }

    fn integer(&mut self) -> Option<Toml<'t>> {
        let word = self.word()?;
        let is_plain = word.bytes().all(|byte| byte.is_ascii_digit())
            && word.len() <= MOST_DIGITS
            && (word == "0" || !word.starts_with('0'));
        is_plain.then(|| Toml::Integer(word.parse().ok()))
    }

    fn boolean(&mut self) -> Option<Toml<'t>> {
        self.word()?.parse().ok().map(Toml::Boolean)
    }

    fn array(&mut self, depth: usize) -> Option<Toml<'t>> {
        self.at += 1;
        let mut items = Vec::with_capacity(SOME);
        loop {
            self.skip_lines()?;
            if self.take(b']') {
                return Some(Toml::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.skip_lines()?;
            if !self.take(b',') && self.peek() != Some(b']') {
                return None;
            }
        }
    }

    /// On one line and without a comma at its end, as TOML 1.0 has them.
    fn inline_table(&mut self, depth: usize) -> Option<Toml<'t>> {
        self.at += 1;
        let mut table = with_room();
        self.skip_blanks();
        if self.take(b'}') {
            return Some(Toml::Table(table));
        }
        loop {
            self.skip_blanks();
            self.pair(&mut table, depth + 1)?;
            self.skip_blanks();
            if self.take(b'}') {
                return Some(Toml::Table(table));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    /// `[a]` or `[a.b]` on a line of its own: the new table.
    fn header<'r>(&mut self, root: &'r mut Branch<'t>) -> Option<&'r mut Branch<'t>> {
        let start = self.at;
        self.at += 1;
        self.skip_blanks();
        let mut parent = root;
        let (mut key, mut key_span) = self.key()?;
        self.skip_blanks();
        for _ in 0..DEEPEST {
            if !self.take(b'.') {
                break;
            }
            parent = self.above(parent, key, key_span)?;
            self.skip_blanks();
            (key, key_span) = self.key()?;
            self.skip_blanks();
        }
        if !self.take(b']') {
            return None;
        }
        let span = Span::new(start, self.at);
        self.end_line()?;
        let value = Toml::Table(with_room());
        branch(add(parent, key, key_span, Node { value, span })?)
    }

    /// The table `key` of `table`, above one with a header. It has a header of its own, or comes to be by this.
    fn above<'r>(
        &self,
        table: &'r mut Branch<'t>,
        key: &'t str,
        key_span: Span,
    ) -> Option<&'r mut Branch<'t>> {
        let node = match table.pairs.iter().position(|pair| pair.key == key) {
            Some(known) => &mut table.pairs[known].node,
            None => {
                let (value, span) = (Toml::Table(Branch::default()), key_span);
                add(table, key, key_span, Node { value, span })?
            }
        };
        // What is in braces is whole.
        let is_inline = self.bytes.get(node.span.range().start) == Some(&b'{');
        branch(node).filter(|_| !is_inline)
    }
}

/// A table for what most have.
fn with_room<'t>() -> Branch<'t> {
    Branch {
        pairs: Vec::with_capacity(SOME),
    }
}

/// Adds what `table` does not have yet.
fn add<'b, 't>(
    table: &'b mut Branch<'t>,
    key: &'t str,
    key_span: Span,
    node: Node<'t>,
) -> Option<&'b mut Node<'t>> {
    if table.pairs.len() >= MOST_KEYS || table.pairs.iter().any(|pair| pair.key == key) {
        return None;
    }
    table.pairs.push(Pair {
        key: Cow::Borrowed(key),
        key_span,
        node,
    });
    table.pairs.last_mut().map(|pair| &mut pair.node)
}

fn branch<'b, 't>(node: &'b mut Node<'t>) -> Option<&'b mut Branch<'t>> {
    match &mut node.value {
        Toml::Table(table) => Some(table),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
