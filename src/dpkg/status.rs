//! dpkg's status file in; its paragraphs out, and what could not be made sense of.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The most that is read of dpkg's status file; a full Debian desktop has 5 MB.
const MOST_BYTES: u64 = 256 << 20;

/// One paragraph of the status file, its fields as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// `Package:`.
    pub name: String,
    /// `Architecture:`.
    pub architecture: String,
    /// `Version:`.
    pub version: String,
    /// `Source:`, without the version; empty if it has the package's name.
    pub source: String,
    /// `want flag state`, dpkg(1) "Information about packages".
    pub status: String,
    /// `Pre-Depends:` and `Depends:`, with a comma between them.
    pub depends: String,
    /// `Provides:`.
    pub provides: String,
    /// `Essential: yes`.
    pub essential: bool,
    /// What in it makes no sense.
    pub fault: Option<String>,
}

impl Entry {
    fn state(&self) -> &str {
        self.status.split(' ').nth(2).unwrap_or("")
    }

    /// Whether files of it are on the host.
    pub fn has_files(&self) -> bool {
        !matches!(self.state(), "not-installed" | "config-files")
    }

    /// What dpkg has still to do with it; `None` if nothing.
    pub fn unfinished(&self) -> Option<String> {
        if self.status.split(' ').nth(1) == Some("reinstreq") {
            return Some("reinst-required".to_owned());
        }
        (self.state() != "installed").then(|| self.state().to_owned())
    }

    fn set(&mut self, field: &str, value: &str) {
        match field {
            "Package" => value.clone_into(&mut self.name),
            "Architecture" => value.clone_into(&mut self.architecture),
            "Version" => value.clone_into(&mut self.version),
            "Status" => value.clone_into(&mut self.status),
            "Source" => {
                let name = value.split([' ', '(']).next().unwrap_or_default();
                name.clone_into(&mut self.source);
            }
            "Essential" => self.essential = value == "yes",
            _ => self.add(field, value),
        }
    }

    /// Adds to a list of packages.
    fn add(&mut self, field: &str, value: &str) {
        let list = match field {
            "Pre-Depends" | "Depends" => &mut self.depends,
            "Provides" => &mut self.provides,
            _ => return,
        };
        if !list.is_empty() && !list.ends_with(',') {
            list.push(',');
        }
        list.push_str(value);
    }
}

/// The paragraphs of a status file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Those that say which package they are of, and in which state it is.
    pub entries: Vec<Entry>,
    /// What is wrong with the others.
    pub faults: Vec<String>,
}

impl Status {
    /// Reads `admindir/status`, and says in the journal what makes no sense in it. No lock is needed: dpkg replaces it whole.
    ///
    /// # Errors
    /// When it cannot be read, or nothing in it makes sense.
    pub fn read(admindir: &Path) -> Result<Self> {
        let path = admindir.join("status");
        let mut text = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text))
            .with_context(|| format!("cannot read '{}'", path.display()))?;
        if text.len() as u64 == MOST_BYTES {
            bail!(
                "'{}' is larger than {} MiB",
                path.display(),
                MOST_BYTES >> 20
            );
        }
        // Descriptions may be in any encoding; the fields used here are ASCII.
        let status = parse(&String::from_utf8_lossy(&text))
            .with_context(|| format!("cannot make sense of '{}'", path.display()))?;
        for fault in status.all_faults() {
            tracing::warn!("in '{}', {fault}", path.display());
        }
        Ok(status)
    }

    /// What makes no sense, in words.
    pub fn all_faults(&self) -> Vec<String> {
        let in_entries = self.entries.iter().filter_map(|entry| {
            let fault = entry.fault.as_ref()?;
            Some(format!("of package {}: {fault}", entry.name))
        });
        in_entries.chain(self.faults.iter().cloned()).collect()
    }
}

/// The paragraphs of a status file, deb822(5). One that is not understood does not keep others from being.
///
/// # Errors
/// When there are paragraphs and none of them is understood: then it is no status file, and what would be made of it no basis
/// for a decision.
pub fn parse(text: &str) -> Result<Status> {
    let mut status = Status::default();
    for paragraph in text
        .split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
    {
        let mut entry = parse_entry(paragraph);
        if entry.name.is_empty() || entry.state().is_empty() {
            let fault = entry.fault.take().unwrap_or_else(|| {
                format!(
                    "the paragraph of package '{}' has no Package or no Status",
                    entry.name
                )
            });
            status.faults.push(fault);
        } else {
            status.entries.push(entry);
        }
    }
    match status.faults.first() {
        Some(fault) if status.entries.is_empty() => bail!("{fault}"),
        _ => Ok(status),
    }
}

fn parse_entry(paragraph: &str) -> Entry {
    let mut entry = Entry::default();
    let mut last = "";
    for line in paragraph.lines().filter(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            entry.add(last, line.trim());
        } else if let Some((field, value)) = line.split_once(':') {
            entry.set(field, value.trim());
            last = field;
        } else {
            let start: String = line.chars().take(40).collect();
            entry.fault = Some(format!("the line {start:?} has no field name"));
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_status_file_is_refused() {
        for text in ["garbage", "Version: 1\n", "Package: a\n"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("\n\n").unwrap(), Status::default());
    }

    #[test]
    fn a_paragraph_that_is_not_understood_spoils_no_other() {
        let status = parse(
            "Package: a\nStatus: install ok installed\nno field\nDepends: b\n\nVersion: 1\n\n\
             Package: c\nStatus: install ok installed\n",
        )
        .unwrap();
        let names: Vec<_> = status.entries.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(
            status.all_faults(),
            [
                "of package a: the line \"no field\" has no field name",
                "the paragraph of package '' has no Package or no Status"
            ]
        );
    }

    #[test]
    fn fields_may_go_on_in_the_next_line() {
        let status = parse(
            "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 2\nSource: src (1.0)\nEssential: yes\n\
             Pre-Depends: x\nDepends: b,\n c (>= 1),\n\td\nDescription: e\n f: g\nProvides: v\n",
        )
        .unwrap();
        let expected = Entry {
            name: "a".into(),
            architecture: "all".into(),
            version: "2".into(),
            source: "src".into(),
            status: "install ok installed".into(),
            depends: "x,b,c (>= 1),d".into(),
            provides: "v".into(),
            essential: true,
            fault: None,
        };
        assert_eq!(status.entries, [expected]);
    }
}
