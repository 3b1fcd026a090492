//! `lodger diff`: a container in; the paths that it added, changed and deleted, as lines or JSON, out.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::container::{Name, installed};
use lodger::dpkg::owners::{Owners, owners};
use lodger::exact_path::{self, ExactPath};
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::upper::in_use;
use lodger::upper::layers::Masks;
use lodger::upper::{Budget, Change, Diff, Entry, Extent, Kind, Subject, diff, shown};
use nix::unistd::Uid;
use serde::Serialize;

use super::output::stderr;
use super::write_json;

/// Show what a container wrote over its base: the paths that it added, changed and deleted.
///
/// "A" is a path that the base does not have, "C" one that it has otherwise, and "D" one that it has and the container does
/// not see any more. A deleted directory is one line. A file that was only copied is changed too, though it is the "same": it
/// does not follow the base any more. After the path, and a tab, stand the packages that it belongs to. What is in volumes
/// and other mounts is not looked at. It takes root.
///
/// In lines a path has "\n", "\t", "\\", and "\xHH" for other bytes that cannot be printed. In JSON "path" is exact if it is
/// UTF-8; if it is not, "path_hex" has its bytes besides.
#[derive(Debug, Args)]
pub struct DiffOf {
    /// The container: web, or web@3.
    #[arg(value_parser = Name::parse)]
    name: Name,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// A diff, for scripts.
#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    /// Where its base is; `/` is the live host.
    #[serde(flatten, serialize_with = "exact_path::base_path::serialize")]
    base_path: &'a Path,
    running: bool,
    missing: &'a [String],
    unused: Vec<ExactPath>,
    changes: Vec<Line<'a>>,
}

/// One entry with its packages.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    packages: Vec<&'a str>,
}

impl DiffOf {
    /// Writes the diff, by path.
    ///
    /// # Errors
    /// When there is no such container, or it cannot be looked at.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("'diff' is of the running system; it cannot be had of another root");
        }
        if !Uid::effective().is_root() {
            bail!("only root may look at what containers wrote");
        }
        let installed = installed::read(prefix);
        let container = installed
            .containers()
            .find(|container| container.name == self.name);
        let subject = Subject::of(&self.name, container)?;
        if container.is_none() && !subject.state.exists() {
            bail!("there is no container '{}'", self.name);
        }
        let running = in_use::user_of(&subject.state)?.is_some();
        let diff = diff(
            &subject,
            Extent::All,
            &mut Masks::default(),
            &mut Budget::default(),
        )?;
        let owners = owners_of(&diff)?;
        let lines = lines(&diff, &owners);
        let unused = diff.unused.iter();
        let unused = unused.map(|point| ExactPath(Path::new("/").join(point)));
        if self.json {
            let told = Told {
                name: self.name.as_str(),
                base_path: &subject.base,
                running,
                missing: &diff.missing,
                unused: unused.collect(),
                changes: lines,
            };
            write_json(out, &told)?;
            return Ok(ExitCode::SUCCESS);
        }
        for line in &lines {
            writeln!(out, "{}", in_words(line))?;
        }
        out.flush()?;
        let mut notes = stderr();
        if running {
            writeln!(
                notes,
                "note: {} is running, and may have changed more meanwhile",
                self.name
            )?;
        }
        for missing in &diff.missing {
            writeln!(notes, "note: {missing}")?;
        }
        for ExactPath(place) in unused {
            let place = shown::text(&place);
            writeln!(
                notes,
                "note: what it wrote to '{place}' it does not see: nothing is mounted there now"
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Directories belong to many packages at once; what is in them tells more.
fn has_owner(entry: &Entry) -> bool {
    match (entry.change, entry.lower) {
        (Change::Added, _) => false,
        (Change::Changed, Some(Kind::Directory)) => entry.kind != Some(Kind::Directory),
        (Change::Deleted, Some(Kind::Directory)) => false,
        _ => true,
    }
}

fn owners_of(diff: &Diff) -> Result<Owners> {
    let owned = diff.entries.iter().filter(|entry| has_owner(entry));
    let paths: BTreeSet<PathBuf> = owned.map(|entry| entry.path.clone()).collect();
    owners(&Places::default().admindir, &paths)
}

fn lines<'a>(diff: &'a Diff, owners: &'a Owners) -> Vec<Line<'a>> {
    let line = |entry: &'a Entry| {
        let packages = owners.get(&entry.path).into_iter().flatten();
        Line {
            entry,
            packages: packages.map(String::as_str).collect(),
        }
    };
    diff.entries.iter().map(line).collect()
}

fn in_words(line: &Line<'_>) -> String {
    let mut remarks = Vec::new();
    if !line.packages.is_empty() {
        remarks.push(format!("of {}", line.packages.join(", ")));
    }
    if line.entry.same == Some(true) {
        remarks.push("same".to_owned());
    }
    if let Some(refused) = line.entry.refused {
        remarks.push(format!("{refused}, which is not followed"));
    }
    let mut text = format!(
        "{} {}",
        line.entry.change.letter(),
        shown::text(&line.entry.path)
    );
    if !remarks.is_empty() {
        text += &format!("\t{}", remarks.join("; "));
    }
    text
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples() -> Vec<serde_json::Value> {
    let paths = super::json_page_tests::odd_paths();
    let entry = |change, kind: Option<Kind>, lower, same, refused| Entry {
        change,
        path: paths[1].clone(),
        kind,
        lower,
        same,
        refused,
    };
    let file = Some(Kind::File);
    let entries = [
        entry(Change::Added, file, None, None, None),
        entry(Change::Changed, file, file, Some(true), Some("redirect")),
        entry(Change::Deleted, None, file, None, None),
    ];
    let told = |base_path| Told {
        name: "web",
        base_path,
        running: true,
        missing: &[],
        unused: paths.iter().cloned().map(ExactPath).collect(),
        changes: entries
            .iter()
            .map(|entry| Line {
                entry,
                packages: vec!["libc6"],
            })
            .collect(),
    };
    let missing = ["why".to_owned()];
    let odd = Told {
        missing: &missing,
        ..told(&paths[1])
    };
    vec![serde_json::json!(told(&paths[0])), serde_json::json!(odd)]
}
