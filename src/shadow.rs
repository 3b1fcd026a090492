//! The uppers of containers in; the files of packages that they keep copies of, and that no update reaches, out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::container::Name;
use crate::container::installed::Installed;
use crate::dpkg::owners::{Owners, owners};
use crate::exact_path;
use crate::place;
use crate::upper::layers::Masks;
use crate::upper::{Budget, Change, Diff, Entry, Extent, Kind, Subject, diff};

/// One path that a container has in place of a package's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shadow {
    /// As the container sees it.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
    /// The packages that have it, nearly always one.
    pub packages: BTreeSet<String>,
    /// Whether it is still what the package has; `None` if that was not looked at.
    pub same: Option<bool>,
}

/// What is known of one container's shadows.
#[derive(Debug, Default)]
pub struct Shadows {
    /// By path.
    pub shadows: Vec<Shadow>,
    /// Why some may be missing above, in words.
    pub missing: Vec<String>,
}

/// Whether a path is where packages have what is run or read by programs, and no administrator edits it: all but /etc, whose
/// files are there to be changed.
fn holds_code(path: &Path) -> bool {
    !path.starts_with("/etc")
}

/// Whether an entry can be a shadow: something of its own, in the place of something in the lower. What was deleted is not
/// run, and a directory in the place of a directory is seen through.
fn is_candidate(entry: &Entry) -> bool {
    entry.change == Change::Changed
        && !(entry.kind == Some(Kind::Directory) && entry.lower == Some(Kind::Directory))
        && holds_code(&entry.path)
}

/// The shadows among the entries of a diff.
pub fn among(diff: &Diff, owners: &Owners) -> Vec<Shadow> {
    let candidates = diff.entries.iter().filter(|entry| is_candidate(entry));
    candidates
        .filter_map(|entry| {
            Some(Shadow {
                path: entry.path.clone(),
                packages: owners.get(&entry.path)?.clone(),
                same: entry.same,
            })
        })
        .collect()
}

/// The names of all containers that have a state, with files or without.
///
/// # Errors
/// When the directory of states cannot be read.
pub fn with_state() -> Result<Vec<Name>> {
    let unreadable = || format!("cannot read '{}'", place::CONTAINERS);
    let entries = match fs::read_dir(place::CONTAINERS) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause).with_context(unreadable),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(unreadable)?.file_name();
        names.extend(name.to_str().and_then(|name| Name::parse(name).ok()));
    }
    names.sort();
    Ok(names)
}

/// The shadows of each of `names`, looked for in all their uppers; `content_bytes` of files are read to tell which are still
/// the same. A container that cannot be looked at has the reason in `missing`.
///
/// # Errors
/// When dpkg's database cannot be read.
pub fn of_containers(
    names: &[Name],
    installed: &Installed,
    admindir: &Path,
    content_bytes: u64,
) -> Result<BTreeMap<Name, Shadows>> {
    let containers: BTreeMap<_, _> = installed
        .containers()
        .map(|container| (&container.name, container))
        .collect();
    let mut masks = Masks::default();
    let mut content_bytes = content_bytes;
    let mut found = BTreeMap::new();
    let mut wanted: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for name in names {
        // Each has its own, so that none can use up what is there for the others.
        let mut budget = Budget {
            content_bytes,
            ..Budget::default()
        };
        let looked = Subject::of(name, containers.get(name).copied()).and_then(|subject| {
            let diff = diff(&subject, Extent::Shadowing, &mut masks, &mut budget)?;
            Ok((subject.base, diff))
        });
        content_bytes = budget.content_bytes;
        match looked {
            Ok((base, mut diff)) => {
                diff.entries.retain(is_candidate);
                let paths = diff.entries.iter().map(|entry| entry.path.clone());
                wanted.entry(base.clone()).or_default().extend(paths);
                found.insert(name.clone(), (base, diff));
            }
            Err(cause) => {
                let diff = Diff {
                    missing: vec![format!("{cause:#}")],
                    ..Diff::default()
                };
                found.insert(name.clone(), (PathBuf::from("/"), diff));
            }
        }
    }
    let mut owned = BTreeMap::new();
    for (base, paths) in wanted {
        let owners = owners(admindir, &paths)?;
        owned.insert(base, owners);
    }
    let nothing = Owners::new();
    let shadows = found.into_iter().map(|(name, (base, diff))| {
        let shadows = among(&diff, owned.get(&base).unwrap_or(&nothing));
        let missing = diff.missing;
        (name, Shadows { shadows, missing })
    });
    Ok(shadows.collect())
}
