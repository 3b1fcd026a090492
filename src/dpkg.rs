//! What dpkg did: its database in, the packages that changed and those it left unfinished out.
//!
//! [`Database`] is what can be told apart without dpkg's help: for each package its version and the identity of its file
//! list, which dpkg replaces whenever it unpacks the package, so that a reinstallation of the same version, with its new
//! inodes, counts as a change too. A [`Database`] kept from the last refresh is the *baseline*.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

pub mod lock;
pub mod owners;
pub mod relations;
pub mod security;
pub mod status;

use status::{Entry, Status};

/// The packages dpkg knows to be there, by `name:architecture`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Those with files on the host.
    pub packages: BTreeMap<String, Package>,
    /// Whether dpkg's journal has something that `packages` do not tell: dpkg is at work, or was killed at it.
    #[serde(skip)]
    pub has_journal: bool,
}

/// One package that has files on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// `Version:`.
    pub version: String,
    /// Identity of its file list: inode and time of writing in ns; empty when the list is missing. Not the time of the
    /// inode's last change: the record of a base has hard links to the lists, and making one is such a change.
    pub list: String,
    /// What dpkg has still to do with it: `half-configured`, `triggers-pending` ...; `None` if nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
}

/// A package that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `Package:`.
    pub name: String,
    /// `Architecture:`.
    pub architecture: String,
    /// The version before; `None` if it was not there.
    pub old: Option<String>,
    /// The version now; `None` if it has gone. The same as `old` for a reinstallation.
    pub new: Option<String>,
}

impl Database {
    /// Reads dpkg's database below `admindir`, `/var/lib/dpkg` on a host. No lock is needed: dpkg replaces the files
    /// whole.
    ///
    /// # Errors
    /// When a file cannot be read or is no dpkg status file. Of paragraphs that make no sense the journal tells.
    pub fn read(admindir: &Path) -> Result<Self> {
        // First: dpkg writes its status before it removes the journal of what that then tells.
        let has_journal = has_journal(admindir)?;
        let entries = Status::read(admindir)?.entries;
        let mut packages = BTreeMap::new();
        for entry in entries.into_iter().filter(Entry::has_files) {
            let list = list_identity(&admindir.join("info"), &entry)?;
            let unfinished = entry.unfinished();
            packages.insert(
                format!("{}:{}", entry.name, entry.architecture),
                Package {
                    version: entry.version,
                    list,
                    unfinished,
                },
            );
        }
        Ok(Self {
            packages,
            has_journal,
        })
    }

    /// What dpkg left unfinished: `name:architecture (state)`, and its journal, if it was interrupted.
    pub fn unfinished(&self) -> Vec<String> {
        let states = self.packages.iter();
        let states = states
            .filter_map(|(id, package)| Some(format!("{id} ({})", package.unfinished.as_ref()?)));
        let journal = self.has_journal.then(|| JOURNAL.to_owned());
        states.chain(journal).collect()
    }

    /// The packages of `self` and `now` that differ.
    pub fn changes(&self, now: &Database) -> Vec<Change> {
        let mut ids: Vec<&String> = self.packages.keys().chain(now.packages.keys()).collect();
        ids.sort();
        ids.dedup();
        ids.into_iter()
            .filter_map(|id| change(id, self.packages.get(id), now.packages.get(id)))
            .collect()
    }
}

fn change(id: &str, old: Option<&Package>, new: Option<&Package>) -> Option<Change> {
    let unchanged = match (old, new) {
        (Some(old), Some(new)) => old.version == new.version && old.list == new.list,
        _ => false,
    };
    let (name, architecture) = id.split_once(':').unwrap_or((id, ""));
    (!unchanged).then(|| Change {
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        old: old.map(|package| package.version.clone()),
        new: new.map(|package| package.version.clone()),
    })
}

/// How an interruption of dpkg is told.
const JOURNAL: &str = "dpkg's own journal (interrupted)";

/// Whether there are notes in dpkg's journal, files whose names are numbers: what it does to each package it notes there first, and
/// in its status only now and then, and at its end. apt tells that dpkg was interrupted by them, too.
fn has_journal(admindir: &Path) -> Result<bool> {
    let updates = admindir.join("updates");
    let failed = || format!("cannot read '{}'", updates.display());
    let entries = match fs::read_dir(&updates) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries.with_context(failed)?,
    };
    for entry in entries {
        let name = entry.with_context(failed)?.file_name();
        if name.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Inode and time of writing of a package's file list. Multi-Arch packages carry the architecture in its name.
fn list_identity(info: &Path, entry: &Entry) -> Result<String> {
    let names = [
        format!("{}.list", entry.name),
        format!("{}:{}.list", entry.name, entry.architecture),
    ];
    for name in names {
        let path = info.join(name);
        match fs::symlink_metadata(&path) {
            Ok(list) => {
                return Ok(format!(
                    "{} {}.{:09}",
                    list.ino(),
                    list.mtime(),
                    list.mtime_nsec()
                ));
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => {
                return Err(cause).with_context(|| format!("cannot read '{}'", path.display()));
            }
        }
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(version: &str, list: &str) -> Package {
        Package {
            version: version.into(),
            list: list.into(),
            unfinished: None,
        }
    }

    fn database(packages: &[(&str, Package)]) -> Database {
        Database {
            packages: packages
                .iter()
                .map(|(id, p)| ((*id).to_owned(), p.clone()))
                .collect(),
            has_journal: false,
        }
    }

    #[test]
    fn a_status_file_is_read_with_its_states() {
        let admindir = tempfile::tempdir().unwrap();
        fs::create_dir(admindir.path().join("info")).unwrap();
        fs::write(admindir.path().join("info/libc6:amd64.list"), "/.\n").unwrap();
        let status = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41\nDescription: x\n \
                      continued: line\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: \
                      1\n\nPackage: half\nStatus: install ok half-configured\nArchitecture: all\nVersion: 2\n\nPackage: \
                      broken\nStatus: install reinstreq half-installed\nArchitecture: all\nVersion: 3\n";
        fs::write(admindir.path().join("status"), status).unwrap();
        let database = Database::read(admindir.path()).unwrap();
        assert_eq!(
            database.packages.keys().collect::<Vec<_>>(),
            ["broken:all", "half:all", "libc6:amd64"]
        );
        assert_eq!(
            database.unfinished(),
            ["broken:all (reinst-required)", "half:all (half-configured)"]
        );
        assert!(!database.packages["libc6:amd64"].list.is_empty());
    }

    /// As dpkg leaves it that was killed between two packages: its status is still that of before.
    #[test]
    fn what_is_only_in_the_journal_is_unfinished() {
        let admindir = tempfile::tempdir().unwrap();
        let status = "Package: one\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n";
        fs::write(admindir.path().join("status"), status).unwrap();
        let unfinished = || Database::read(admindir.path()).unwrap().unfinished();
        assert_eq!(unfinished(), Vec::<String>::new());
        let updates = admindir.path().join("updates");
        fs::create_dir(&updates).unwrap();
        fs::write(updates.join("tmp.i"), "").unwrap();
        assert_eq!(unfinished(), Vec::<String>::new());
        let note = "Package: one\nStatus: install ok unpacked\nArchitecture: all\nVersion: 2\n";
        fs::write(updates.join("0003"), note).unwrap();
        assert_eq!(unfinished(), ["dpkg's own journal (interrupted)"]);
    }

    #[test]
    fn upgrades_arrivals_removals_and_reinstallations_are_changes() {
        let old = database(&[
            ("a:all", package("1", "1")),
            ("b:all", package("1", "1")),
            ("c:all", package("1", "1")),
            ("same:all", package("1", "1")),
        ]);
        let new = database(&[
            ("a:all", package("2", "2")),
            ("c:all", package("1", "2")),
            ("d:all", package("1", "1")),
            ("same:all", package("1", "1")),
        ]);
        let told: Vec<_> = old
            .changes(&new)
            .into_iter()
            .map(|c| (c.name, c.old, c.new))
            .collect();
        let told: Vec<_> = told
            .iter()
            .map(|(n, o, w)| (n.as_str(), o.as_deref(), w.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("a", Some("1"), Some("2")),
                ("b", Some("1"), None),
                ("c", Some("1"), Some("1")),
                ("d", None, Some("1")),
            ]
        );
    }
}
