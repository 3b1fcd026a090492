//! Text as it is meant in; text as systemd must read it out. Three escapes, kept apart by type and name:
//!
//! * unit names and paths in them, as systemd-escape(1) does: [`name`], [`path`]. They give a `String`, since a name is no value;
//! * specifiers, `%` (systemd.unit(5), "Specifiers"): [`text`];
//! * words, quoting (systemd.syntax(7), "Quoting") and for commands `$` (systemd.service(5), "Command lines"): [`words`],
//!   [`command`].
//!
//! What has a syntax of its own, and cannot hold every character, is in a function per directive: [`only_path`], [`bind`],
//! [`temporary_file_system`], [`environment_file`], [`credential`], [`credential_data`], and [`raw`] for what people write in
//! systemd's own syntax.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

mod paths;
mod words;

pub use paths::{
    Unwritable, bind, credential, credential_data, environment_file, only_path, raw,
    temporary_file_system,
};
pub use words::{WordList, Words};

/// A value that may stand in a unit: one line, escaped once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escaped<'a>(Cow<'a, str>);

impl Escaped<'_> {
    /// As it stands in the unit.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, for longer than what it was made from.
    pub fn into_owned(self) -> Escaped<'static> {
        owned(self.0.into_owned())
    }
}

impl From<&'static str> for Escaped<'static> {
    /// What is spelled out in lodger's own code needs no escaping.
    fn from(constant: &'static str) -> Self {
        Self(Cow::Borrowed(constant))
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `string` as one part of a unit's name, as `systemd-escape` does.
pub fn name(string: &str) -> String {
    let mut escaped = String::with_capacity(string.len());
    for (index, byte) in string.bytes().enumerate() {
        match byte {
            b'/' => escaped.push('-'),
            b'.' if index == 0 => push_hex(&mut escaped, byte),
            b':' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                escaped.push(char::from(byte))
            }
            _ => push_hex(&mut escaped, byte),
        }
    }
    escaped
}

/// An absolute path without `.` and `..` as a unit's name without its suffix, as `systemd-escape --path` does.
pub fn path(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        "-".to_owned()
    } else {
        name(&parts.join("/"))
    }
}

/// Free text: `Description=`, `SourcePath=`, `User=`, everything that systemd does not split into words.
///
/// There is no way to write a control character there; the parser has refused them, and should one come all the same it
/// must not begin a new line.
pub fn text(text: &str) -> Escaped<'_> {
    let special = |byte: u8| byte == b'%' || byte.is_ascii_control();
    if !text.ends_with('\\') && !has(text, special) {
        return Escaped(Cow::Borrowed(text));
    }
    let mut escaped = String::with_capacity(text.len() + 1);
    push_replaced(&mut escaped, text, special, |escaped, byte| {
        escaped.push_str(if byte == b'%' { "%%" } else { " " });
    });
    // A line that ends in a lone backslash goes on in the next one. systemd strips the blank, and the backslash stays.
    if paths::ends_in_lone_backslash(&escaped) {
        escaped.push(' ');
    }
    owned(escaped)
}

/// What systemd takes as it is, without specifiers or words: numbers and what is made of them, such as `CPUQuota=150%`, and
/// lists of unit names, in which a backslash is part of a name.
pub fn verbatim<'v>(value: impl Into<Cow<'v, str>>) -> Escaped<'v> {
    Escaped(value.into())
}

/// A path as text. What is no UTF-8 in it, and the parser has refused, is a mark for that.
pub fn path_text(path: &Path) -> Cow<'_, str> {
    // to_string_lossy() alone takes several times as long.
    path.to_str()
        .map_or_else(|| path.to_string_lossy(), Cow::Borrowed)
}

/// Words of a list such as `Environment=`, each one quoted if it must be. `$` has no meaning there.
pub fn words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Escaped<'static> {
    words::all(Words::List, words)
}

/// Words of `ExecStart=` and its kin: as [`words`], and no variable is expanded. The first one is the program: there systemd
/// expands no variables, so that a `$` in it could not be written; the parser has refused it.
pub fn command<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Escaped<'static> {
    words::all(Words::Command, words)
}

/// [`command`] run with full privileges on the host's own root (systemd.service(5), `+`).
pub fn privileged_command<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Escaped<'static> {
    words::all(Words::PrivilegedCommand, words)
}

fn owned(escaped: String) -> Escaped<'static> {
    Escaped(Cow::Owned(escaped))
}

/// Blanks, control characters (all below the blank but DEL), quotes and the backslash.
const fn needs_quotes(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b'\'' | b'\\' | 0x7f)
}

/// Whether any byte of `text` is `special`. Looks at all of them, which is quicker than to stop at the first.
fn has(text: &str, special: impl Fn(u8) -> bool) -> bool {
    text.bytes()
        .fold(false, |found, byte| found | special(byte))
}

/// `text` with what `replace` writes in place of each `special` byte, which must be ASCII. Nearly every text has none.
fn push_replaced(
    escaped: &mut String,
    text: &str,
    special: impl Fn(u8) -> bool + Copy,
    replace: impl Fn(&mut String, u8),
) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(special) {
        escaped.push_str(&rest[..at]);
        replace(escaped, rest.as_bytes()[at]);
        rest = &rest[at + 1..];
    }
    escaped.push_str(rest);
}

fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    text.extend([
        '\\',
        'x',
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]);
}

#[cfg(test)]
mod systemd;
#[cfg(test)]
mod tests;
