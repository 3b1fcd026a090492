//! Text as it is meant in; text as systemd must read it out. Three escapes, kept apart by type and name:
//!
//! * unit names and paths in them, as systemd-escape(1) does: [`name`], [`path`];
//! * specifiers, `%` (systemd.unit(5), "Specifiers"): [`text`];
//! * words, quoting (systemd.syntax(7), "Quoting") and for commands `$` (systemd.service(5), "Command lines"): [`words`],
//!   [`command`].

use std::fmt;

/// A value that may stand in a unit: one line, escaped once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escaped(String);

impl From<&'static str> for Escaped {
    /// What is spelled out in lodger's own code needs no escaping.
    fn from(constant: &'static str) -> Self {
        Self(constant.to_owned())
    }
}

impl fmt::Display for Escaped {
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

/// Free text: `Description=`, `SourcePath=`, `WorkingDirectory=`, everything that systemd does not split into words.
///
/// There is no way to write a control character there; the parser has refused them, and should one come all the same it
/// must not begin a new line.
pub fn text(text: &str) -> Escaped {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' => escaped.push_str("%%"),
            _ if character.is_control() => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    // A line that ends in a lone backslash goes on in the next one. systemd strips the blank, and the backslash stays.
    if escaped
        .bytes()
        .rev()
        .take_while(|&byte| byte == b'\\')
        .count()
        % 2
        == 1
    {
        escaped.push(' ');
    }
    Escaped(escaped)
}

/// What systemd takes as it is, without specifiers or words: numbers and what is made of them, such as `CPUQuota=150%`, and
/// lists of unit names, in which a backslash is part of a name.
pub fn verbatim(value: impl fmt::Display) -> Escaped {
    Escaped(value.to_string())
}

/// Words of a list such as `Environment=`, each one quoted if it must be. `$` has no meaning there.
pub fn words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Escaped {
    joined(words, false)
}

/// Words of `ExecStart=` and its kin: as [`words`], and no variable is expanded. The first one is the program: there systemd
/// expands no variables, so that a `$` in it could not be written; the parser has refused it.
pub fn command<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Escaped {
    joined(words, true)
}

/// [`command`] run with full privileges on the host's own root (systemd.service(5), `+`).
pub fn privileged_command<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Escaped {
    let Escaped(command) = command(words);
    Escaped(format!("+{command}"))
}

fn joined<S: AsRef<str>>(words: impl IntoIterator<Item = S>, variables: bool) -> Escaped {
    let quoted: Vec<_> = words
        .into_iter()
        .map(|word| quoted(word.as_ref(), variables))
        .collect();
    Escaped(quoted.join(" "))
}

fn quoted(word: &str, variables: bool) -> String {
    let special =
        |c: char| c.is_ascii_whitespace() || c.is_ascii_control() || matches!(c, '"' | '\'' | '\\');
    // A lone `;` would begin a second command.
    let quotes = word.is_empty() || word == ";" || word.contains(special);
    let mut escaped = String::with_capacity(word.len() + 2);
    if quotes {
        escaped.push('"');
    }
    for character in word.chars() {
        match character {
            '%' => escaped.push_str("%%"),
            '$' if variables => escaped.push_str("$$"),
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            // ASCII, so one byte.
            _ if character.is_ascii_control() => push_hex(&mut escaped, character as u8),
            _ => escaped.push(character),
        }
    }
    if quotes {
        escaped.push('"');
    }
    escaped
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
mod tests;
