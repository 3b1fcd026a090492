//! Paths, credentials and raw values as they are meant in; values of directives with a syntax of their own out, or why there
//! is no way to write them.
//!
//! It is not enough that systemd reads a unit right. PID 1 hands a service's settings on to systemd-executor as text, in which
//! it escapes less than a unit does (systemd 257, src/core/execute-serialize.c). Seen on Debian 13: `BindPaths=` of `/a'b'`
//! binds `/ab`, without a word; `TemporaryFileSystem=` of `/a:b` with a size mounts `/a:b:size=64K` without one; a blank in
//! `LoadCredential=` ends the start. What would be lost there is refused here.

use std::fmt;

use super::{Escaped, has, needs_quotes, owned, push_hex, push_replaced, text};

/// `PATH_MAX` without its NUL, and `NAME_MAX`.
const LONGEST_PATH: usize = 4095;
const LONGEST_NAME: usize = 255;

/// Why a value cannot be written into a unit: what follows the value in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwritable(&'static str);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The one path of `RootDirectory=`, `WorkingDirectory=` and their kin.
pub fn only_path(path: &str) -> Result<Escaped<'_>, Unwritable> {
    check_path(path)?;
    check_end(path)?;
    Ok(text(path))
}

/// A word of `BindPaths=` or `BindReadOnlyPaths=`: what lies at `source` on the host is seen at `target`.
pub fn bind(source: &str, target: &str) -> Result<Escaped<'static>, Unwritable> {
    let mut escaped = String::with_capacity(source.len() + target.len() + 8);
    for (separator, path) in [("", source), (":", target)] {
        check_path(path)?;
        if path.contains(['"', '\'']) {
            return Err(Unwritable("has a quote in it, which systemd loses"));
        }
        escaped.push_str(separator);
        push_quoted_path(&mut escaped, path);
    }
    Ok(owned(escaped))
}

/// A word of `TemporaryFileSystem=`. `options` as tmpfs(5) has them, such as `size=64M,mode=0755`.
pub fn temporary_file_system(target: &str, options: &str) -> Result<Escaped<'static>, Unwritable> {
    check_path(target)?;
    if target.contains([':', '\\']) {
        let why = "has a colon or a backslash in it, where systemd cannot mount a tmpfs";
        return Err(Unwritable(why));
    }
    let is_option = |c: char| c.is_ascii_alphanumeric() || "=,%.-_/".contains(c);
    if !options.chars().all(is_option) {
        return Err(Unwritable("has options that no tmpfs has"));
    }
    let mut escaped = String::with_capacity(target.len() + options.len() + 4);
    push_quoted_path(&mut escaped, target);
    if !options.is_empty() {
        // There systemd expands no specifiers.
        escaped.push(':');
        escaped.push_str(options);
    }
    Ok(owned(escaped))
}

/// The one path of `EnvironmentFile=`, which is a pattern to systemd (glob(7)): this one means a single file.
pub fn environment_file(path: &str) -> Result<Escaped<'static>, Unwritable> {
    check_path(path)?;
    check_end(path)?;
    let mut pattern = String::with_capacity(path.len() + 8);
    let special = |byte: u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    push_replaced(&mut pattern, path, special, |pattern, byte| {
        pattern.push('\\');
        pattern.push(char::from(byte));
    });
    // To systemd the pattern is a path.
    check_lengths(&pattern)?;
    Ok(text(&pattern).into_owned())
}

/// `LoadCredential=` or `LoadCredentialEncrypted=` of the file at `path`.
pub fn credential(id: &str, path: &str) -> Result<Escaped<'static>, Unwritable> {
    check_credential_id(id)?;
    check_path(path)?;
    if path.contains([' ', '\\']) {
        let why = "has a blank or a backslash in it, which systemd loses in a credential's path";
        return Err(Unwritable(why));
    }
    Ok(text(&format!("{id}:{path}")).into_owned())
}

/// `SetCredential=`: any bytes, and one at least.
pub fn credential_data(id: &str, data: &[u8]) -> Result<Escaped<'static>, Unwritable> {
    check_credential_id(id)?;
    if data.is_empty() {
        return Err(Unwritable("is empty, which systemd ignores"));
    }
    let Escaped(id) = text(id);
    let mut escaped = format!("{id}:");
    for &byte in data {
        // Blanks at the ends would be lost. A `%` has no meaning here.
        if byte.is_ascii_graphic() && byte != b'\\' {
            escaped.push(char::from(byte));
        } else {
            push_hex(&mut escaped, byte);
        }
    }
    Ok(owned(escaped))
}

/// A value in systemd's own syntax, that its user answers for: it only must not become more than one line.
pub fn raw(value: &str) -> Result<Escaped<'_>, Unwritable> {
    if has(value, |byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(Unwritable("has a control character in it"));
    }
    if ends_in_lone_backslash(value) {
        return Err(Unwritable(
            "ends in a backslash, which would take the next line with it",
        ));
    }
    Ok(Escaped(value.into()))
}

/// Whether systemd would go on in the next line (systemd.syntax(7)).
pub(super) fn ends_in_lone_backslash(line: &str) -> bool {
    let backslashes = line.bytes().rev().take_while(|&byte| byte == b'\\');
    backslashes.count() % 2 == 1
}

/// An absolute path, its shortest form, in characters that a line of a unit can hold. systemd ignores others with a warning.
fn check_path(path: &str) -> Result<(), Unwritable> {
    let Some(below) = path.strip_prefix('/') else {
        return Err(Unwritable("is not an absolute path"));
    };
    if has(path, |byte| byte.is_ascii_control()) {
        return Err(Unwritable("has a control character in it"));
    }
    let is_short = |part: &str| !matches!(part, "" | "." | "..");
    if !below.is_empty() && !below.split('/').all(is_short) {
        return Err(Unwritable("has \".\", \"..\" or a \"/\" too many in it"));
    }
    check_lengths(path)
}

fn check_lengths(path: &str) -> Result<(), Unwritable> {
    if path.len() > LONGEST_PATH || path.split('/').any(|part| part.len() > LONGEST_NAME) {
        return Err(Unwritable("is longer than a path can be"));
    }
    Ok(())
}

/// Where there are no words there are no quotes either.
fn check_end(path: &str) -> Result<(), Unwritable> {
    if path.ends_with(' ') {
        return Err(Unwritable(
            "has a blank at its end, which systemd takes away",
        ));
    }
    Ok(())
}

/// systemd's `credential_name_valid`, without what systemd-executor would lose.
fn check_credential_id(id: &str) -> Result<(), Unwritable> {
    let allowed = |c: char| c.is_ascii_graphic() && !matches!(c, ':' | '/' | '\\');
    if id.is_empty()
        || id.len() > LONGEST_NAME
        || matches!(id, "." | "..")
        || !id.chars().all(allowed)
    {
        return Err(Unwritable(
            "is not the name of a credential: printable ASCII without blanks, \":\", \"/\" and \"\\\"",
        ));
    }
    Ok(())
}

/// In quotes when it must be. Unlike in [`super::words`] a backslash stands for the next character, whatever that is.
fn push_quoted_path(escaped: &mut String, path: &str) {
    let quotes = has(path, |byte| needs_quotes(byte) || byte == b':');
    if quotes {
        escaped.push('"');
    }
    // Quotes keep a colon together for systemd 257, a backslash does so for 262 as well.
    let special = |byte: u8| matches!(byte, b'"' | b'\\' | b'%' | b':');
    push_replaced(escaped, path, special, |escaped, byte| {
        escaped.push(if byte == b'%' { '%' } else { '\\' });
        escaped.push(char::from(byte));
    });
    if quotes {
        escaped.push('"');
    }
}
