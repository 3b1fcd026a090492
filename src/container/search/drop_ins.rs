//! Drop-in directories in; for each container the files that are meant for it, in the order in which they lie over it, out.

use std::collections::BTreeMap;
use std::fs::FileType;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;

use super::content::read_unchanged;
use super::listing::{Entry, list};
use super::{Content, read_content};
use crate::container::name::{FileName, at_sign};
use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::document::bit;

/// What is meant for every container.
const ALL: &str = "all";

/// One drop-in: the strongest of its name for those it is meant for.
#[derive(Debug, Clone)]
pub struct DropIn {
    /// As its user knows it.
    pub source: PathBuf,
    /// Where to open it.
    path: PathBuf,
    /// Whether its directory tells that it is a regular file.
    is_file: bool,
}

impl DropIn {
    /// What is in it; `buffer` is used for that.
    pub fn content(&self, buffer: &mut [u8]) -> Result<Content, Fault> {
        let unchanged = match self.is_file {
            true => read_unchanged(AT_FDCWD, &self.path, buffer),
            false => None,
        };
        unchanged.map_or_else(|| read_content(&self.path), Ok)
    }
}

/// The drop-ins for one `NAME.toml.d`, from all three directories.
#[derive(Debug, Default)]
struct Stem {
    /// By file name.
    files: BTreeMap<Vec<u8>, DropIn>,
    /// The directories, as their user knows them.
    directories: Vec<PathBuf>,
    /// Those of the directories that cannot be read.
    unreadable: Vec<PathBuf>,
}

/// All drop-ins, by what is before `.toml.d`.
#[derive(Debug, Default)]
pub struct DropIns {
    stems: BTreeMap<String, Stem>,
    /// Of each of them its [`bit`]: for most names there are no drop-ins, and that is found out by this.
    bits: u64,
    /// Whether any of them is meant for more than one name.
    is_any_shared: bool,
    /// Whether any directory cannot be read.
    is_any_unreadable: bool,
}

impl DropIns {
    /// Adds what is in the directory at `path`, known to its user as `source` and listed as of this `kind`; stronger directories
    /// come first.
    pub fn add(
        &mut self,
        stem: String,
        source: &Path,
        path: &Path,
        kind: FileType,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        if !kind.is_dir() && !path.is_dir() {
            let fault = Fault::new(rule::NOT_A_TEXT_FILE, "not a directory")
                .help("drop-ins lie in directories called NAME.toml.d");
            diagnostics.push(Diagnostic::of_file(source, fault));
            // Somebody meant something by it: a link that leads nowhere is no less than a directory that cannot be read.
            self.is_any_unreadable = true;
            return self.stem(stem).unreadable.push(source.to_owned());
        }
        let known = self.stem(stem);
        known.directories.push(source.to_owned());
        let entries = match list(path) {
            Ok(entries) => entries,
            Err(error) => {
                diagnostics.push(Diagnostic::of_unreadable_directory(source, &error));
                known.unreadable.push(source.to_owned());
                self.is_any_unreadable = true;
                return;
            }
        };
        for Entry { name: entry, kind } in entries {
            let source = source.join(&entry);
            let name = entry.as_bytes();
            if name.ends_with(b".toml") && !name.starts_with(b".") {
                known.files.entry(name.to_owned()).or_insert(DropIn {
                    source,
                    path: path.join(&entry),
                    is_file: kind.is_file(),
                });
            } else if !is_leftover(name) {
                let fault = Fault::new(
                    rule::UNUSED,
                    "not read: the name of a drop-in ends in .toml",
                );
                diagnostics.push(Diagnostic::of_file(&source, fault).as_warning());
            }
        }
    }

    /// Puts `path` in the place of the drop-in of its name for `stem`.
    pub fn replace(&mut self, stem: &str, path: &Path) {
        let name = path.file_name().unwrap_or_default().as_bytes().to_owned();
        let file = DropIn {
            source: path.to_owned(),
            path: path.to_owned(),
            is_file: false,
        };
        self.stem(stem.to_owned()).files.insert(name, file);
    }

    fn stem(&mut self, stem: String) -> &mut Stem {
        self.is_any_shared |= is_shared(&stem);
        self.bits |= bit(&stem);
        self.stems.entry(stem).or_default()
    }

    /// What is meant for `name`, the least specific first.
    fn meant_for<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Stem> + use<'a, 'n> {
        // Most names have only what is meant for them alone.
        let shared = self.is_any_shared.then(|| shared_stems(name));
        let stems = shared.into_iter().flatten().chain(own_stems(name));
        let known = stems.filter(|stem| self.bits & bit(stem) != 0);
        known.filter_map(|stem| self.stems.get(stem))
    }

    /// The drop-ins that are meant for `name` (`web`, `web@` or `web@3`), weakest first.
    pub fn of(&self, name: &str) -> Vec<&DropIn> {
        let mut files: BTreeMap<&[u8], &DropIn> = BTreeMap::new();
        for stem in self.meant_for(name) {
            files.extend(
                stem.files
                    .iter()
                    .map(|(name, file)| (name.as_slice(), file)),
            );
        }
        files.into_values().collect()
    }

    /// The instances of the template `name` that have drop-ins of their own.
    pub fn instances<'a>(&'a self, name: &'a FileName) -> impl Iterator<Item = &'a str> {
        self.of_instances(name).map(|(instance, _)| instance)
    }

    fn of_instances<'a>(&'a self, name: &'a FileName) -> impl Iterator<Item = (&'a str, &'a Stem)> {
        let from = (Bound::Included(name.as_str()), Bound::Unbounded);
        // Nothing else has instances, and to look them up takes its time.
        let template = name.is_template().then_some(name.as_str());
        let stems = template.map(|_| self.stems.range::<str, _>(from));
        stems
            .into_iter()
            .flatten()
            .map_while(|(stem, known)| Some((stem.strip_prefix(name.as_str())?, known)))
            .filter(|(instance, _)| !instance.is_empty())
    }

    /// An error for each directory that is meant for the container file `name` and cannot be read.
    pub fn faults(&self, name: &FileName, source: &Path) -> Vec<Diagnostic> {
        if !self.is_any_unreadable {
            return Vec::new();
        }
        let unreadable = self
            .meant_for(name.as_str())
            .chain(self.of_instances(name).map(|(_, stem)| stem))
            .flat_map(|stem| &stem.unreadable);
        let mut faults: Vec<_> = unreadable
            .map(|directory| {
                let message = format!(
                    "a drop-in for it may lie in {}, which cannot be read",
                    quote(&directory.to_string_lossy())
                );
                Diagnostic::of_file(source, Fault::new(rule::UNREADABLE, message))
            })
            .collect();
        faults.dedup();
        faults
    }

    /// A warning for each directory that is meant for nothing among `names`, sorted.
    pub fn unused(&self, names: &[&FileName]) -> Vec<Diagnostic> {
        let unused = self.stems.iter().filter(|(stem, known)| {
            !known.directories.is_empty() && !known.files.is_empty() && !is_meant(stem, names)
        });
        unused
            .flat_map(|(_, known)| &known.directories)
            .map(|directory| {
                let message = "these drop-ins are meant for no container file that there is";
                Diagnostic::of_file(directory, Fault::new(rule::UNUSED, message)).as_warning()
            })
            .collect()
    }
}

/// Whether drop-ins for `stem` are for any of `names`, sorted: there may be as many of both as there are containers.
fn is_meant(stem: &str, names: &[&FileName]) -> bool {
    let whole = stem.find('@').map_or(stem, |at| &stem[..=at]);
    let next = names.partition_point(|name| name.as_str() < whole);
    let is_for = |name: &FileName| {
        let is_prefix = whole.ends_with('-') && name.as_str().starts_with(whole);
        is_prefix || name.as_str() == whole
    };
    stem == ALL || names.get(next).is_some_and(|name| is_for(name))
}

/// Whether drop-ins for `stem` are for more than one name.
fn is_shared(stem: &str) -> bool {
    stem == ALL || stem.ends_with('-')
}

/// What editors and package managers leave behind.
fn is_leftover(name: &[u8]) -> bool {
    let has = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    name.starts_with(b".") || name.ends_with(b"~") || has(b".dpkg-") || has(b".ucf-")
}

/// The names of the drop-in directories that `name` shares with others, the least specific first: `all`, `web-`.
fn shared_stems(name: &str) -> impl Iterator<Item = &str> {
    let plain = name.find('@').unwrap_or(name.len());
    let prefixes = name[..plain].match_indices('-').map(|(at, _)| &name[..=at]);
    std::iter::once(ALL).chain(prefixes)
}

/// Those that come after them: `web-shop@`, `web-shop@3`.
fn own_stems(name: &str) -> impl Iterator<Item = &str> {
    let template = at_sign(name).map(|at| &name[..=at]);
    let template = template.filter(|template| template.len() < name.len());
    template.into_iter().chain(std::iter::once(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(name: &str) -> impl Iterator<Item = &str> {
        shared_stems(name).chain(own_stems(name))
    }

    #[test]
    fn the_more_specific_comes_later() {
        let of = |name| stems(name).collect::<Vec<_>>();
        assert_eq!(of("web"), ["all", "web"]);
        assert_eq!(of("a-b-c"), ["all", "a-", "a-b-", "a-b-c"]);
        assert_eq!(of("a-b@"), ["all", "a-", "a-b@"]);
        assert_eq!(of("a-b@x-y"), ["all", "a-", "a-b@", "a-b@x-y"]);
    }

    #[test]
    fn drop_ins_are_meant_for_the_names_they_are_taken_for() {
        let names = ["a", "a-b-c", "a-b@", "b", "c-d", "c.d", "e@"];
        let names = names.map(|name| FileName::parse(name).unwrap());
        let all = names.each_ref();
        let is_taken = |stem: &str| {
            let mut names = names.iter();
            names.any(|name| {
                let instance = format!("{name}1");
                let one = if name.is_template() {
                    &instance
                } else {
                    name.as_str()
                };
                stems(one).any(|taken| taken == stem)
            })
        };
        for stem in [
            "all", "a", "a-", "a-b", "a-b-", "a-b-c", "a-b-c-", "a-b@", "a-b@1", "b", "b-", "c-",
            "c-d", "c-d-", "c.", "c.d", "d", "e", "e-", "e@", "e@1", "e-@", "",
        ] {
            assert_eq!(is_meant(stem, &all), is_taken(stem), "for {stem:?}");
        }
        assert!(is_meant("e@another", &all), "its own warning tells of it");
    }

    #[test]
    fn leftovers_are_no_mistakes() {
        for name in [".x.toml", "x.toml~", "x.toml.dpkg-old", "x.toml.ucf-dist"] {
            assert!(is_leftover(name.as_bytes()), "{name}");
        }
        for name in ["README", "x.conf", "x.toml.bak"] {
            assert!(!is_leftover(name.as_bytes()), "{name}");
        }
    }
}
