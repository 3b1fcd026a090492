//! What the user wrote wrong: a rule, a place and words in; one line for logs, a block with carets for people, or JSON out.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exact_path;

mod excerpt;
mod fault;
pub mod pages;
pub mod rule;
mod suggest;

pub use excerpt::Excerpt;
pub use fault::Fault;
pub use suggest::did_you_mean;

/// One mistake in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable identifier of the broken rule, such as `L006`; see [`rule`].
    pub rule: &'static str,
    /// Whether it stops the container.
    pub severity: Severity,
    /// The file, as its user knows it: without any `LODGER_ROOT`.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
    /// Where in the file; `None` when it is about the file as a whole.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// What is wrong: lower case, no final stop, bounded.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line it is about, for the block.
    #[serde(skip)]
    pub excerpt: Option<Excerpt>,
}

/// Whether a mistake stops the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The container is refused.
    Error,
    /// Worth a look; the container is made all the same.
    Warning,
}

/// A place in a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// Characters the mistake spans on that line; at least 1.
    pub length: usize,
}

impl Diagnostic {
    /// A mistake of a whole file: its name, its kind, its being there at all.
    pub fn of_file(path: &Path, fault: Fault) -> Self {
        Self {
            rule: fault.rule,
            severity: Severity::Error,
            path: path.to_owned(),
            position: None,
            message: fault.message,
            help: fault.help,
            excerpt: None,
        }
    }

    /// A directory that may hold files that count, and cannot be looked into.
    pub fn of_unreadable_directory(path: &Path, error: &std::io::Error) -> Self {
        let message = format!("this directory cannot be read: {error}");
        Self::of_file(path, Fault::new(rule::UNREADABLE, message))
    }

    /// The same, as a warning.
    pub fn as_warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }

    /// `PATH:LINE:COLUMN: MESSAGE (HELP)` on one line whatever the file or its name holds, for kmsg, the journal and stub units.
    pub fn one_line(&self) -> String {
        let help = self
            .help
            .as_ref()
            .map_or(String::new(), |help| format!(" ({help})"));
        printable(&format!("{}: {}{help}", self.place(), self.message))
    }

    /// Several lines for people: the place first, where editors and terminals look for it, and the line with carets as rustc shows
    /// it. Ends in a newline.
    pub fn block(&self) -> String {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let message = format!("{}: {word}[{}]: {}", self.place(), self.rule, self.message);
        let mut lines = vec![printable(&message)];
        let gutter = self
            .position
            .map_or(1, |position| position.line.to_string().len());
        let pad = " ".repeat(gutter);
        if let (Some(position), Some(excerpt)) = (self.position, &self.excerpt) {
            lines.push(format!("{pad} |"));
            lines.push(format!("{} | {}", position.line, excerpt.text));
            lines.push(format!(
                "{pad} | {}{}",
                " ".repeat(excerpt.caret),
                "^".repeat(excerpt.length)
            ));
        }
        if let Some(help) = &self.help {
            lines.push(format!("{pad} = help: {}", printable(help)));
        }
        lines.join("\n") + "\n"
    }

    fn place(&self) -> String {
        let path = self.path.display();
        match self.position {
            Some(Position { line, column, .. }) => format!("{path}:{line}:{column}"),
            None => path.to_string(),
        }
    }
}

/// `text` in quotes, cut to what fits in a message; its control characters stay, [`printable`] shows them at the end.
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("\"{}...\"", &text[..cut]),
        None => format!("\"{text}\""),
    }
}

/// `text` with everything escaped that could break a line or turn the writing direction of a terminal.
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Diagnostic {
        let fault = Fault::new(
            rule::UNKNOWN_KEY,
            format!("unknown key {}", quote("restrat")),
        )
        .help("write \"restart\"");
        Diagnostic {
            position: Some(Position {
                line: 12,
                column: 3,
                length: 7,
            }),
            excerpt: Some(Excerpt::of_line("\trestrat = 1", 1, 7)),
            ..Diagnostic::of_file(Path::new("/etc/lodger/web.toml"), fault)
        }
    }

    #[test]
    fn one_line_is_one_line_whatever_is_in_it() {
        assert_eq!(
            sample().one_line(),
            "/etc/lodger/web.toml:12:3: unknown key \"restrat\" (write \"restart\")"
        );
        let evil = Diagnostic::of_file(
            Path::new("/etc/lodger/a\n<0>b.toml"),
            Fault::new(rule::NAME, "x\u{202e}\r\n\u{85}y"),
        );
        assert_eq!(
            evil.one_line(),
            "/etc/lodger/a\\n<0>b.toml: x\\u{202e}\\r\\n\\u{85}y"
        );
    }

    #[test]
    fn block_points_at_the_place_through_tabs() {
        let expected = "\
/etc/lodger/web.toml:12:3: error[L006]: unknown key \"restrat\"
   |
12 |     restrat = 1
   |     ^^^^^^^
   = help: write \"restart\"
";
        assert_eq!(sample().block(), expected);
    }

    #[test]
    fn json_has_the_place_flat() {
        let json = serde_json::to_string(&sample()).unwrap();
        assert_eq!(
            json,
            r#"{"rule":"L006","severity":"error","path":"/etc/lodger/web.toml","line":12,"column":3,"length":7,"message":"unknown key \"restrat\"","help":"write \"restart\""}"#
        );
    }

    #[test]
    fn quotes_are_bounded() {
        assert_eq!(quote("é"), "\"é\"");
        assert_eq!(
            quote(&"é".repeat(500)),
            format!("\"{}...\"", "é".repeat(80))
        );
    }
}
