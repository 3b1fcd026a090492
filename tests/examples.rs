//! The files in examples/ in; no mistake out, and a container for each shape that it had with Quadlet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lodger::container::file::parse;
use lodger::container::name::FileName;

/// The files of `directory` that end in `.SUFFIX`, by their names without it.
fn files(directory: &str, suffix: &str) -> Vec<(String, PathBuf)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(&directory).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == suffix))
        .map(|path| {
            let stem = path.file_stem().expect("it has a name").to_string_lossy();
            (stem.into_owned(), path.clone())
        })
        .collect()
}

#[test]
fn every_example_is_a_container_file() {
    let examples = files("examples", "toml");
    for (name, path) in &examples {
        let text = std::fs::read_to_string(path).expect("it can be read");
        let name = FileName::parse(name).expect("it is a name");
        let installed = Path::new("/etc/lodger").join(format!("{name}.toml"));
        if let Err(refused) = parse(&name, &installed, &text) {
            panic!("{}", refused.diagnostics[0].block());
        }
    }
    let names: BTreeSet<_> = examples.into_iter().map(|(name, _)| name).collect();
    let quadlets = files("examples/quadlet", "container");
    assert_eq!(quadlets.len(), 10);
    for (name, _) in quadlets {
        assert!(names.contains(&name), "{name}");
    }
}
