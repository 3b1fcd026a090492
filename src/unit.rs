//! A unit file as data: its name and its (section, key, value) lines in order in, its text out.
//!
//! A value can only be made by one of the functions in [`escape`], so that nothing reaches a unit unescaped.

use std::fmt;

pub mod escape;

pub use escape::Escaped;
use escape::{WordList, Words};

/// One unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Such as `lodger-web.service`.
    pub file_name: String,
    text: String,
    /// That of the last line.
    section: &'static str,
}

impl Unit {
    /// A unit with nothing but a comment on its first line.
    pub fn new(file_name: String, comment: &[Escaped<'_>]) -> Self {
        // What most units have; to grow costs more than the room.
        let mut text = String::with_capacity(4096);
        text.push_str("# ");
        text.extend(comment.iter().map(Escaped::as_str));
        text.push('\n');
        Self {
            file_name,
            text,
            section: "",
        }
    }

    /// One more line: `section` without brackets, `key` without `=`. A section begins where its name changes.
    pub fn add<'v>(&mut self, section: &'static str, key: &str, value: impl Into<Escaped<'v>>) {
        self.begin(section);
        let value = value.into();
        let value = value.as_str();
        // Once for all parts: there are forty lines in a unit.
        self.text.reserve(key.len() + value.len() + 2);
        self.text.push_str(key);
        self.text.push('=');
        self.text.push_str(value);
        self.text.push('\n');
    }

    /// One more line of words of this `kind`: those that `write` adds. Without any the line would take back what systemd has
    /// of that key.
    pub fn add_words(
        &mut self,
        section: &'static str,
        key: &str,
        kind: Words,
        write: impl FnOnce(&mut WordList),
    ) {
        self.begin(section);
        self.text.push_str(key);
        self.text.push('=');
        write(&mut WordList::new(&mut self.text, kind));
        self.text.push('\n');
    }

    /// Adds a directive with these names, in which nothing has to be escaped, a blank apart; none if there are no names.
    pub fn add_names<'n>(
        &mut self,
        section: &'static str,
        key: &str,
        names: impl IntoIterator<Item = &'n str>,
    ) {
        let mut names = names.into_iter();
        if let Some(first) = names.next() {
            self.add_words(section, key, Words::List, |list| {
                list.name(first);
                names.for_each(|name| list.name(name));
            });
        }
    }

    /// Adds a number with the unit it is in, which may be empty.
    pub fn add_number(
        &mut self,
        section: &'static str,
        key: &str,
        number: u64,
        unit: &'static str,
    ) {
        self.begin(section);
        self.text.push_str(key);
        self.text.push('=');
        push_number(&mut self.text, number);
        self.text.push_str(unit);
        self.text.push('\n');
    }

    /// Adds a directive whose value is these parts together.
    pub fn add_parts(&mut self, section: &'static str, key: &str, parts: &[Escaped<'_>]) {
        self.begin(section);
        self.text.push_str(key);
        self.text.push('=');
        self.text.extend(parts.iter().map(Escaped::as_str));
        self.text.push('\n');
    }

    /// Whole lines that are spelled out in lodger's own code.
    pub fn add_lines(&mut self, section: &'static str, lines: &'static str) {
        self.begin(section);
        self.text.push_str(lines);
    }

    fn begin(&mut self, section: &'static str) {
        // Mostly it is the same text in memory.
        if !std::ptr::eq(self.section, section) && self.section != section {
            self.text.extend(["\n[", section, "]\n"]);
            self.section = section;
        }
    }

    /// The whole file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file's name and the whole file.
    pub fn into_parts(self) -> (String, String) {
        (self.file_name, self.text)
    }
}

/// Without a text of its own: a unit has several.
fn push_number(text: &mut String, number: u64) {
    if number > 9 {
        push_number(text, number / 10);
    }
    // A digit fits.
    text.push(char::from(b'0' + (number % 10) as u8));
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_stand_apart() {
        let mut unit = Unit::new(
            "x.service".to_owned(),
            &["by ".into(), escape::text("hand")],
        );
        unit.add("Unit", "Description", escape::text("100%"));
        unit.add("Service", "Type", "exec");
        unit.add("Service", "ExecStart", escape::command(["/bin/x", "a b"]));
        unit.add_words("Service", "ExecStop", Words::PrivilegedCommand, |words| {
            words.word("/bin/x");
            words.joined(&["a=", "$b", "", "c d"]);
            words.joined(&["", ";"]);
            words.joined(&[]);
            words.name("x@1");
            words.option("--a=", &["b", " c"]);
            words.option("--a=", &[";"]);
            words.option("--a=", &[]);
        });
        unit.add_words("Service", "Environment", Words::List, |words| {
            words.joined(&["a=", "$b%"]);
        });
        unit.add_names("Service", "Requires", ["a.service", r"b\x2d.mount"]);
        unit.add_names("Service", "Wants", []);
        unit.add_number("Service", "TasksMax", 10, "");
        unit.add_parts("Service", "X", &["/".into(), escape::text("%")]);
        unit.add_number("Service", "TimeoutSec", u64::MAX, "s");
        assert_eq!(
            unit.text(),
            "# by hand\n\n[Unit]\nDescription=100%%\n\n[Service]\nType=exec\nExecStart=/bin/x \"a b\"\n\
             ExecStop=+/bin/x \"a=$$bc d\" \";\" \"\" x@1 \"--a=b c\" --a=; --a=\nEnvironment=a=$b%%\n\
             Requires=a.service b\\x2d.mount\nTasksMax=10\nX=/%%\nTimeoutSec=18446744073709551615s\n"
        );
    }
}
