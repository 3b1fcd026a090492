//! `/etc/lodger.toml` in; the host's settings, or everything that is wrong with the file, out.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::container::keys::TableAbout;
use crate::container::search::{Content, read_content};
use crate::container::values::path::absolute;
use crate::diagnostic::{Diagnostic, Fault, rule};
use crate::document::{About, Key, Layer, Percent, Reader, Scalar, Shape, Source, Table, text_of};
use crate::place;
use crate::prefix::Prefix;

/// Most jobs at once that anybody may ask for.
const MOST_PARALLEL: usize = 1024;

/// Most bases that are kept without being used.
const MOST_KEPT: usize = 1000;
/// Where a base would be lost, or could not be, in places that do not outlive a boot or hold no files.
const NO_PLACE: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/// `[bases] directory`.
pub static DIRECTORY: Key<PathBuf> = Key {
    about: About {
        table: "bases",
        name: "directory",
        shape: Shape::Path,
        default: "\"/var/lib/lodger/bases\"",
        meaning: "Where the pinned bases lie. On the filesystem of `/usr` they share its files; elsewhere they are copies of them.",
        directive: "none: lodger and lodgerd read it",
        since: "0.1",
        example: "\"/usr/lodger-bases\"",
    },
    read: directory,
};

/// `[bases] keep`.
pub static KEEP: Key<NonZeroUsize> = Key {
    about: About {
        table: "bases",
        name: "keep",
        shape: Shape::Integer(1, MOST_KEPT as i64),
        default: "3",
        meaning: "How many of the newest bases are kept. Those that containers use or are held on are kept besides.",
        directive: "none: lodger and lodgerd read it",
        since: "0.1",
        example: "5",
    },
    read: keep,
};

/// `[refresh] parallel`.
pub static PARALLEL: Key<NonZeroUsize> = Key {
    about: About {
        table: "refresh",
        name: "parallel",
        shape: Shape::Integer(1, MOST_PARALLEL as i64),
        default: "two for each CPU",
        meaning: "How many containers are restarted at the same time after a package change.",
        directive: "none: lodgerd reads it",
        since: "0.1",
        example: "8",
    },
    read: parallel,
};

/// Every key of the host's settings.
pub static KEYS: &[&About] = &[&DIRECTORY.about, &KEEP.about, &PARALLEL.about];

/// Its tables, in the order of the manual page.
pub static TABLES: [TableAbout; 2] = [
    TableAbout {
        name: "bases",
        meaning: "The trees that containers share.",
        entries: None,
    },
    TableAbout {
        name: "refresh",
        meaning: "What happens after a package change.",
        entries: None,
    },
];

/// What the host's administrator decided for all containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `[bases] directory`: where the pinned bases lie; `/var/lib/lodger/bases` by default.
    pub bases: PathBuf,
    /// `[bases] keep`: how many of the newest are kept; 3 by default.
    pub keep: NonZeroUsize,
    /// `[refresh] parallel`: containers restarted at the same time; two for each CPU by default.
    pub parallel: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        // A start waits as much as it computes. Where the number of CPUs cannot be known, one is the safe guess.
        let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let parallel = NonZeroUsize::MIN.saturating_add((2 * cpus).min(MOST_PARALLEL) - 1);
        Self {
            bases: PathBuf::from(place::BASES),
            keep: NonZeroUsize::MIN.saturating_add(2),
            parallel,
        }
    }
}

/// The settings of this text, or every mistake in it.
pub fn parse(text: &str) -> Result<Settings, Vec<Diagnostic>> {
    let sources = [Source::new(Path::new(place::SETTINGS), text)];
    let table = sources[0].parse()?;
    let layer = Layer {
        document: 0,
        table: &table,
    };
    let mut reader = Reader::new(&sources, 0, Percent::Literal);
    let mut table = Table::of_layers(&[layer]);
    let mut settings = Settings::default();
    if let Some(mut bases) = reader.table(&mut table, "bases", "[bases]") {
        if let Some(directory) = reader.value(&mut bases, &DIRECTORY) {
            settings.bases = directory;
        }
        if let Some(number) = reader.value(&mut bases, &KEEP) {
            settings.keep = number;
        }
        reader.refuse_rest(bases);
    }
    if let Some(mut refresh) = reader.table(&mut table, "refresh", "[refresh]") {
        if let Some(number) = reader.value(&mut refresh, &PARALLEL) {
            settings.parallel = number;
        }
        reader.refuse_rest(refresh);
    }
    reader.refuse_rest(table);
    let diagnostics = reader.into_diagnostics();
    if diagnostics.is_empty() {
        Ok(settings)
    } else {
        Err(diagnostics)
    }
}

/// The settings under `prefix`. Without the file they are the defaults.
pub fn read(prefix: &Prefix) -> Result<Settings, Vec<Diagnostic>> {
    let path = Path::new(place::SETTINGS);
    let file = prefix.at(path);
    if !file.is_symlink() && file.try_exists().is_ok_and(|exists| !exists) {
        return Ok(Settings::default());
    }
    match read_content(&file) {
        Ok(Content::Mask) => Ok(Settings::default()),
        Ok(Content::Bytes(bytes)) => text_of(path, &bytes).and_then(parse),
        Err(fault) => Err(vec![Diagnostic::of_file(path, fault)]),
    }
}

fn directory(scalar: Scalar) -> Result<PathBuf, Fault> {
    let path = absolute(scalar)?;
    if path == Path::new("/") || NO_PLACE.iter().any(|place| path.starts_with(place)) {
        let message = format!("'{}' is no place for bases", path.display());
        return Err(Fault::new(rule::PATH, message).help("a directory that outlives a boot"));
    }
    Ok(path)
}

fn keep(scalar: Scalar) -> Result<NonZeroUsize, Fault> {
    number(scalar, MOST_KEPT, "bases")
}

fn parallel(scalar: Scalar) -> Result<NonZeroUsize, Fault> {
    number(scalar, MOST_PARALLEL, "jobs")
}

fn number(scalar: Scalar, most: usize, what: &str) -> Result<NonZeroUsize, Fault> {
    let Scalar::Integer(number) = scalar else {
        return Err(Fault::new(
            rule::WRONG_TYPE,
            format!("expected an integer, found {}", scalar.kind()),
        ));
    };
    match usize::try_from(number).ok().and_then(NonZeroUsize::new) {
        Some(number) if number.get() <= most => Ok(number),
        _ => Err(
            Fault::new(rule::VALUE, format!("{number} is not a number of {what}"))
                .help(format!("1 to {most}")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_counts_and_the_rest_is_the_default() {
        assert_eq!(parse("").unwrap(), Settings::default());
        assert_eq!(parse("[refresh]\n").unwrap(), Settings::default());
        assert_eq!(
            parse("[refresh]\nparallel = 1024\n")
                .unwrap()
                .parallel
                .get(),
            1024
        );
        assert!(Settings::default().parallel.get() >= 2);
    }

    #[test]
    fn bases_lie_where_they_last() {
        let settings = parse("bases = { directory = \"/usr/lodger-bases/\", keep = 1 }\n").unwrap();
        assert_eq!(settings.bases, Path::new("/usr/lodger-bases"));
        assert_eq!(settings.keep.get(), 1);
        assert_eq!(Settings::default().keep.get(), 3);
        for bad in [
            "directory = \"/\"",
            "directory = \"/tmp/x\"",
            "directory = \"x\"",
            "directory = 1",
            "keep = 0",
            "keep = 1001",
        ] {
            assert_eq!(
                parse(&format!("[bases]\n{bad}\n")).unwrap_err().len(),
                1,
                "for {bad}"
            );
        }
    }

    #[test]
    fn all_mistakes_are_told() {
        let diagnostics = parse("refrsh = 1\n[refresh]\nparallel = 0\nparalel = 3\n").unwrap_err();
        let lines: Vec<_> = diagnostics.iter().map(Diagnostic::one_line).collect();
        assert_eq!(
            lines,
            [
                "/etc/lodger.toml:1:1: unknown key \"refrsh\"; did you mean \"refresh\"?",
                "/etc/lodger.toml:3:12: 0 is not a number of jobs (1 to 1024)",
                "/etc/lodger.toml:4:1: unknown key \"paralel\" in [refresh]; did you mean \"parallel\"?",
            ]
        );
        for bad in ["1025", "-1", "\"2\"", "1.5", "true"] {
            assert_eq!(
                parse(&format!("refresh.parallel = {bad}"))
                    .unwrap_err()
                    .len(),
                1,
                "for {bad}"
            );
        }
    }

    #[test]
    fn the_file_is_read_under_the_prefix() {
        let root = tempfile::tempdir().unwrap();
        let prefix = Prefix::under(root.path().as_os_str());
        assert_eq!(read(&prefix), Ok(Settings::default()));
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("etc/lodger.toml")).unwrap();
        assert_eq!(
            read(&prefix).unwrap_err()[0].one_line(),
            "/etc/lodger.toml: a symbolic link to \"nowhere\", which is not there"
        );
        std::fs::remove_file(root.path().join("etc/lodger.toml")).unwrap();
        std::fs::write(
            root.path().join("etc/lodger.toml"),
            "[refresh]\nparallel = 7\n",
        )
        .unwrap();
        assert_eq!(read(&prefix).unwrap().parallel.get(), 7);
    }
}
