//! Two bases, or dpkg's own lists, in; the packages that changed, and what of each, out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::interpreter::Interpreter;
use crate::base::record::DPKG;
use crate::base::{self, Bases, Number};
use crate::dpkg::Change;
use crate::dpkg::owners::Files;
use crate::root::seen;
use anyhow::Result;

/// What nobody runs or reads while at work, and what only the kernel loads.
const INERT: [&str; 8] = [
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/lib/modules",
    "usr/lib/firmware",
];
/// The names of directories of programs.
const PROGRAMS: [&str; 4] = ["bin", "sbin", "games", "libexec"];

/// What is not as it was on the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostChange {
    /// The packages that changed, by name and architecture.
    pub packages: Vec<PackageChange>,
    /// Paths that changed and are in no list of such a package: caches, configuration that somebody edited.
    pub other_paths: BTreeSet<PathBuf>,
}

/// What is not as it was of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageChange {
    /// The package with its versions.
    pub change: Change,
    /// The paths in which it differs, as containers see them. All of its paths, old and new, if there was nothing to compare.
    pub paths: BTreeSet<PathBuf>,
    /// What kind of files these are.
    pub touches: Touches,
}

/// Which kinds of files a change is about. None of them: documentation, translations, what a container never sees; or nothing
/// but inodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touches {
    /// Something in a directory of programs.
    pub programs: bool,
    /// A shared library.
    pub libraries: bool,
    /// A Java archive.
    pub archives: bool,
    /// Anything else: scripts, modules, data.
    pub other: bool,
}

impl Touches {
    /// The kinds of `paths`, which are absolute.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let mut touches = Self::default();
        for path in paths {
            touches.add(path);
        }
        touches
    }

    fn add(&mut self, path: &Path) {
        let below = path.strip_prefix("/").unwrap_or(path);
        if !seen::is_seen(path) || INERT.iter().any(|inert| below.starts_with(inert)) {
            return;
        }
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let directory = path.parent().and_then(Path::file_name);
        if directory.is_some_and(|name| PROGRAMS.iter().any(|program| name == *program)) {
            self.programs = true;
        } else if is_library(name) {
            self.libraries = true;
        } else if name.ends_with(b".jar") {
            self.archives = true;
        } else {
            self.other = true;
        }
    }

    /// Whether a program at work may run or read any of it.
    pub fn anything(self) -> bool {
        self.programs || self.libraries || self.archives || self.other
    }

    /// Whether none of it is mapped by what uses it, and so no process shows that it does.
    pub fn only_data(self) -> bool {
        self.other && !self.programs && !self.libraries && !self.archives
    }
}

/// `libc.so.6`, `_ssl.cpython-313-x86_64-linux-gnu.so`, `libc-2.31.so`.
fn is_library(name: &[u8]) -> bool {
    name.windows(4).any(|part| part == b".so.") || name.ends_with(b".so")
}

impl HostChange {
    /// How the base `to` differs from the base `from`.
    ///
    /// # Errors
    /// When one of them, or what is known of it, cannot be read.
    pub fn between(bases: &Bases, from: Number, to: Number) -> Result<Self> {
        let difference = base::diff(bases, from, to)?;
        let paths = difference.paths.into_iter().map(|change| change.path);
        let lists = [from, to].map(|number| bases.record_directory(number).join(DPKG));
        Self::of(
            difference.packages,
            &[&lists[0], &lists[1]],
            Some(paths.collect()),
        )
    }

    /// `packages` with what their lists in `admindirs` have, old and new: of `differing` those paths, and all if that is not
    /// known.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn of(
        packages: Vec<Change>,
        admindirs: &[&Path],
        differing: Option<BTreeSet<PathBuf>>,
    ) -> Result<Self> {
        let files: Result<Vec<Files>> = admindirs.iter().map(|dir| Files::open(dir)).collect();
        let files = files?;
        let mut changed = Vec::with_capacity(packages.len());
        for change in packages {
            let mut paths = BTreeSet::new();
            for files in &files {
                files.for_each(&change.name, &change.architecture, |path| {
                    let is_wanted = |paths: &BTreeSet<PathBuf>| paths.contains(path);
                    if differing.as_ref().is_none_or(is_wanted) {
                        paths.insert(path.to_path_buf());
                    }
                })?;
            }
            if differing.is_none() {
                without_directories(&mut paths);
            }
            changed.push(PackageChange {
                touches: Touches::of(&paths),
                change,
                paths,
            });
        }
        let mut other_paths = differing.unwrap_or_default();
        for path in changed.iter().flat_map(|package| &package.paths) {
            other_paths.remove(path);
        }
        Ok(Self {
            packages: changed,
            other_paths,
        })
    }

    /// Whether no package changed.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// The packages that changed in what a program may run or read.
    pub fn touched(&self) -> impl Iterator<Item = &PackageChange> {
        let packages = self.packages.iter();
        packages.filter(|package| package.touches.anything())
    }
}

impl PackageChange {
    /// The interpreters that look for modules where something of it changed.
    pub fn modules_of(&self) -> BTreeSet<Interpreter> {
        let paths = self.paths.iter();
        paths
            .filter_map(|path| Interpreter::of_module(path))
            .collect()
    }
}

/// Takes out what other paths lie in: a list names the directories too.
fn without_directories(paths: &mut BTreeSet<PathBuf>) {
    let mut directory = None;
    let mut directories = Vec::new();
    // What lies in a directory comes right after it: paths are compared part by part.
    for path in &*paths {
        if let Some(directory) = directory.filter(|directory| path.starts_with(directory)) {
            let directory: &PathBuf = directory;
            directories.push(directory.clone());
        }
        directory = Some(path);
    }
    for directory in directories {
        paths.remove(&directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str) -> Change {
        Change {
            name: name.into(),
            architecture: "amd64".into(),
            old: Some("1".into()),
            new: Some("2".into()),
        }
    }

    fn paths(paths: &[&str]) -> BTreeSet<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    /// dpkg's lists of some packages.
    fn admindir(lists: &[(&str, &str)]) -> tempfile::TempDir {
        let admindir = tempfile::tempdir().unwrap();
        let info = admindir.path().join("info");
        std::fs::create_dir(&info).unwrap();
        for (name, text) in lists {
            std::fs::write(info.join(name), text).unwrap();
        }
        admindir
    }

    #[test]
    fn files_are_told_by_their_kinds() {
        for (path, expected) in [
            ("/usr/bin/python3.13", "programs"),
            ("/usr/lib/postgresql/17/bin/postgres", "programs"),
            ("/usr/lib/x86_64-linux-gnu/libssl.so.3", "libraries"),
            ("/usr/lib/python3/_ssl.cpython-313.so", "libraries"),
            ("/usr/share/java/x.jar", "archives"),
            ("/usr/lib/python3/dist-packages/flask/app.py", "other"),
            ("/usr/share/zoneinfo/UTC", "other"),
            ("/etc/x.source", "other"),
            ("/usr/share/doc/x/copyright", "nothing"),
            ("/usr/share/locale/de/x.mo", "nothing"),
            ("/usr/lib/modules/6.12/x.ko", "nothing"),
            ("/var/lib/x", "nothing"),
            ("/boot/vmlinuz", "nothing"),
        ] {
            let touches = Touches::of(&paths(&[path]));
            let told = match touches {
                Touches { programs: true, .. } => "programs",
                Touches {
                    libraries: true, ..
                } => "libraries",
                Touches { archives: true, .. } => "archives",
                Touches { other: true, .. } => "other",
                _ => "nothing",
            };
            assert_eq!(told, expected, "{path}");
            assert_eq!(touches.anything(), expected != "nothing", "{path}");
            assert_eq!(touches.only_data(), expected == "other", "{path}");
        }
    }

    #[test]
    fn the_paths_that_differ_are_told_by_package() {
        let old = admindir(&[(
            "a:amd64.list",
            "/.\n/usr\n/usr/bin\n/usr/bin/a\n/usr/bin/gone\n",
        )]);
        let new = admindir(&[
            (
                "a:amd64.list",
                "/.\n/usr\n/usr/bin\n/usr/bin/a\n/usr/bin/same\n",
            ),
            ("b.list", "/usr/bin/b\n"),
        ]);
        let differing = paths(&["/usr/bin/a", "/usr/bin/gone", "/usr/bin/b", "/etc/cache"]);
        let lists = [old.path(), new.path()];
        let told = HostChange::of(vec![change("a")], &lists, Some(differing)).unwrap();
        assert_eq!(
            told.packages[0].paths,
            paths(&["/usr/bin/a", "/usr/bin/gone"])
        );
        assert_eq!(told.other_paths, paths(&["/usr/bin/b", "/etc/cache"]));

        let told = HostChange::of(vec![change("a"), change("none")], &lists, None).unwrap();
        let all = paths(&["/usr/bin/a", "/usr/bin/gone", "/usr/bin/same"]);
        assert_eq!(told.packages[0].paths, all);
        assert_eq!(told.packages[1].paths, paths(&[]));
        assert_eq!(told.other_paths, paths(&[]));
        assert_eq!(
            told.touched()
                .map(|package| &package.change.name)
                .collect::<Vec<_>>(),
            ["a"]
        );
    }

    #[test]
    fn a_hundred_thousand_paths_with_odd_names_are_told_apart() {
        let mut list = Vec::new();
        for number in 0..100_000 {
            list.extend_from_slice(format!("/usr/share/x/{number}\\\t\u{e9}").as_bytes());
            list.extend_from_slice(b"\xff\n");
        }
        let lists = admindir(&[]);
        std::fs::write(lists.path().join("info/a.list"), list).unwrap();
        let told = HostChange::of(vec![change("a")], &[lists.path()], None).unwrap();
        assert_eq!(told.packages[0].paths.len(), 100_000);
    }
}
