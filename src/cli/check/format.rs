//! What is wrong, and where its files really lie, in; the same as programs read it (JSON, SARIF or LSP) out.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf, absolute};

use clap::ValueEnum;
use lodger::diagnostic::Diagnostic;
use lodger::prefix::Prefix;

/// How mistakes are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, on stderr: the place, the line, carets under it, and a summary.
    Text,
    /// An array of objects with rule, severity, path, line, column, length, message and help; columns in characters, from 1.
    Json,
    /// SARIF 2.1.0, for code scanning and CI.
    Sarif,
    /// An array of {uri, diagnostics} as in LSP's textDocument/publishDiagnostics, for editors; places in UTF-16, from 0.
    Lsp,
}

/// Where the files of diagnostics lie.
#[derive(Debug)]
pub struct Files<'f> {
    /// What installed files are under.
    pub prefix: &'f Prefix,
    /// What was named on the command line, relative to the working directory.
    pub given: &'f [PathBuf],
}

impl Files<'_> {
    /// A URI of the file of `diagnostic`; relative where it was named so.
    pub fn uri(&self, diagnostic: &Diagnostic) -> String {
        let path = &diagnostic.path;
        if self.given.contains(path) {
            uri(path)
        } else {
            uri(&self.prefix.at(path))
        }
    }

    /// The same, and absolute, which fails when there is no working directory.
    pub fn absolute_uri(&self, path: &Path) -> std::io::Result<String> {
        let path = if self.given.iter().any(|given| given == path) {
            path.to_owned()
        } else {
            self.prefix.at(path)
        };
        absolute(path).map(|path| uri(&path))
    }
}

/// RFC 3986, every byte escaped that could mean something else.
fn uri(path: &Path) -> String {
    let mut uri = if path.is_absolute() {
        "file://".to_owned()
    } else {
        String::new()
    };
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// The message and what to do about it.
pub fn message(diagnostic: &Diagnostic) -> String {
    match &diagnostic.help {
        Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_hold_any_name() {
        assert_eq!(uri(Path::new("a b:c@.toml")), "a%20b%3Ac%40.toml");
        assert_eq!(uri(Path::new("/etc/é.toml")), "file:///etc/%C3%A9.toml");
    }
}
