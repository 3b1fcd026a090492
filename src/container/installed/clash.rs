//! The directories of unit files in; whether a generated unit would stand in for one that is there, out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::prefix::Prefix;

/// Where units lie that people and packages bring (systemd.unit(5)), strongest first. Generated ones stand between /run and
/// /usr, so one of ours would be hidden by the first two, and would hide the last two.
const STRONGER: [&str; 2] = ["/etc/systemd/system", "/run/systemd/system"];
const WEAKER: [&str; 2] = ["/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/// The units whose names begin like ours.
#[derive(Debug, Default)]
pub struct ExistingUnits(BTreeMap<String, PathBuf>);

impl ExistingUnits {
    /// What is there under `prefix`. A mask is no clash: `systemctl mask lodger-web` must do what it says.
    pub fn read(prefix: &Prefix, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut units = BTreeMap::new();
        for directory in STRONGER.into_iter().chain(WEAKER) {
            let names = match names_in(&prefix.at(directory)) {
                Ok(names) => names,
                Err(error) => {
                    diagnostics.push(Diagnostic::of_unreadable_directory(
                        Path::new(directory),
                        &error,
                    ));
                    continue;
                }
            };
            for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
                // Of some hundred units these are few.
                if !(name.starts_with("lodger-") && name.ends_with(".service")) {
                    continue;
                }
                let path = Path::new(directory).join(&name);
                if !(STRONGER.contains(&directory) && is_mask(&prefix.at(&path))) {
                    units.entry(name).or_insert(path);
                }
            }
        }
        Self(units)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mistake that it is to make `unit` from `source`, if it is one.
    pub fn clash(&self, unit: &str, source: &Path) -> Option<Diagnostic> {
        let path = quote(&self.0.get(unit)?.to_string_lossy());
        let fault = Fault::new(
            rule::CLASH,
            format!("its unit {} is there already: {path}", quote(unit)),
        )
        .help(format!(
            "rename the container, or remove that file; changes to the unit belong in {unit}.d/"
        ));
        Some(Diagnostic::of_file(source, fault))
    }
}

fn names_in(directory: &Path) -> std::io::Result<Vec<OsString>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A link to /dev/null or an empty file (systemd.unit(5)).
fn is_mask(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null"))
        || fs::symlink_metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}
