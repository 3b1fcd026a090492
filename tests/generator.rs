//! The built generator: roots with container files in; trees of units, messages and an exit status out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

#[path = "golden/text.rs"]
mod text;
#[path = "golden/tree.rs"]
mod tree;

use text::{assert_text, cases};
use tree::{Entry, assert_tree, read_tree, without_version};

const GENERATOR: &str = env!("CARGO_BIN_EXE_lodger-generator");

/// The generator with nothing in its environment but where to read: it must need no more.
fn generator(root: &Path) -> Command {
    let mut command = Command::new(GENERATOR);
    command.env_clear().env("LODGER_ROOT", root);
    command
}

fn run(root: &Path, directory: &Path) -> Output {
    generator(root)
        .arg(directory)
        .output()
        .expect("the generator runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are UTF-8")
}

/// A root with this many good containers, and one that is broken.
fn root_of(containers: usize) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let files = root.path().join("etc/lodger");
    fs::create_dir_all(&files).expect("a directory");
    for number in 0..containers {
        fs::write(files.join(format!("c{number}.toml")), "exec = \"/bin/x\"\n").expect("a file");
    }
    fs::write(files.join("broken.toml"), "exec = 1\n").expect("a file");
    root
}

#[test]
fn every_case_gives_its_tree_and_its_messages() {
    for case in cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")) {
        let directory = tempfile::tempdir().expect("a directory");
        let output = run(&case, directory.path());
        assert_tree(&case.join("expected"), &read_tree(directory.path()));
        let messages = stderr(&output);
        assert_text(&case.join("expected.stderr"), &messages);
        let errors = messages
            .lines()
            .any(|line| !line.starts_with("lodger-generator: warning: "));
        assert_eq!(
            output.status.code(),
            Some(i32::from(errors)),
            "{}: {messages}",
            case.display()
        );
        assert_eq!(output.stdout, b"", "{}", case.display());
    }
}

/// systemd makes the first of two mounts on one place, and says nothing of the other.
#[test]
fn no_unit_mounts_twice_in_one_place() {
    let mut mounts = 0;
    for case in cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")) {
        let directory = tempfile::tempdir().expect("a directory");
        run(&case, directory.path());
        for (path, entry) in read_tree(directory.path()) {
            let Entry::File(text) = entry else { continue };
            let mut places = mount_places(&text);
            mounts += places.len();
            places.sort_unstable();
            let twice = places.windows(2).find(|pair| pair[0] == pair[1]);
            assert_eq!(twice, None, "{}: {path:?}", case.display());
        }
    }
    assert!(mounts > 100, "only {mounts} mounts found");
}

/// Where the directives of a unit mount something.
fn mount_places(unit: &str) -> Vec<&str> {
    let mut places = Vec::new();
    for line in unit.lines() {
        match line.split_once('=') {
            Some(("BindPaths" | "BindReadOnlyPaths", words)) => {
                let paths = words.split(' ').map(|word| word.trim_start_matches('-'));
                places.extend(paths.map(|path| path.split(':').nth(1).unwrap_or(path)));
            }
            Some(("TemporaryFileSystem", word)) => places.extend(word.split(':').next()),
            _ => {}
        }
    }
    places
}

#[test]
fn two_runs_are_the_same_to_the_byte() {
    let root = root_of(50);
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let outputs = directories
        .each_ref()
        .map(|directory| run(root.path(), directory.path()));
    assert_eq!(outputs[0], outputs[1]);
    let [first, second] = directories
        .each_ref()
        .map(|directory| read_tree(directory.path()));
    assert_eq!(first, second);
    // 50 containers and a stub, each with a link.
    assert_eq!(first.len(), 102);
}

#[test]
fn a_second_run_into_the_same_directory_changes_nothing() {
    let root = root_of(5);
    let directory = tempfile::tempdir().expect("a directory");
    run(root.path(), directory.path());
    let first = read_tree(directory.path());
    assert_eq!(run(root.path(), directory.path()).status.code(), Some(1));
    assert_eq!(read_tree(directory.path()), first);
}

#[test]
fn nothing_is_written_outside_the_first_directory() {
    let root = root_of(5);
    let outside = tempfile::tempdir().expect("a directory");
    let directories = ["normal", "early", "late"].map(|name| outside.path().join(name));
    for directory in &directories {
        fs::create_dir(directory).expect("a directory");
    }
    let before = read_tree(root.path());
    let output = generator(root.path())
        .args(&directories)
        .current_dir(outside.path())
        .output()
        .expect("the generator runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(read_tree(root.path()), before);
    let written = read_tree(outside.path());
    let elsewhere: Vec<_> = written
        .keys()
        .filter(|path| !path.starts_with("normal"))
        .collect();
    assert_eq!((written.len(), elsewhere), (12, Vec::<&PathBuf>::new()));
}

#[test]
fn parallel_runs_leave_whole_files_only() {
    let root = root_of(100);
    let directory = tempfile::tempdir().expect("a directory");
    let alone = tempfile::tempdir().expect("a directory");
    run(root.path(), alone.path());
    let expected = read_tree(alone.path());

    let running = AtomicBool::new(true);
    let seen = std::thread::scope(|scope| {
        // What PID 1 would see at any moment: each unit whole, or not there.
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while running.load(Ordering::Relaxed) {
                for (path, whole) in expected
                    .iter()
                    .filter(|(path, _)| path.extension().is_some_and(|suffix| suffix == "service"))
                {
                    if let (Entry::File(whole), Ok(text)) =
                        (whole, fs::read_to_string(directory.path().join(path)))
                    {
                        assert_eq!(without_version(&text), *whole, "{}", path.display());
                        seen += 1;
                    }
                }
            }
            seen
        });
        let mut generators: Vec<_> = (0..4)
            .map(|_| {
                generator(root.path())
                    .arg(directory.path())
                    .stderr(std::process::Stdio::null())
                    .spawn()
                    .expect("the generator runs")
            })
            .collect();
        for generator in &mut generators {
            assert_eq!(generator.wait().expect("it ends").code(), Some(1));
        }
        running.store(false, Ordering::Relaxed);
        reader.join().expect("the reader saw whole files only")
    });
    assert!(seen > 0, "the reader read nothing while the generators ran");
    assert_eq!(read_tree(directory.path()), expected);
}

#[test]
fn a_directory_that_cannot_be_written_is_told() {
    let root = root_of(0);
    let directory = root.path().join("nowhere/normal");
    let output = run(root.path(), &directory);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output).replace(root.path().to_str().expect("UTF-8"), "ROOT");
    assert_eq!(
        message,
        "lodger-generator: /etc/lodger/broken.toml:1:8: expected an array of strings or a string, found an integer\n\
         lodger-generator: cannot write to ROOT/nowhere/normal: No such file or directory (os error 2)\n"
    );
    assert!(!directory.exists());
}

#[test]
fn one_directory_or_three_and_nothing_else() {
    let root = root_of(1);
    let directory = tempfile::tempdir().expect("a directory");
    for count in [0, 2, 4] {
        let output = generator(root.path())
            .args(vec![directory.path(); count])
            .output()
            .expect("the generator runs");
        assert_eq!(output.status.code(), Some(1), "for {count} arguments");
        assert_eq!(
            stderr(&output),
            "lodger-generator: give one directory, or three: normal, early and late (systemd.generator(7))\n"
        );
        assert_eq!(
            read_tree(directory.path()).len(),
            0,
            "for {count} arguments"
        );
    }
}

#[test]
fn in_the_initrd_and_for_users_it_does_nothing() {
    let root = root_of(1);
    let directory = tempfile::tempdir().expect("a directory");
    for (variable, value) in [("SYSTEMD_IN_INITRD", "1"), ("SYSTEMD_SCOPE", "user")] {
        let output = generator(root.path())
            .arg(directory.path())
            .env(variable, value)
            .output()
            .expect("the generator runs");
        assert_eq!(
            (output.status.code(), stderr(&output)),
            (Some(0), String::new()),
            "with {variable}"
        );
        assert_eq!(read_tree(directory.path()).len(), 0, "with {variable}");
    }
    let output = generator(root.path())
        .arg(directory.path())
        .envs([("SYSTEMD_IN_INITRD", "0"), ("SYSTEMD_SCOPE", "system")])
        .output()
        .expect("the generator runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(read_tree(directory.path()).len(), 4);
}

#[test]
fn many_mistakes_fit_in_the_log() {
    let root = root_of(0);
    let text: String = (0..1000)
        .map(|number| format!("key{number} = 1\n"))
        .collect();
    fs::write(root.path().join("etc/lodger/broken.toml"), text).expect("a file");
    let directory = tempfile::tempdir().expect("a directory");
    let messages = stderr(&run(root.path(), directory.path()));
    assert_eq!(messages.lines().count(), 21);
    assert_eq!(
        messages.lines().last(),
        Some(
            "lodger-generator: /etc/lodger/broken.toml: and 981 more: lodger check /etc/lodger/broken.toml"
        )
    );
}

#[test]
fn it_does_not_speak_d_bus() {
    let binary = fs::read(GENERATOR).expect("the built generator");
    // Made of two, so that the search does not find itself should this test ever be linked in.
    let name = ["org.freedesktop", ".systemd1"].concat();
    let found = binary
        .windows(name.len())
        .any(|bytes| bytes == name.as_bytes());
    assert!(
        !found,
        "{name} is in the generator: it links what speaks D-Bus"
    );
}
