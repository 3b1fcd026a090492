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
            entries: Vec::new(),
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

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}", self.comment)?;
        let mut section = None;
        for entry in &self.entries {
            if section != Some(entry.section) {
                writeln!(f, "\n[{}]", entry.section)?;
                section = Some(entry.section);
            }
            writeln!(f, "{}={}", entry.key, entry.value)?;
        }
        Ok(())
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
