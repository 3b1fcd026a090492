//! `lodger check`: files in, installed or not; every mistake in them out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lodger::container::installed::{self, Installed};
use lodger::container::search::{Content, Given, file_name, read_content};
use lodger::diagnostic::{Diagnostic, Fault, Severity, rule};
use lodger::document::{sort, text_of};
use lodger::place;
use lodger::prefix::Prefix;
use lodger::settings;
use lodger::window;

use super::output::stderr;
use super::{tell, write_json};
use format::{Files, Format};

mod format;
mod host;
mod lsp;
mod sarif;

/// Check container files, also before they are installed.
///
/// Tells every mistake with its line and column. A FILE is checked as if it were installed beside the files that are: what it
/// requires has to be there or among the other FILEs, and no unit may have its name. Without a FILE everything installed is
/// checked, and /etc/lodger.toml, with its windows where systemd-analyze is there. "lodger explain L006" tells more of a rule.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 nothing is wrong, or there are only warnings; 1 there are errors; 2 a file could not be read.

Examples:
  lodger check ./web.toml                  before it is installed
  lodger check                             everything that is installed
  lodger check --json *.toml               for scripts
  lodger check --format sarif *.toml       for code scanning
  lodger check --format lsp web.toml       for editors
  lodger --root ./image check              everything in an image that is being built")]
pub struct Check {
    /// Container files. What they are called is what the containers would be called.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to tell the mistakes; all but "text" go to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl Check {
    /// Writes every mistake: blocks to stderr, or what programs read to `out`.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let diagnostics = if self.files.is_empty() {
            check_installed(prefix)
        } else {
            check_files(prefix, &self.files)
        };
        let status = status(&diagnostics);
        let files = Files {
            prefix,
            given: &self.files,
        };
        match self.format {
            _ if self.json => write_json(out, &diagnostics)?,
            Format::Json => write_json(out, &diagnostics)?,
            Format::Sarif => write_json(out, &sarif::log(&diagnostics, &files, status < 2))?,
            Format::Lsp => write_json(out, &lsp::by_file(&diagnostics, &files)?)?,
            Format::Text => {
                tell(&diagnostics)?;
                write_summary(&diagnostics)?;
            }
        }
        Ok(ExitCode::from(status))
    }
}

/// The exit status: 2 when something could not be read, 1 for other errors; warnings are none.
fn status(diagnostics: &[Diagnostic]) -> u8 {
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let errors = diagnostics.iter().filter(is_error);
    errors.fold(0, |status, error| match error.rule {
        rule::UNREADABLE => 2,
        _ => status.max(1),
    })
}

fn check_installed(prefix: &Prefix) -> Vec<Diagnostic> {
    let installed = installed::read(prefix);
    let mut diagnostics = settings::read_with(prefix, &window::check)
        .err()
        .unwrap_or_default();
    diagnostics.extend(host::warnings(prefix, &installed));
    diagnostics.extend(installed.diagnostics);
    sort(&mut diagnostics);
    diagnostics
}

fn check_files(prefix: &Prefix, files: &[PathBuf]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let mut given: Vec<Given> = Vec::new();
    let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
    for path in files {
        if is_settings(prefix, path) {
            diagnostics.extend(check_settings(path));
            continue;
        }
        let (name, file) = match given_of(path) {
            Ok(given) => given,
            Err(fault) => {
                diagnostics.push(Diagnostic::of_file(path, fault));
                continue;
            }
        };
        match seen.insert(name, path) {
            Some(other) if other != path => {
                let message = format!(
                    "a second file for the same container; the first is {}",
                    other.display()
                );
                diagnostics.push(Diagnostic::of_file(path, Fault::new(rule::NAME, message)));
            }
            _ => given.push(file),
        }
    }
    let installed = installed::read_with(prefix, &given);
    tell_masks(&installed, files);
    let found = host::warnings(prefix, &installed)
        .into_iter()
        .chain(installed.diagnostics.iter().cloned());
    let asked = asked_for(&installed, &given, files);
    diagnostics.extend(found.filter(|diagnostic| asked.contains(diagnostic.path.as_path())));
    sort(&mut diagnostics);
    diagnostics
}

/// The files somebody asked about, and the installed drop-ins that are meant for them: with a bad one, they are refused.
fn asked_for<'a>(
    installed: &'a Installed,
    given: &[Given],
    files: &'a [PathBuf],
) -> BTreeSet<&'a Path> {
    let layers = given.iter().filter_map(|given| match given {
        Given::File(name, _) => installed.layers.get(name),
        Given::DropIn(..) => None,
    });
    let numbers = layers.flat_map(|layers| {
        let own = layers.instances.values().flatten();
        layers.common.iter().chain(own)
    });
    let drop_ins = numbers.map(|number| installed.documents.get(*number));
    drop_ins
        .map(|document| document.source.as_path())
        .chain(files.iter().map(PathBuf::as_path))
        .collect()
}

/// What a file would be if it were installed, and a name that no other file may have beside it.
fn given_of(path: &Path) -> Result<(String, Given), Fault> {
    let directory = path.parent().and_then(Path::file_name);
    let stem = directory.and_then(|name| name.to_str()?.strip_suffix(".toml.d"));
    if let Some(stem) = stem {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let given = Given::DropIn(stem.to_owned(), path.to_owned());
        return Ok((format!("{stem}.toml.d/{name}"), given));
    }
    let not_a_file = || Fault::new(rule::NAME, "a container file is called NAME.toml");
    let name = path
        .file_name()
        .and_then(file_name)
        .unwrap_or_else(|| Err(not_a_file()))?;
    Ok((name.to_string(), Given::File(name, path.to_owned())))
}

/// The one file that is called like a container's and is none.
fn is_settings(prefix: &Prefix, path: &Path) -> bool {
    match (
        fs::canonicalize(path),
        fs::canonicalize(prefix.at(place::SETTINGS)),
    ) {
        (Ok(path), Ok(settings)) => path == settings,
        _ => false,
    }
}

fn check_settings(path: &Path) -> Vec<Diagnostic> {
    let diagnostics = match read_content(path) {
        Ok(Content::Mask) => Vec::new(),
        Ok(Content::Bytes(bytes)) => text_of(path, &bytes)
            .and_then(|text| settings::parse_with(text, &window::check))
            .err()
            .unwrap_or_default(),
        Err(fault) => vec![Diagnostic::of_file(path, fault)],
    };
    diagnostics
        .into_iter()
        .map(|diagnostic| Diagnostic {
            path: path.to_owned(),
            ..diagnostic
        })
        .collect()
}

/// An empty file is no mistake, but hardly what somebody expects who has it checked.
fn tell_masks(installed: &Installed, files: &[PathBuf]) {
    for (name, source) in installed
        .masked
        .iter()
        .filter(|(_, source)| files.contains(source))
    {
        // A note that nobody reads is no loss.
        let _ = writeln!(
            stderr(),
            "note: {} is empty: it masks the name \"{name}\", and makes no container",
            source.display()
        );
    }
}

fn write_summary(diagnostics: &[Diagnostic]) -> Result<()> {
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let words = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
    ];
    let counted: Vec<_> = words
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}{}", if *number == 1 { "" } else { "s" }))
        .collect();
    if !counted.is_empty() {
        writeln!(stderr(), "\n{}", counted.join(", "))?;
    }
    Ok(())
}
