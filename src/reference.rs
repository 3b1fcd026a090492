//! What somebody asks for in; what the key tables and the rule pages say of it, or what was probably meant, out.

use crate::container::keys::{self, TableAbout};
use crate::diagnostic::did_you_mean;
use crate::diagnostic::pages::{Page, page, pages};
use crate::document::{About, Shape};
use crate::settings;

/// A kind of file that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// A container file or a drop-in of one.
    Container,
    /// `/etc/lodger.toml`.
    Settings,
}

/// Everything that answers to one name.
#[derive(Debug, Default)]
pub struct Found {
    /// Tables, each with its file and its keys.
    pub tables: Vec<(File, &'static TableAbout, Vec<&'static About>)>,
    /// Keys, each with its file.
    pub keys: Vec<(File, &'static About)>,
    /// Rules.
    pub rules: Vec<&'static Page>,
}

impl File {
    /// Both, the more common first.
    pub const ALL: [Self; 2] = [Self::Container, Self::Settings];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            File::Container => "NAME.toml",
            File::Settings => "/etc/lodger.toml",
        }
    }

    /// Its keys, in the order of the manual page.
    pub fn keys(self) -> &'static [&'static About] {
        match self {
            File::Container => keys::KEYS,
            File::Settings => settings::keys::KEYS,
        }
    }

    /// Its tables, in the same order.
    pub fn tables(self) -> &'static [TableAbout] {
        match self {
            File::Container => &keys::TABLES,
            File::Settings => &settings::keys::TABLES,
        }
    }

    /// The keys of one table.
    pub fn keys_of(self, table: &TableAbout) -> impl Iterator<Item = &'static About> {
        let name = table.name;
        let keys = self.keys().iter().copied();
        keys.filter(move |about| about.table == name)
    }
}

/// What is called `asked`: a rule (`L012`), a table (`limits`, `[limits]`), a key with its table (`limits.memory`), or a key alone,
/// of whichever tables have one of that name.
///
/// # Errors
/// The name that was probably meant, if any is near enough.
pub fn find(asked: &str) -> Result<Found, Option<&'static str>> {
    let name = asked.trim_start_matches('[').trim_end_matches(']');
    if name.is_empty() {
        return Err(None);
    }
    let mut found = Found {
        rules: page(&name.to_ascii_uppercase()).into_iter().collect(),
        ..Found::default()
    };
    for file in File::ALL {
        for table in file.tables().iter().filter(|table| table.name == name) {
            let keys = file.keys_of(table).collect();
            found.tables.push((file, table, keys));
        }
        let keys = file.keys().iter().copied();
        let called = keys.filter(|about| {
            let plain = (about.table, about.name);
            name.split_once('.') == Some(plain) || about.path() == name || about.name == name
        });
        found.keys.extend(called.map(|about| (file, about)));
    }
    if found.tables.is_empty() && found.keys.is_empty() && found.rules.is_empty() {
        // A key of a table may be asked for with the table or without.
        let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
        return Err(did_you_mean(name, names()).or_else(|| did_you_mean(last, names())));
    }
    Ok(found)
}

/// Every name that [`find`] knows, but for keys with their tables.
pub fn names() -> impl Iterator<Item = &'static str> {
    let of_files = File::ALL.into_iter().flat_map(|file| {
        let tables = file.tables().iter().map(|table| table.name);
        tables.chain(file.keys().iter().map(|about| about.name))
    });
    of_files
        .filter(|name| !name.is_empty())
        .chain(pages().map(|page| page.rule))
}

/// What a value of this shape has to be, in words.
pub fn type_in_words(shape: &Shape) -> String {
    match shape {
        Shape::Text => "a string".to_owned(),
        Shape::Words(words) => {
            let words: Vec<_> = words().iter().map(|word| format!("\"{word}\"")).collect();
            match words.split_last() {
                Some((last, [])) => last.clone(),
                Some((last, others)) => format!("{} or {last}", others.join(", ")),
                None => "nothing".to_owned(),
            }
        }
        Shape::Boolean => "true or false".to_owned(),
        Shape::Integer(least, i64::MAX) => format!("an integer, at least {least}"),
        Shape::Integer(least, most) => format!("an integer, {least} to {most}"),
        Shape::IntegerOrInfinity(least, most) => format!(
            "{}, or \"infinity\"",
            type_in_words(&Shape::Integer(*least, *most))
        ),
        Shape::Path => "an absolute path".to_owned(),
        Shape::Time(..) => "a time such as \"1min 30s\", or an integer of seconds".to_owned(),
        Shape::Size => "a size such as \"512M\", or an integer of bytes".to_owned(),
        Shape::SizeOrInfinity => {
            "a size such as \"512M\", an integer of bytes, or \"infinity\"".to_owned()
        }
        Shape::Percent => "a percentage such as \"150%\"".to_owned(),
        Shape::Mode => "octal digits such as \"0750\"".to_owned(),
        Shape::Command => "an array of program and arguments, or one string".to_owned(),
        Shape::Instances => "an integer, 1 to 10000, or an array of names".to_owned(),
        Shape::List(item) => match item {
            Shape::Path => "an array of absolute paths".to_owned(),
            _ => "an array of strings".to_owned(),
        },
        Shape::Texts => "a table of strings".to_owned(),
        Shape::Directives => {
            "a table of strings, integers, true, false, and arrays of them".to_owned()
        }
    }
}

/// A file that sets nothing but this key, to its example.
pub fn example(about: &About) -> String {
    let header = match about.table {
        "" => String::new(),
        "mounts" => "[mounts.\"/srv/data\"]\n".to_owned(),
        "credentials" => "[credentials.db-password]\n".to_owned(),
        "waves" => "[waves.canary]\n".to_owned(),
        table => format!("[{table}]\n"),
    };
    format!("{header}{} = {}\n", about.name, about.example)
}
