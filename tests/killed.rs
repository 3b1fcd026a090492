//! The built generator, killed at many moments, in; whole units, and nothing that looks like one and is none, out.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const GENERATOR: &str = env!("CARGO_BIN_EXE_lodger-generator");
const CONTAINERS: usize = 60;
const OLD: &str = "what was there before\n";

/// A file's text or a link's target, by path.
type Tree = BTreeMap<PathBuf, String>;

fn generator(root: &Path, directory: &Path) -> Command {
    let mut command = Command::new(GENERATOR);
    command
        .env_clear()
        .env("LODGER_ROOT", root)
        .arg(directory)
        .stderr(Stdio::null());
    command
}

fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let files = root.path().join("etc/lodger");
    fs::create_dir_all(&files).expect("a directory");
    for number in 0..CONTAINERS {
        let text = format!("exec = [\"/bin/x\", \"{}\"]\n", "long ".repeat(200));
        fs::write(files.join(format!("c{number:03}.toml")), text).expect("a file");
    }
    root
}

fn text_or_target(path: &Path) -> std::io::Result<String> {
    let target = fs::read_link(path).map(|target| target.to_string_lossy().into_owned());
    target.or_else(|_| fs::read_to_string(path))
}

fn read(directory: &Path) -> Tree {
    let mut tree = Tree::new();
    for inner in ["", "lodger.target.wants"] {
        let Ok(entries) = fs::read_dir(directory.join(inner)) else {
            continue;
        };
        for entry in entries {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("its type").is_dir() {
                continue;
            }
            let text = text_or_target(&entry.path()).expect("a file or a link");
            let path = Path::new(inner).join(entry.file_name());
            tree.insert(path, text);
        }
    }
    tree
}

/// Runs until `reached` and kills; whether it was still running then.
fn run_until(root: &Path, directory: &Path, reached: impl Fn() -> bool) -> bool {
    let mut child = generator(root, directory).spawn().expect("it runs");
    while !reached() && child.try_wait().expect("a child").is_none() {
        std::hint::spin_loop();
    }
    child.kill().expect("it is a child");
    !child.wait().expect("it ends").success()
}

/// Takes out what a killed run may leave: names that no unit and no link to one can have.
fn without_leftovers(tree: Tree) -> Tree {
    let is_leftover = |path: &Path| {
        let name = path.to_string_lossy();
        name.starts_with(".lodger-generator-") && name.ends_with(".tmp")
    };
    let kept = tree.into_iter().filter(|(path, _)| !is_leftover(path));
    kept.collect()
}

/// What a run that nobody disturbs writes.
fn whole(root: &Path) -> Tree {
    let directory = tempfile::tempdir().expect("a directory");
    let status = generator(root, directory.path()).status();
    assert!(status.expect("it runs").success());
    let whole = read(directory.path());
    assert_eq!(whole.len(), 2 * CONTAINERS);
    whole
}

#[test]
fn killed_at_any_moment_it_leaves_whole_units_only() {
    let root = root();
    let whole = whole(root.path());
    let (mut killed, mut partial) = (0, 0);
    for moment in whole.keys().step_by(7) {
        let directory = tempfile::tempdir().expect("a directory");
        let awaited = directory.path().join(moment);
        let reached = || awaited.symlink_metadata().is_ok();
        killed += usize::from(run_until(root.path(), directory.path(), reached));
        let found = without_leftovers(read(directory.path()));
        for (path, text) in &found {
            assert_eq!(Some(text), whole.get(path), "{}", path.display());
        }
        partial += usize::from(!found.is_empty() && found.len() < whole.len());
        assert!(
            generator(root.path(), directory.path())
                .status()
                .expect("it runs")
                .success()
        );
        assert_eq!(
            without_leftovers(read(directory.path())),
            whole,
            "the next run repairs"
        );
    }
    assert!(
        killed > 5 && partial > 5,
        "{killed} killed, {partial} in between"
    );
}

#[test]
fn killed_while_it_replaces_it_leaves_the_old_or_the_new() {
    let root = root();
    let whole = whole(root.path());
    let mut mixed = 0;
    for moment in whole.keys().step_by(7) {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("lodger.target.wants")).expect("a directory");
        for path in whole.keys() {
            let path = directory.path().join(path);
            if path.parent() == Some(directory.path()) {
                fs::write(path, OLD).expect("a file");
            } else {
                symlink(OLD, path).expect("a link");
            }
        }
        let awaited = directory.path().join(moment);
        let reached = || text_or_target(&awaited).is_ok_and(|text| text != OLD);
        run_until(root.path(), directory.path(), reached);
        let found = without_leftovers(read(directory.path()));
        assert_eq!(found.len(), whole.len(), "nothing is ever missing");
        for (path, text) in &found {
            let is_one = text == OLD || Some(text) == whole.get(path);
            assert!(is_one, "{}: {text}", path.display());
        }
        let old = found.values().filter(|text| *text == OLD).count();
        mixed += usize::from(old > 0 && old < whole.len());
    }
    assert!(mixed > 5, "killed in between {mixed} times");
}
