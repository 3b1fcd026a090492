//! Drop-in directories in; for each container those that are meant for it out. This version reads none of them, and to pass
//! over what somebody wrote would be to run another container than they meant.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::container::name::FileName;
use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::prefix::Prefix;

/// The drop-in directories that are not empty, by what is before `.toml.d`.
#[derive(Debug, Default)]
pub struct DropIns {
    directories: Vec<(String, PathBuf)>,
}

impl DropIns {
    /// Notes `source` if it is a drop-in directory that is not empty.
    pub fn note(&mut self, prefix: &Prefix, source: &Path, diagnostics: &mut Vec<Diagnostic>) {
        let Some(stem) = source
            .file_name()
            .and_then(|name| name.as_bytes().strip_suffix(b".toml.d"))
        else {
            return;
        };
        let path = prefix.at(source);
        if !path.is_dir() {
            return;
        }
        let has_files =
            fs::read_dir(path).and_then(|mut entries| Ok(entries.next().transpose()?.is_some()));
        match has_files {
            Ok(true) => self.directories.push((
                String::from_utf8_lossy(stem).into_owned(),
                source.to_owned(),
            )),
            Ok(false) => {}
            Err(error) => {
                diagnostics.push(Diagnostic::of_unreadable_directory(source, &error));
            }
        }
    }

    /// An error for each directory that is meant for the container file `name`.
    pub fn faults(&self, name: &FileName, source: &Path) -> Vec<Diagnostic> {
        let meant = self
            .directories
            .iter()
            .filter(|(stem, _)| is_meant_for(stem, name.as_str()));
        let fault = |path: &Path| {
            let path = quote(&path.to_string_lossy());
            let message =
                format!("{path} is not empty, and drop-ins are not in this version of lodger yet");
            Fault::new(rule::NOT_YET, message)
                .help("write everything into the container file, and remove the directory")
        };
        meant
            .map(|(_, path)| Diagnostic::of_file(source, fault(path)))
            .collect()
    }
}

/// `web-shop.toml` is meant by `web-shop`, `web-` and `all`; `web@.toml` also by each of its instances.
fn is_meant_for(stem: &str, name: &str) -> bool {
    stem == name
        || stem == "all"
        || (stem.ends_with('-') && name.starts_with(stem))
        || (name.ends_with('@') && stem.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_meant() {
        for (stem, name, meant) in [
            ("web", "web", true),
            ("web", "web-shop", false),
            ("web-", "web-shop", true),
            ("web-shop", "web", false),
            ("all", "web", true),
            ("web@", "web@", true),
            ("web@3", "web@", true),
            ("web", "web@", false),
            ("web@", "web", false),
        ] {
            assert_eq!(is_meant_for(stem, name), meant, "for {stem} and {name}");
        }
    }
}
