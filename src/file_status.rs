//! What is installed in; for each container file what becomes of it, as `/run/lodger/status.json`, out.
//!
//! Generators have no other way to tell monitoring what they found: the log of a boot is soon gone.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::container::Name;
use crate::container::installed::Installed;
use crate::container::name::FileName;
use crate::diagnostic::{Diagnostic, Severity};
use crate::exact_path;
use crate::place;
use crate::prefix::Prefix;
use crate::sorted::sort_by;

/// Diagnostics of one file that are written.
const MOST_DIAGNOSTICS: usize = 20;

/// The whole.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FileStatuses {
    /// The version of lodger that made the units.
    pub version: &'static str,
    /// Every container file, by name; one that is shadowed after the one that shadows it.
    pub files: Vec<FileStatus>,
    /// What is wrong, or worth a look, and belongs to no container file: drop-ins for none, directories.
    pub others: Vec<Diagnostic>,
}

/// One container file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FileStatus {
    /// `web`, or `web@`.
    pub name: String,
    /// The file.
    #[serde(flatten, serialize_with = "exact_path::source::serialize")]
    pub source: PathBuf,
    /// What becomes of it.
    pub status: State,
    /// How many containers it makes.
    pub containers: usize,
    /// What is wrong with it or its drop-ins, or worth a look.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more of these there are.
    pub more: usize,
}

/// What becomes of a container file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It makes its containers.
    Ok,
    /// It makes its containers, and something is worth a look.
    Warned,
    /// It makes none, or not all: something is wrong.
    Refused,
    /// It makes none, on purpose.
    Masked,
    /// It makes none: a stronger one has its name.
    Shadowed,
}

/// What becomes of everything that is `installed`.
pub fn file_statuses(installed: &Installed) -> FileStatuses {
    let mut found: BTreeMap<&Path, Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in &installed.diagnostics {
        found.entry(&diagnostic.path).or_default().push(diagnostic);
    }
    let mut of_drop_ins: BTreeMap<FileName, Vec<&Path>> = BTreeMap::new();
    for path in found.keys() {
        if let Some(name) = file_of_drop_in(path) {
            of_drop_ins.entry(name).or_default().push(path);
        }
    }
    let mut files = Vec::new();
    for file in &installed.good {
        let mut diagnostics = found.remove(file.source.as_path()).unwrap_or_default();
        let of_drop_ins = of_drop_ins.remove(&file.name).unwrap_or_default();
        let of_drop_ins = of_drop_ins.into_iter();
        diagnostics.extend(of_drop_ins.filter_map(|path| found.remove(path)).flatten());
        let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
        let status = match diagnostics.as_slice() {
            [] => State::Ok,
            some if some.iter().any(is_error) => State::Refused,
            _ => State::Warned,
        };
        let made = file.containers.len();
        files.push(status_of(
            file.name.as_str(),
            &file.source,
            status,
            made,
            diagnostics,
        ));
    }
    for refused in &installed.refused {
        found.remove(refused.source.as_path());
        // Those of its drop-ins too.
        let diagnostics = refused.diagnostics.iter().collect();
        files.push(status_of(
            refused.name.as_str(),
            &refused.source,
            State::Refused,
            0,
            diagnostics,
        ));
    }
    for (name, mask) in &installed.masked {
        files.push(status_of(name.as_str(), mask, State::Masked, 0, Vec::new()));
    }
    for (name, weaker, _) in &installed.shadowed {
        files.push(status_of(
            name.as_str(),
            weaker,
            State::Shadowed,
            0,
            Vec::new(),
        ));
    }
    sort_by(&mut files, |a, b| {
        (&a.name, a.status == State::Shadowed).cmp(&(&b.name, b.status == State::Shadowed))
    });
    let others = found.into_values().flatten().take(MOST_DIAGNOSTICS);
    FileStatuses {
        version: env!("CARGO_PKG_VERSION"),
        files,
        others: others.cloned().collect(),
    }
}

/// The container file that a drop-in, or a directory of these, is for, if it is for one alone: `web`, `web@` also for instances.
fn file_of_drop_in(path: &Path) -> Option<FileName> {
    let stem = |path: &Path| -> Option<FileName> {
        let name = path.file_name()?.to_str()?.strip_suffix(".toml.d")?;
        let name = match name.ends_with('@') {
            true => return FileName::parse(name).ok(),
            false => Name::parse(name).ok()?,
        };
        Some(FileName::of(&name))
    };
    stem(path).or_else(|| stem(path.parent()?))
}

fn status_of(
    name: &str,
    source: &Path,
    status: State,
    containers: usize,
    diagnostics: Vec<&Diagnostic>,
) -> FileStatus {
    FileStatus {
        name: name.to_owned(),
        source: source.to_owned(),
        status,
        containers,
        more: diagnostics.len().saturating_sub(MOST_DIAGNOSTICS),
        diagnostics: diagnostics
            .into_iter()
            .take(MOST_DIAGNOSTICS)
            .cloned()
            .collect(),
    }
}

/// Writes `/run/lodger/status.json` under `prefix`, whole or not at all. A root without `/run` is none that is running.
///
/// It is not synced: /run is a tmpfs.
///
/// # Errors
/// With the path, when it cannot be written.
pub fn write(prefix: &Prefix, statuses: &FileStatuses) -> Result<()> {
    if !prefix.at("/run").is_dir() {
        return Ok(());
    }
    let path = prefix.at(place::FILE_STATUS);
    let write = || -> Result<()> {
        let directory = path.parent().context("a path without a directory")?;
        fs::create_dir_all(directory)?;
        let mut text = serde_json::to_vec(statuses)?;
        text.push(b'\n');
        let mut file = tempfile::Builder::new()
            .prefix(".status-")
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(directory)?;
        file.write_all(&text)?;
        file.persist(&path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use serde_json::{Value, json};

    use super::*;
    use crate::container::installed;

    fn written(files: &[(&str, &str)]) -> Value {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let prefix = Prefix::under(OsStr::new(root.path()));
        let statuses = file_statuses(&installed::read(&prefix));
        write(&prefix, &statuses).unwrap();
        assert!(!root.path().join("run").exists(), "no /run, no status");
        fs::create_dir(root.path().join("run")).unwrap();
        write(&prefix, &statuses).unwrap();
        let directory = root.path().join("run/lodger");
        assert_eq!(
            fs::read_dir(&directory).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        serde_json::from_slice(&fs::read(directory.join("status.json")).unwrap()).unwrap()
    }

    #[test]
    fn every_file_has_its_status() {
        let good = "exec = \"/bin/x\"";
        let status = written(&[
            ("etc/lodger/good.toml", good),
            ("usr/lib/lodger/good.toml", "bad"),
            ("etc/lodger/many@.toml", "exec = \"/bin/x\"\ninstances = 3"),
            ("etc/lodger/off.toml", ""),
            ("etc/lodger/bad.toml", "exec = 1"),
            (
                "etc/lodger/wary.toml",
                "exec = \"/bin/x\"\nwants = [\"bad\"]",
            ),
            ("etc/lodger/gone.toml.d/x.toml", ""),
        ]);
        let file = |name: &str, source: &str, status: &str, containers: usize| json!({ "name": name, "source": source, "status": status, "containers": containers, "diagnostics": [], "more": 0 });
        let mut expected = json!([
            file("bad", "/etc/lodger/bad.toml", "refused", 0),
            file("good", "/etc/lodger/good.toml", "ok", 1),
            file("good", "/usr/lib/lodger/good.toml", "shadowed", 0),
            file("many@", "/etc/lodger/many@.toml", "ok", 3),
            file("off", "/etc/lodger/off.toml", "masked", 0),
            file("wary", "/etc/lodger/wary.toml", "warned", 1),
        ]);
        expected[0]["diagnostics"] = json!([{
            "rule": "L007", "severity": "error", "path": "/etc/lodger/bad.toml", "line": 1, "column": 8, "length": 1,
            "message": "expected an array of strings or a string, found an integer", "help": null,
        }]);
        expected[5]["diagnostics"] = json!([{
            "rule": "L017", "severity": "warning", "path": "/etc/lodger/wary.toml", "line": 2, "column": 10, "length": 5,
            "message": "wants \"bad\", which is refused: /etc/lodger/bad.toml:1:8: expected an array of strings or a string, found an integer",
            "help": null,
        }]);
        assert_eq!(status["files"], expected);
        assert_eq!(status["others"][0]["path"], "/etc/lodger/gone.toml.d");
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn what_drop_ins_have_is_told_of_their_container() {
        let exec = "exec = \"/bin/x\"";
        let wary = "wants = [\"bad\"]";
        let status = written(&[
            ("etc/lodger/bad.toml", "exec = 1"),
            ("etc/lodger/many@.toml", "exec = \"/bin/x\"\ninstances = 2"),
            ("etc/lodger/many@2.toml.d/x.toml", wary),
            ("etc/lodger/web.toml", exec),
            ("etc/lodger/web.toml.d/read-not", ""),
            ("usr/lib/lodger/web.toml.d/x.toml", wary),
            ("etc/lodger/plain.toml", exec),
            ("etc/lodger/all.toml.d/read-not", ""),
        ]);
        let files = status["files"].as_array().unwrap();
        let told: Vec<String> = files
            .iter()
            .map(|file| {
                let diagnostics = file["diagnostics"].as_array().unwrap();
                let paths = diagnostics.iter().map(|one| one["path"].as_str().unwrap());
                let paths: Vec<&str> = paths.collect();
                let (name, state) = (file["name"].as_str(), file["status"].as_str());
                format!("{} {}: {}", name.unwrap(), state.unwrap(), paths.join(" "))
            })
            .collect();
        assert_eq!(
            told,
            [
                "bad refused: /etc/lodger/bad.toml",
                "many@ warned: /etc/lodger/many@2.toml.d/x.toml",
                "plain ok: ",
                "web warned: /etc/lodger/web.toml.d/read-not /usr/lib/lodger/web.toml.d/x.toml",
            ]
        );
        let others = status["others"].as_array().unwrap();
        assert_eq!(others.len(), 1);
        assert_eq!(others[0]["path"], "/etc/lodger/all.toml.d/read-not");
    }

    #[test]
    fn a_file_of_mistakes_does_not_fill_it() {
        let text: String = (0..100).map(|number| format!("k{number} = 1\n")).collect();
        let status = written(&[("etc/lodger/bad.toml", &text)]);
        let file = &status["files"][0];
        assert_eq!(file["diagnostics"].as_array().map(Vec::len), Some(20));
        assert_eq!(file["more"], 81);
    }
}
