//! Tables and functions that know what a value must be in; values out, and every mistake with its place.

use std::borrow::Cow;

use super::key::{About, Key};
use super::tree::is_ordinary;
use super::{Place, Source, Table, Toml, Value, sort};
use crate::diagnostic::{Diagnostic, Fault, rule};

/// Mistakes that are told. Who wrote more than these has another problem than the next one.
pub const MOST_MISTAKES: usize = 1000;

/// What `%i` in a string stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Percent<'a> {
    /// The name of this instance.
    Instance(&'a str),
    /// Nothing, and it is a mistake: the file makes one container.
    NoInstance,
    /// Two characters like any others.
    Literal,
}

/// A value that is one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar<'v> {
    /// A string, `%i` already replaced.
    Text(Cow<'v, str>),
    /// An integer of 64 bits.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// Something else: its type, with its article.
    Other(&'static str),
}

/// Collects what is wrong while files are read.
///
/// A file over another gives another value to a key; both must be right, since the mistake is there whoever wins.
#[derive(Debug)]
pub struct Reader<'s> {
    sources: &'s [Source<'s>],
    /// The file that the others add to.
    base: usize,
    percent: Percent<'s>,
    diagnostics: Vec<Diagnostic>,
    /// How many mistakes are told.
    most: usize,
    /// Mistakes beyond those that are told.
    more: usize,
    /// The file with the first of these.
    more_in: usize,
}

impl<'s> Reader<'s> {
    /// A reader of some of `sources`, above all of the one with the number `base`, that found nothing yet.
    pub fn new(sources: &'s [Source<'s>], base: usize, percent: Percent<'s>) -> Self {
        Self {
            sources,
            base,
            percent,
            diagnostics: Vec::new(),
            most: MOST_MISTAKES,
            more: 0,
            more_in: base,
        }
    }

    /// The same reader, which tells `most` mistakes and counts the others.
    pub fn telling(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// The file in which `place` is.
    pub fn source(&self, place: &Place) -> &'s Source<'s> {
        &self.sources[place.document]
    }

    /// The file that the others add to.
    pub fn base(&self) -> &'s Source<'s> {
        &self.sources[self.base]
    }

    /// The number of the file that the others add to.
    pub fn base_document(&self) -> usize {
        self.base
    }

    /// Notes a mistake.
    pub fn fault(&mut self, place: Place, fault: Fault) {
        if self.diagnostics.len() < self.most {
            let source = self.source(&place);
            self.diagnostics.push(source.diagnostic(place.span, fault));
        } else {
            if self.more == 0 {
                self.more_in = place.document;
            }
            self.more += 1;
        }
    }

    /// Notes a mistake of the whole: it is told of the file that the others add to.
    pub fn file_fault(&mut self, fault: Fault) {
        let path = self.base().path();
        self.diagnostics.push(Diagnostic::of_file(path, fault));
    }

    /// Everything found, in the order of the files.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        if self.more > 0 {
            let message = format!("{} more mistakes, which are not told one by one", self.more);
            // Of the file that has them: a drop-in of a thousand containers says so once.
            let path = self.sources[self.more_in].path();
            let fault = Fault::new(rule::TOO_MANY, message).help("mend these first");
            self.diagnostics.push(Diagnostic::of_file(path, fault));
        }
        sort(&mut self.diagnostics);
        self.diagnostics
    }

    /// The value of `key`. `None` when it is absent, and when it is wrong, which is noted.
    pub fn value<T>(&mut self, table: &mut Table<'_>, key: &'static Key<T>) -> Option<T> {
        self.value_with(table, &key.about, key.read)
    }

    /// The same, where the meaning depends on more than the value.
    pub fn value_with<T>(
        &mut self,
        table: &mut Table<'_>,
        about: &'static About,
        read: impl Fn(Scalar) -> Result<T, Fault>,
    ) -> Option<T> {
        let mut last = None;
        for written in table.take(about.name) {
            last = self.convert(&written.value(), &read);
        }
        last
    }

    /// The items of the array `key`, each with its place; wrong ones are noted and left out. `None` when it is absent or no
    /// array. An array over another takes the place of all of it.
    pub fn list<T>(
        &mut self,
        table: &mut Table<'_>,
        key: &'static Key<T>,
    ) -> Option<Vec<(T, Place)>> {
        let mut last = None;
        for written in table.take(key.about.name) {
            last = self.items(&written.value(), "an array of strings", key.read);
        }
        last
    }

    /// The items of one array, called `expected` should it be none.
    pub fn items<T>(
        &mut self,
        value: &Value<'_>,
        expected: &str,
        read: impl Fn(Scalar) -> Result<T, Fault>,
    ) -> Option<Vec<(T, Place)>> {
        let Some(items) = value.items() else {
            let message = format!("expected {expected}, found {}", value.toml().kind());
            self.fault(value.place(), Fault::new(rule::WRONG_TYPE, message));
            return None;
        };
        let items = items.filter_map(|item| Some((self.convert(&item, &read)?, item.place())));
        Some(items.collect())
    }

    /// The table `key`, called `title` in messages: all files together, key by key.
    pub fn table<'d>(
        &mut self,
        table: &mut Table<'d>,
        key: &'static str,
        title: &'static str,
    ) -> Option<Table<'d>> {
        let mut merged = None;
        for written in table.take(key) {
            let value = written.value();
            match value.toml() {
                Toml::Table(inner) => merged
                    .get_or_insert_with(|| Table::new(title))
                    .add(value.document(), inner),
                _ => self.expected_table(&value),
            }
        }
        merged
    }

    /// One value of the table called `title` that has to be a table itself, with the key `name`.
    pub fn entry<'d>(
        &mut self,
        value: &Value<'d>,
        title: &'static str,
        name: &'d str,
    ) -> Option<Table<'d>> {
        match value.toml() {
            Toml::Table(inner) => {
                let mut table = Table::of_entry(title, name);
                table.add(value.document(), inner);
                Some(table)
            }
            _ => {
                self.expected_table(value);
                None
            }
        }
    }

    fn expected_table(&mut self, value: &Value<'_>) {
        let message = format!("expected a table, found {}", value.toml().kind());
        self.fault(value.place(), Fault::new(rule::WRONG_TYPE, message));
    }

    /// Notes every key of `table` that nobody asked for.
    pub fn refuse_rest(&mut self, table: Table<'_>) {
        if table.is_read() {
            return;
        }
        let mut unknown = table.into_unknown();
        let room = self.most.saturating_sub(self.diagnostics.len());
        // One more, by which the file that has them is known.
        for (place, fault) in unknown.by_ref().take(room + 1) {
            self.fault(place, fault);
        }
        self.more += unknown.len();
    }

    /// `value` as `read` understands it; what is wrong is noted.
    pub fn convert<T>(
        &mut self,
        value: &Value<'_>,
        read: impl FnOnce(Scalar) -> Result<T, Fault>,
    ) -> Option<T> {
        match self.scalar(value.toml()).and_then(read) {
            Ok(converted) => Some(converted),
            Err(fault) => {
                self.fault(value.place(), fault);
                None
            }
        }
    }

    /// A key of a table whose keys are names: characters checked, `%i` replaced.
    pub fn name<'w>(&mut self, written: &'w str, place: &Place) -> Option<Cow<'w, str>> {
        match meant(written, self.percent) {
            Ok(name) => Some(name),
            Err(fault) => {
                self.fault(place.clone(), fault);
                None
            }
        }
    }

    fn scalar<'v>(&self, value: &'v Toml<'_>) -> Result<Scalar<'v>, Fault> {
        Ok(match value {
            Toml::Text(text, true) => Scalar::Text(Cow::Borrowed(text)),
            Toml::Text(text, false) => Scalar::Text(meant(text, self.percent)?),
            Toml::Integer(Some(integer)) => Scalar::Integer(*integer),
            Toml::Integer(None) => {
                return Err(Fault::new(rule::QUANTITY, "an integer beyond 64 bits"));
            }
            Toml::Boolean(boolean) => Scalar::Boolean(*boolean),
            other => Scalar::Other(other.kind()),
        })
    }
}

impl Scalar<'_> {
    /// What it is, with its article, for "found ...".
    pub fn kind(&self) -> &'static str {
        match self {
            Scalar::Text(_) => "a string",
            Scalar::Integer(_) => "an integer",
            Scalar::Boolean(_) => "a boolean",
            Scalar::Other(kind) => kind,
        }
    }
}

/// A string as it is: the converter of the keys that take any.
pub fn text(scalar: Scalar) -> Result<String, Fault> {
    word(scalar).map(Cow::into_owned)
}

/// A string to look at: what it means is kept, and not the string.
pub fn word(scalar: Scalar) -> Result<Cow<str>, Fault> {
    match scalar {
        Scalar::Text(text) => Ok(text),
        other => Err(Fault::new(
            rule::WRONG_TYPE,
            format!("expected a string, found {}", other.kind()),
        )),
    }
}

/// A text as it is meant: characters checked, `%i` replaced.
fn meant<'w>(written: &'w str, percent: Percent<'_>) -> Result<Cow<'w, str>, Fault> {
    // Of these neither is to be done.
    if is_ordinary(written) {
        return Ok(Cow::Borrowed(written));
    }
    check_characters(written)?;
    percent.expand(written)
}

impl Percent<'_> {
    /// `%i` replaced and `%%i` made a literal `%i`; any other `%` stays.
    fn expand(self, text: &str) -> Result<Cow<'_, str>, Fault> {
        if self == Percent::Literal || !text.as_bytes().contains(&b'%') {
            return Ok(Cow::Borrowed(text));
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            expanded.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("%%i") {
                expanded.push_str("%i");
                rest = after;
            } else if let Some(after) = rest.strip_prefix("%i") {
                let Percent::Instance(instance) = self else {
                    return Err(no_instance());
                };
                expanded.push_str(instance);
                rest = after;
            } else {
                expanded.push('%');
                rest = &rest[1..];
            }
        }
        expanded.push_str(rest);
        Ok(Cow::Owned(expanded))
    }
}

fn no_instance() -> Fault {
    Fault::new(
        rule::SPECIFIER,
        "\"%i\" is the name of an instance, and this file makes no instances",
    )
    .help("name the file NAME@.toml, or write \"%%i\" for the two characters")
}

/// systemd drops a whole line that holds one of these, with no more than a warning in its log.
fn check_characters(text: &str) -> Result<(), Fault> {
    // None of the others is ASCII.
    if text.is_ascii() && !text.as_bytes().contains(&0) {
        return Ok(());
    }
    let refused = |character: &char| {
        let code = u32::from(*character);
        code == 0 || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    };
    match text.chars().find(refused) {
        Some(character) => {
            let message = format!(
                "the character U+{:04X} cannot stand in a unit file",
                u32::from(character)
            );
            Err(Fault::new(rule::CHARACTER, message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_i_is_the_instance_and_nothing_else_is() {
        let expand = |text| Percent::Instance("7").expand(text).unwrap();
        for (written, meant) in [
            ("80%i", "807"),
            ("%i%i", "77"),
            ("%%i", "%i"),
            ("%%%i", "%%i"),
            ("%%%%i", "%%%i"),
            ("100%", "100%"),
            ("%", "%"),
            ("%z %n %%", "%z %n %%"),
            ("é%i🔟", "é7🔟"),
        ] {
            assert_eq!(expand(written), meant, "for {written:?}");
        }
        assert_eq!(Percent::NoInstance.expand("%%i %n"), Ok("%i %n".into()));
        assert_eq!(Percent::NoInstance.expand("x%i"), Err(no_instance()));
        assert_eq!(Percent::Literal.expand("%i %%i"), Ok("%i %%i".into()));
    }

    #[test]
    fn characters_that_systemd_drops_are_refused() {
        for character in ['\0', '\u{fdd0}', '\u{fffe}', '\u{1ffff}', '\u{10ffff}'] {
            assert!(
                check_characters(&format!("a{character}")).is_err(),
                "for {character:?}"
            );
        }
        assert_eq!(check_characters("é\u{1}\n\u{fffd}🔟"), Ok(()));
    }
}
