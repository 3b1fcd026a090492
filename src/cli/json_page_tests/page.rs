//! lodger-json(5) in; its sections with their fields, out.

use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../../../man/lodger-json.5");

/// The page.
#[derive(Debug, Default)]
pub struct Page {
    /// By their headings.
    pub sections: BTreeMap<String, Section>,
    /// All that is quoted as something to type or to be written.
    pub words: BTreeSet<String>,
}

/// What stands under one heading.
#[derive(Debug, Default)]
pub struct Section {
    /// Its fields.
    pub entries: Vec<Entry>,
}

/// One field.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// As jq names it, without the first dot; empty for the whole value.
    pub path: String,
    /// Its types, in words.
    pub types: Vec<String>,
    /// The heading under which it is described.
    pub reference: Option<String>,
}

impl Entry {
    /// Whether it may be of this type.
    pub fn has(&self, word: &str) -> bool {
        self.types.iter().any(|has| has == word)
    }
}

impl Section {
    /// The field at `path`.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }
}

impl Page {
    /// Reads the page.
    pub fn read() -> Self {
        let mut page = Self::default();
        let mut heading = None;
        for line in PAGE.lines() {
            page.add_words(line);
            if let Some(name) = line.strip_prefix(".Ss ") {
                page.sections.insert(name.to_owned(), Section::default());
                heading = Some(name.to_owned());
            } else if line.starts_with(".Sh ") {
                heading = None;
            }
            let section = heading
                .as_ref()
                .and_then(|name| page.sections.get_mut(name));
            let Some(section) = section else { continue };
            if let Some(item) = line.strip_prefix(".It Va ") {
                section.entries.extend(entries(item));
            } else if let ("lodger history NUMBER", Some(name)) = (
                heading.as_deref().unwrap_or_default(),
                line.strip_prefix(".Sx "),
            ) {
                // It is all that is said of the value.
                let name = name.trim_end_matches(" .");
                section.entries.extend(entries(&format!(" Pq Sx {name}")));
            }
        }
        page
    }

    fn add_words(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        for pair in words.windows(2) {
            if pair[0].trim_start_matches('.') == "Ql" {
                self.words.insert(pair[1].to_owned());
            }
        }
    }
}

/// `a , b Pq number or null`.
fn entries(item: &str) -> Vec<Entry> {
    let (paths, types) = item.split_once(" Pq ").unwrap_or((item, ""));
    let reference = types.strip_prefix("Sx ");
    let of_all = Entry {
        path: String::new(),
        types: match reference {
            Some(_) => Vec::new(),
            None => types.split(" or ").map(str::to_owned).collect(),
        },
        reference: reference.map(str::to_owned),
    };
    let paths = paths.split(" , ").map(|path| Entry {
        path: path.trim().to_owned(),
        ..of_all.clone()
    });
    paths.collect()
}
