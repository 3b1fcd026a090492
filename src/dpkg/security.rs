//! The packages that changed and what apt knows of its archives in; those that came as security updates out.
//!
//! apt keeps, for each archive that it has looked at, a signed description and lists of packages (apt_preferences(5), deb822).
//! An archive of security updates says so in its label or its suite, on Debian and on what is made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Change;

/// apt's own program for lists that are compressed, in whatever way.
const APT_HELPER: &str = "/usr/lib/apt/apt-helper";
/// The most that is read of one list; all of Debian's has 60 MB.
const MOST_BYTES: u64 = 512 << 20;
/// The most that is read of an archive's description for its first lines.
const MOST_DESCRIPTION: u64 = 64 << 10;
/// The longest line that is looked at.
const LONGEST_LINE: u64 = 64 << 10;

/// Those of `changes` whose new version is in an archive of security updates, by the lists in `lists`, `/var/lib/apt/lists` on a
/// host. Their names.
///
/// # Errors
/// When the directory cannot be read. What is wrong with one list is said in the journal: then its packages are no security
/// updates.
pub fn security_updates(lists: &Path, changes: &[Change]) -> Result<BTreeSet<String>> {
    let wanted: BTreeMap<&str, &str> = changes
        .iter()
        .filter_map(|change| Some((change.name.as_str(), change.new.as_deref()?)))
        .collect();
    let mut found = BTreeSet::new();
    for list in lists_of_security(lists)? {
        if let Err(cause) = add_from(&list, &wanted, &mut found) {
            tracing::warn!("cannot read '{}': {cause:#}", list.display());
        }
    }
    Ok(found)
}

/// The lists of packages of archives of security updates.
fn lists_of_security(lists: &Path) -> Result<Vec<PathBuf>> {
    let failed = || format!("cannot read '{}'", lists.display());
    let entries = match fs::read_dir(lists) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause).with_context(failed),
    };
    let mut names = Vec::new();
    for entry in entries {
        // apt escapes what is not ASCII.
        names.extend(entry.with_context(failed)?.file_name().into_string());
    }
    let mut archives = Vec::new();
    for name in &names {
        let archive = ["InRelease", "Release"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        if let Some(archive) = archive
            && is_security(&lists.join(name)).with_context(|| format!("cannot read '{name}'"))?
        {
            archives.push(archive);
        }
    }
    let is_wanted = |name: &&String| {
        let is_list = name.ends_with("_Packages") || name.contains("_Packages.");
        is_list && archives.iter().any(|archive| name.starts_with(*archive))
    };
    Ok(names
        .iter()
        .filter(is_wanted)
        .map(|name| lists.join(name))
        .collect())
}

/// Whether the description of an archive says that it is for security updates.
fn is_security(path: &Path) -> Result<bool> {
    let mut text = Vec::new();
    File::open(path)?
        .take(MOST_DESCRIPTION)
        .read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
    Ok(text.lines().any(|line| match line.split_once(':') {
        Some(("label", value)) => value.contains("security"),
        Some(("suite" | "codename", value)) => value.trim().ends_with("-security"),
        _ => false,
    }))
}

/// Adds what is found of `wanted`, versions by names, in the list at `path`.
fn add_from(
    path: &Path,
    wanted: &BTreeMap<&str, &str>,
    found: &mut BTreeSet<String>,
) -> Result<()> {
    if path.extension().is_none() {
        return add(File::open(path)?, wanted, found);
    }
    let mut child = Command::new(APT_HELPER)
        .arg("cat-file")
        .arg(path)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run '{APT_HELPER}'"))?;
    let added = match child.stdout.take() {
        Some(text) => add(text, wanted, found),
        None => Ok(()),
    };
    // It has ended by itself, unless its list is longer than any.
    let killed = child.kill();
    child.wait()?;
    added.and(killed.map_err(Into::into))
}

/// The same of its text.
fn add(text: impl Read, wanted: &BTreeMap<&str, &str>, found: &mut BTreeSet<String>) -> Result<()> {
    let mut text = BufReader::new(text.take(MOST_BYTES));
    let mut line = Vec::new();
    let mut package = String::new();
    loop {
        line.clear();
        if (&mut text)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(());
        }
        let Ok(field) = str::from_utf8(&line) else {
            continue;
        };
        if let Some(name) = field.strip_prefix("Package:") {
            name.trim().clone_into(&mut package);
        } else if let Some(version) = field.strip_prefix("Version:")
            && wanted.get(package.as_str()) == Some(&version.trim())
        {
            found.insert(package.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_told_by_the_archive_that_has_its_version() {
        let lists = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(lists.path().join(name), text).unwrap();
        write(
            "deb.example_dists_trixie-security_InRelease",
            "-----BEGIN PGP SIGNED MESSAGE-----\nOrigin: Debian\nLabel: Debian-Security\n",
        );
        write(
            "deb.example_dists_trixie-security_main_binary-amd64_Packages",
            "Package: libc6\nVersion: 2.41-2\n\nPackage: old\nVersion: 1\nDescription: \u{e9}\n\n\
             Package: bash\nVersion: 5\n",
        );
        write("deb.example_dists_trixie_Release", "Suite: stable\n");
        write(
            "deb.example_dists_trixie_main_binary-amd64_Packages",
            "Package: dash\nVersion: 3\n",
        );
        let change = |name: &str, new: Option<&str>| Change {
            name: name.into(),
            architecture: "amd64".into(),
            old: Some("0".into()),
            new: new.map(Into::into),
        };
        let changes = [
            change("libc6", Some("2.41-2")),
            change("old", Some("2")),
            change("dash", Some("3")),
            change("bash", None),
        ];
        let found = security_updates(lists.path(), &changes).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), ["libc6"]);
        assert!(
            security_updates(Path::new("/nowhere"), &changes)
                .unwrap()
                .is_empty()
        );
    }
}
