//! The texts of TOML files in, weakest first; one table whose every value knows its file and place out, or what is wrong with them.
//!
//! serde's derive stops at the first mistake, so the table is walked by hand: [`Reader`] collects the mistakes, [`Table`] lays
//! the files over each other and knows which keys were asked for, and a [`Key`] tells what a key is to people and to programs.

use std::cell::OnceCell;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use crate::diagnostic::{Diagnostic, Excerpt, Fault, Position, Severity, rule};
use crate::sorted::sort_by;

mod key;
mod plain;
mod reader;
mod table;
mod tree;

pub use key::{About, Key, Shape, Word, read_word, words};
pub use reader::{MOST_MISTAKES, Percent, Reader, Scalar, text, word};
pub use table::{Entry, Place, Table, Value, Written};
pub use tree::{Branch, Node, Toml, bit, is_ordinary};

/// Syntax errors of one file that are told.
const MOST_SYNTAX_ERRORS: usize = 100;
/// What one file may be long, in bytes.
pub const LONGEST_FILE: usize = 1 << 20;

/// A text and where it came from.
#[derive(Debug)]
pub struct Source<'a> {
    path: &'a Path,
    text: &'a str,
    /// Where lines begin; files without mistakes never ask.
    lines: OnceCell<Vec<usize>>,
}

/// One file of several that lie over each other.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Its number among all files that are read.
    pub document: usize,
    /// What it says.
    pub table: &'a Branch<'a>,
}

impl<'a> Source<'a> {
    /// `path` as its user knows it.
    pub fn new(path: &'a Path, text: &'a str) -> Self {
        Self {
            path,
            text,
            lines: OnceCell::new(),
        }
    }

    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            // A byte order mark is part of no line that anybody sees.
            let mark = self.text.strip_prefix('\u{feff}');
            let first = self.text.len() - mark.unwrap_or(self.text).len();
            std::iter::once(first)
                .chain(self.text.match_indices('\n').map(|(at, _)| at + 1))
                .collect()
        })
    }

    /// The file it came from.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// What is in it.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The line, counted from 1, that holds the byte `at`.
    pub fn line(&self, at: usize) -> usize {
        self.lines().partition_point(|&start| start <= at).max(1)
    }

    /// What the text says, or its syntax errors: the first of each line, since one unclosed bracket makes many.
    pub fn parse(&self) -> Result<Branch<'a>, Vec<Diagnostic>> {
        if let Some(table) = plain::read(self.text) {
            return Ok(table);
        }
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            return Ok(table.into_inner().into());
        }
        let mut diagnostics: Vec<_> = errors
            .iter()
            .take(MOST_SYNTAX_ERRORS)
            .map(|error| {
                let fault = Fault::new(rule::SYNTAX, format!("not TOML: {}", error.message()));
                match error.span() {
                    Some(span) => self.diagnostic(span, fault),
                    None => Diagnostic::of_file(self.path, fault),
                }
            })
            .collect();
        sort(&mut diagnostics);
        diagnostics.dedup_by_key(|diagnostic| diagnostic.position.map(|position| position.line));
        Err(diagnostics)
    }

    /// `fault` at the bytes `span` of the text.
    pub fn diagnostic(&self, span: Range<usize>, fault: Fault) -> Diagnostic {
        let line = self.line(span.start) - 1;
        let start = self.lines()[line];
        let end = self
            .lines()
            .get(line + 1)
            .map_or(self.text.len(), |next| next - 1);
        let content = self.text[start..end].trim_end_matches('\r');
        // A span may end in a later line, or behind the end of its own.
        let characters = |from: usize, to: usize| {
            let to = to.min(start + content.len()).max(from);
            self.text
                .get(from..to)
                .map_or(0, |part| part.chars().count())
        };
        let column = characters(start, span.start);
        let length = characters(span.start, span.end).max(1);
        Diagnostic {
            rule: fault.rule,
            severity: Severity::Error,
            path: self.path.to_owned(),
            position: Some(Position {
                line: line + 1,
                column: column + 1,
                length,
            }),
            message: fault.message,
            help: fault.help,
            excerpt: Some(Excerpt::of_line(content, column, length)),
        }
    }
}

/// `bytes` as text that can be a container file, or why not.
pub fn text_of<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, Vec<Diagnostic>> {
    if bytes.len() > LONGEST_FILE {
        let message = format!("longer than {LONGEST_FILE} bytes");
        return Err(vec![Diagnostic::of_file(
            path,
            Fault::new(rule::NOT_A_TEXT_FILE, message),
        )]);
    }
    match std::str::from_utf8(bytes) {
        // All bytes at once, and not one by one: of a hundred thousand files none has any.
        Ok(text) if !bytes.iter().fold(false, |found, byte| found | (*byte == 0)) => Ok(text),
        Ok(text) => {
            let at = text.find('\0').unwrap_or_default();
            let fault = Fault::new(rule::CHARACTER, format!("a NUL character at byte {at}"));
            Err(vec![Source::new(path, text).diagnostic(at..at + 1, fault)])
        }
        Err(error) => {
            let at = error.valid_up_to();
            let fault = Fault::new(rule::NOT_UTF8, format!("not UTF-8 from byte {at} on"));
            let valid = String::from_utf8_lossy(&bytes[..at]).into_owned();
            Err(vec![Source::new(path, &valid).diagnostic(at..at, fault)])
        }
    }
}

/// By file and in the order of the file; what is about the file as a whole comes last, since a key that is missing is often one
/// that is misspelt. The same mistake is told once.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    sort_by(diagnostics, |a, b| order(a).cmp(&order(b)));
    diagnostics.dedup();
}

fn order(diagnostic: &Diagnostic) -> impl Ord + '_ {
    let Diagnostic {
        path,
        position,
        rule,
        message,
        ..
    } = diagnostic;
    (path, position.is_none(), position, rule, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<(usize, usize, usize)> {
        let source = Source::new(Path::new("x.toml"), text);
        let diagnostics = source.parse().map(|_| ()).unwrap_err();
        diagnostics
            .iter()
            .map(|diagnostic| {
                diagnostic
                    .position
                    .map_or((0, 0, 0), |at| (at.line, at.column, at.length))
            })
            .collect()
    }

    #[test]
    fn syntax_errors_have_their_places() {
        assert_eq!(places("a = 1\na = 2\n[r]\n[r]\n"), [(2, 1, 1), (4, 2, 1)]);
        assert_eq!(places("\u{feff}a = é\r\nb = 1\r\n"), [(1, 5, 1)]);
        assert_eq!(places("a = \"é\" x\n"), [(1, 9, 1)]);
        assert_eq!(places("a = [1,"), [(1, 8, 1)]);
        assert_eq!(places("\"\r\n"), [(1, 2, 1)]);
    }

    #[test]
    fn nesting_is_an_error_and_no_overflow() {
        for text in [
            format!("a = {}{}", "[".repeat(200_000), "]".repeat(200_000)),
            format!("a = {}1{}", "{a=".repeat(200_000), "}".repeat(200_000)),
            format!("{}a = 1", "a.".repeat(200_000)),
            format!("[{}a]", "a.".repeat(200_000)),
        ] {
            assert_eq!(places(&text).len(), 1, "for {}...", &text[..20]);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let fault = |bytes: &[u8]| {
            text_of(Path::new("x.toml"), bytes)
                .map(str::to_owned)
                .unwrap_err()[0]
                .one_line()
        };
        assert_eq!(
            fault(b"a = 1\nb = \xff"),
            "x.toml:2:5: not UTF-8 from byte 10 on"
        );
        assert_eq!(fault(b"a\0"), "x.toml:1:2: a NUL character at byte 1");
        assert_eq!(
            fault(&vec![b'#'; LONGEST_FILE + 1]),
            "x.toml: longer than 1048576 bytes"
        );
        assert_eq!(
            text_of(Path::new("x.toml"), &vec![b'#'; LONGEST_FILE])
                .unwrap()
                .len(),
            LONGEST_FILE
        );
    }
}
