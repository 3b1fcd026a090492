//! `lodger explain`: a key, a table or a rule in; what it means out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command, Error};
use lodger::container::keys::TableAbout;
use lodger::diagnostic::pages::{Page, pages, text_of};
use lodger::diagnostic::quote;
use lodger::document::About;
use lodger::reference::{File, Found, example, find, names, type_in_words};
use serde_json::{Value, json};

use super::write_json;

/// What fits beside an indent on most terminals.
const WIDTH: usize = 96;

/// Explain a key, a table or a rule.
///
/// Of a key it tells the type, the default, what it does, and which directive of systemd it becomes; of a rule (L006), which
/// "lodger check" names with each mistake, what it means, why lodger refuses, and an example that is wrong and one that is right.
/// Without NAME all keys and rules are listed.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0, or 2 when nothing is called NAME.

Examples:
  lodger explain memory             a key, whichever table it is in
  lodger explain limits.memory      the same
  lodger explain limits             a table
  lodger explain L006               a rule
  lodger explain --json             everything, for programs")]
pub struct Explain {
    /// A key (memory, limits.memory), a table (limits) or a rule (L006).
    #[arg(value_name = "NAME", value_parser = Words, hide_possible_values = true)]
    name: Option<String>,
    /// Write JSON to stdout.
    #[arg(long)]
    json: bool,
}

/// Any word: the known ones are for the shell to complete, and only [`find`] can tell what was meant by others.
#[derive(Debug, Clone)]
struct Words;

impl TypedValueParser for Words {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(words().into_iter().map(PossibleValue::new)))
    }
}

/// Every word that shells complete.
pub fn words() -> Vec<&'static str> {
    // Some keys stand in several tables, and some tables are called like keys.
    let words: BTreeSet<_> = names().collect();
    words.into_iter().collect()
}

impl Explain {
    /// Writes what there is to say.
    ///
    /// # Errors
    /// When nothing has the name.
    pub fn run(&self, out: &mut dyn Write) -> Result<ExitCode> {
        let found = match &self.name {
            None if !self.json => {
                out.write_all(list().as_bytes())?;
                return Ok(ExitCode::SUCCESS);
            }
            None => everything(),
            Some(name) => match find(name) {
                Ok(found) => found,
                Err(Some(meant)) => {
                    bail!(
                        "nothing is called {}; did you mean \"{meant}\"?",
                        quote(name)
                    )
                }
                Err(None) => bail!(
                    "nothing is called {}; \"lodger explain\" lists all keys and rules",
                    quote(name)
                ),
            },
        };
        if self.json {
            write_json(out, &json_of(&found))?;
        } else {
            out.write_all(text(&found).as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn everything() -> Found {
    let mut found = Found::default();
    for file in File::ALL {
        let tables = file.tables().iter();
        found
            .tables
            .extend(tables.map(|table| (file, table, file.keys_of(table).collect())));
        found
            .keys
            .extend(file.keys().iter().map(|about| (file, *about)));
    }
    found.rules.extend(pages());
    found
}

/// All keys and rules, one line each.
fn list() -> String {
    let mut text = String::new();
    for file in File::ALL {
        text.push_str(&format!("Keys of {}\n", file.name()));
        for about in file.keys() {
            text.push_str(&key_line(about));
        }
        text.push('\n');
    }
    text.push_str("Rules\n");
    for page in pages() {
        text.push_str(&format!("  {}  {}\n", page.rule, page.title));
    }
    text
}

fn key_line(about: &About) -> String {
    // The first sentence says most.
    let end = about
        .meaning
        .find(". ")
        .map_or(about.meaning.len(), |at| at + 1);
    let path = about.path();
    let lines = wrapped(&about.meaning[..end], WIDTH - 26);
    let (first, others) = lines
        .split_first()
        .map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
    let mut text = format!("  {path:<22}  {first}\n");
    for line in others {
        text.push_str(&format!("{:26}{line}\n", ""));
    }
    text
}

fn text(found: &Found) -> String {
    let tables = found
        .tables
        .iter()
        .map(|(file, table, keys)| table_text(*file, table, keys));
    let keys = found
        .keys
        .iter()
        .map(|(file, about)| key_text(*file, about));
    let rules = found.rules.iter().map(|page| rule_text(page));
    tables
        .chain(keys)
        .chain(rules)
        .collect::<Vec<_>>()
        .join("\n")
}

fn table_text(file: File, table: &TableAbout, keys: &[&About]) -> String {
    let mut text = format!(
        "[{}] in {}\n\n{}\n",
        table.name,
        file.name(),
        indented(table.meaning)
    );
    for about in keys {
        text.push_str(&key_line(about));
    }
    text
}

fn key_text(file: File, about: &About) -> String {
    format!(
        "{} in {}\n\n{}\n  type:     {}\n  default:  {}\n  becomes:  {}\n  since:    lodger {}\n\n{}",
        about.path(),
        file.name(),
        indented(about.meaning),
        type_in_words(&about.shape),
        about.default,
        about.directive,
        about.since,
        indented_lines(&example(about)),
    )
}

fn rule_text(page: &Page) -> String {
    let mut text = format!(
        "{}: {}\n\n{}\n{}",
        page.rule,
        page.title,
        indented(page.meaning),
        indented(page.why)
    );
    for (title, examples) in [("Wrong", page.wrong), ("Right", page.right)] {
        if !examples.is_empty() {
            text.push_str(&format!(
                "\n{title}:\n{}",
                indented_lines(&text_of(examples))
            ));
        }
    }
    text
}

fn indented(paragraph: &str) -> String {
    indented_lines(&wrapped(paragraph, WIDTH).join("\n"))
}

fn indented_lines(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("  {line}\n"),
    });
    lines.collect()
}

/// `text` in lines of at most `width` characters, but for longer words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn json_of(found: &Found) -> Value {
    let table = |(file, table, keys): &(File, &TableAbout, Vec<&About>)| {
        let keys: Vec<_> = keys.iter().map(|about| about.path()).collect();
        json!({ "table": table.name, "file": file.name(), "meaning": table.meaning, "keys": keys })
    };
    let key = |(file, about): &(File, &About)| {
        json!({
            "key": about.path(), "file": file.name(), "type": type_in_words(&about.shape), "default": about.default,
            "meaning": about.meaning, "directive": about.directive, "since": about.since, "example": example(about),
        })
    };
    let rule = |page: &&Page| {
        json!({
            "rule": page.rule, "name": page.name, "title": page.title, "meaning": page.meaning, "why": page.why,
            "wrong": text_of(page.wrong), "right": text_of(page.right),
        })
    };
    json!({
        "tables": found.tables.iter().map(table).collect::<Vec<_>>(),
        "keys": found.keys.iter().map(key).collect::<Vec<_>>(),
        "rules": found.rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples() -> Vec<Value> {
    vec![json_of(&everything())]
}
