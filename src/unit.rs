//! A unit file as data: its name and its (section, key, value) lines in order in, its text out.
//!
//! A value can only be made by one of the functions in [`escape`], so that nothing reaches a unit unescaped.

use std::borrow::Cow;
use std::fmt;

pub mod escape;

pub use escape::Escaped;

/// One unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Such as `lodger-web.service`.
    pub file_name: String,
    /// The comment on its first line.
    pub comment: Escaped,
    /// Its lines in order. A section begins where the name changes.
    pub entries: Vec<Entry>,
}

/// One line of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Without brackets.
    pub section: &'static str,
    /// Without `=`.
    pub key: Cow<'static, str>,
    /// What follows.
    pub value: Escaped,
}

impl Unit {
    /// A unit without lines.
    pub fn new(file_name: String, comment: Escaped) -> Self {
        Self {
            file_name,
            comment,
            // What most units have.
            entries: Vec::with_capacity(64),
        }
    }

    /// One more line.
    pub fn add(
        &mut self,
        section: &'static str,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Escaped>,
    ) {
        self.entries.push(Entry {
            section,
            key: key.into(),
            value: value.into(),
        });
    }
}

impl Unit {
    /// The whole file.
    pub fn text(&self) -> String {
        let line = |entry: &Entry| entry.key.len() + entry.value.as_str().len() + "=\n".len();
        let lines: usize = self.entries.iter().map(line).sum();
        // A few sections; one more costs no more than to move the text.
        let mut text = String::with_capacity(lines + self.comment.as_str().len() + 64);
        for part in ["# ", self.comment.as_str(), "\n"] {
            text.push_str(part);
        }
        let mut section = None;
        for entry in &self.entries {
            if section != Some(entry.section) {
                for part in ["\n[", entry.section, "]\n"] {
                    text.push_str(part);
                }
                section = Some(entry.section);
            }
            for part in [&*entry.key, "=", entry.value.as_str(), "\n"] {
                text.push_str(part);
            }
        }
        text
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_stand_apart() {
        let mut unit = Unit::new("x.service".to_owned(), escape::text("by hand"));
        unit.add("Unit", "Description", escape::text("100%"));
        unit.add("Service", "Type", "exec");
        unit.add("Service", "ExecStart", escape::command(["/bin/x", "a b"]));
        assert_eq!(
            unit.to_string(),
            "# by hand\n\n[Unit]\nDescription=100%%\n\n[Service]\nType=exec\nExecStart=/bin/x \"a b\"\n"
        );
    }
}
