//! `/etc/lodger.toml` in; the host's settings, or everything that is wrong with the file, out.

use std::num::NonZeroUsize;
use std::path::Path;

use crate::container::keys::TableAbout;
use crate::container::search::{Content, read_content};
use crate::diagnostic::{Diagnostic, Fault, rule};
use crate::document::{About, Key, Layer, Percent, Reader, Scalar, Shape, Source, Table, text_of};
use crate::place;
use crate::prefix::Prefix;

/// Most jobs at once that anybody may ask for.
const MOST_PARALLEL: usize = 1024;

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
pub static KEYS: &[&About] = &[&PARALLEL.about];

/// Its tables, in the order of the manual page.
pub static TABLES: [TableAbout; 1] = [TableAbout {
    name: "refresh",
    meaning: "What happens after a package change.",
    entries: None,
}];

/// What the host's administrator decided for all containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `[refresh] parallel`: containers restarted at the same time; two for each CPU by default.
    pub parallel: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        // A start waits as much as it computes. Where the number of CPUs cannot be known, one is the safe guess.
        let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let parallel = NonZeroUsize::MIN.saturating_add((2 * cpus).min(MOST_PARALLEL) - 1);
        Self { parallel }
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

fn parallel(scalar: Scalar) -> Result<NonZeroUsize, Fault> {
    let Scalar::Integer(number) = scalar else {
        return Err(Fault::new(
            rule::WRONG_TYPE,
            format!("expected an integer, found {}", scalar.kind()),
        ));
    };
    match usize::try_from(number).ok().and_then(NonZeroUsize::new) {
        Some(parallel) if parallel.get() <= MOST_PARALLEL => Ok(parallel),
        _ => Err(
            Fault::new(rule::VALUE, format!("{number} is not a number of jobs"))
                .help(format!("1 to {MOST_PARALLEL}")),
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
