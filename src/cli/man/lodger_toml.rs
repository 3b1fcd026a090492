//! The hand-written parts of lodger.toml(5) and the key tables in; the whole page out.

use std::io::Write;

use anyhow::Result;
use lodger::container::keys::TableAbout;
use lodger::document::{About, Shape};
use lodger::reference::File;

use super::mdoc::{in_quotes, sentences};

const PAGE: &str = include_str!("../../../man/lodger.toml.5");

/// Where the tables go, each a comment on a line of its own.
const MARKERS: [(&str, File); 2] = [
    (".\\\" lodger: the keys of container files", File::Container),
    (".\\\" lodger: the keys of /etc/lodger.toml", File::Settings),
];

/// Writes the page as mdoc(7).
pub fn write(out: &mut dyn Write) -> Result<()> {
    for line in PAGE.lines() {
        match MARKERS.iter().find(|(marker, _)| *marker == line) {
            Some((_, file)) => out.write_all(reference(*file).as_bytes())?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn reference(file: File) -> String {
    let tables = file.tables().iter();
    tables.map(|table| table_of(file, table)).collect()
}

fn table_of(file: File, table: &TableAbout) -> String {
    let mut page = match (table.name, table.entries) {
        ("", _) => ".Ss Top level\n".to_owned(),
        (name, None) => format!(".Ss [{name}]\n"),
        (name, Some(_)) => format!(".Ss [{name}.NAME]\n"),
    };
    page.push_str(&sentences(table.meaning));
    page.push_str(".Bl -tag -width Ds\n");
    for about in file.keys_of(table) {
        page.push_str(&key(about));
    }
    page.push_str(".El\n");
    page
}

fn key(about: &About) -> String {
    let mut page = format!(".It Ic {} No = {}\n", about.name, argument(&about.shape));
    page.push_str(&sentences(about.meaning));
    if let Shape::Integer(least, most) = about.shape {
        page.push_str(&format!("The number is {least} to {most}.\n"));
    }
    page.push_str(&sentences(&format!("Default: {}.", default_of(about))));
    let directives = about.directive.split(", ");
    let directives = directives.filter(|name| name.contains('=') || name.starts_with('['));
    let directives: Vec<_> = directives
        .map(|name| format!(".Va \"{}\"", in_quotes(name)))
        .collect();
    if !directives.is_empty() {
        page.push_str(&format!("Becomes\n{} .\n", directives.join(" ,\n")));
    }
    if about.since != "0.1" {
        page.push_str(&format!("Since lodger {}.\n", about.since));
    }
    page
}

/// The default, as code where it is TOML and not words.
fn default_of(about: &About) -> String {
    let is_toml = about.default.starts_with(['"', '[', '{'])
        || matches!(about.shape, Shape::Boolean | Shape::Integer(..));
    match about.default {
        default if is_toml && !default.contains(' ') => format!("`{default}`"),
        words => words.to_owned(),
    }
}

/// What stands behind the `=`.
fn argument(shape: &Shape) -> String {
    let word = |word: &str| format!("\\(dq{}\\(dq", word.replace('-', "\\-"));
    match shape {
        Shape::Text => "Ar string".to_owned(),
        Shape::Words(words) => {
            let words: Vec<_> = words().iter().map(|known| word(known)).collect();
            format!("Cm {}", words.join(" | "))
        }
        Shape::Boolean => "Cm true | false".to_owned(),
        Shape::Integer(..) => "Ar number".to_owned(),
        Shape::IntegerOrInfinity(..) => format!("Ar number | Cm {}", word("infinity")),
        Shape::Path => "Ar path".to_owned(),
        Shape::Time(..) => "Ar time".to_owned(),
        Shape::Size => "Ar size".to_owned(),
        Shape::SizeOrInfinity => format!("Ar size | Cm {}", word("infinity")),
        Shape::Percent => "Ar percentage".to_owned(),
        Shape::Mode => "Ar mode".to_owned(),
        Shape::Command => "Bo Ar program , argument , ... Bc | Ar string".to_owned(),
        Shape::Instances => "Ar number | Bq Ar name , ...".to_owned(),
        Shape::List(Shape::Path) => "Bq Ar path , ...".to_owned(),
        Shape::List(_) => "Bq Ar string , ...".to_owned(),
        Shape::Texts => "Brq Ar NAME No = Ar string , ...".to_owned(),
        Shape::Directives => "Brq Ar Directive No = Ar value , ...".to_owned(),
    }
}
