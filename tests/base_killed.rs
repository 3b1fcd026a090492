//! `lodger base create`, killed at many moments, in; always a whole current base, and nothing half after the next, out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const KILLS: u32 = 100;

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lodger"));
    command.env_clear().env("LODGER_ROOT", root).args(arguments);
    command
}

fn lodger(root: &Path, arguments: &[&str]) -> Output {
    command(root, arguments).output().expect("lodger runs")
}

/// A host with enough in it to be killed on the way.
fn host() -> tempfile::TempDir {
    // In memory, where it can be: a disk that is busy with other tests would make two hundred syncs last minutes.
    let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let root = root.expect("a directory");
    let write = |path: String, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("it is below")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    for number in 0..60 {
        for file in 0..15 {
            write(format!("usr/share/d{number}/f{file}"), "text");
        }
        write(format!("etc/d{number}/f"), "text");
        write(format!("var/lib/d{number}/f"), "text");
    }
    write("etc/version".to_owned(), "0");
    write("etc/shadow".to_owned(), "secret");
    let shadow = root.path().join("etc/shadow");
    fs::set_permissions(shadow, fs::Permissions::from_mode(0o600)).expect("its mode");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
    let status = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n";
    write("var/lib/dpkg/status".to_owned(), status);
    write("var/lib/dpkg/info/a.list".to_owned(), "/.\n");
    root
}

fn bases(root: &Path) -> PathBuf {
    root.join("var/lib/lodger/bases")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

fn succeeds(output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}", output.status);
}

/// The version that the current base holds, if there is one; it has to be whole.
fn check_current(root: &Path) -> Option<u32> {
    let current = bases(root).join("current");
    let number = fs::read_link(&current).ok()?;
    succeeds(&lodger(root, &["base", "verify"]));
    let tree = bases(root).join(number);
    assert_eq!(names(&tree.join("usr/share")).len(), 60);
    assert!(!tree.join("etc/shadow").exists());
    let version = fs::read_to_string(tree.join("etc/version")).expect("a version");
    Some(version.parse().expect("a number"))
}

#[test]
fn killed_at_any_moment_there_is_a_whole_current_base() {
    let root = host();
    let root = root.path();
    let started = Instant::now();
    succeeds(&lodger(root, &["base", "create"]));
    let whole = started.elapsed();
    let (mut killed, mut half, mut kept) = (0, 0, 0);
    for round in 1..=KILLS {
        let before = check_current(root);
        fs::write(root.join("etc/version"), round.to_string()).expect("a file");
        let mut child = command(root, &["base", "create"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        // The moment is the test's input, not something it waits for.
        let moment = started_for(whole, round);
        let begun = Instant::now();
        while begun.elapsed() < moment && child.try_wait().expect("a child").is_none() {
            std::hint::spin_loop();
        }
        child.kill().expect("it is a child");
        killed += u32::from(!child.wait().expect("it ends").success());
        half += u32::from(
            names(&bases(root))
                .iter()
                .any(|name| name.starts_with(".making-")),
        );
        let after = check_current(root);
        assert!(
            after == before || after == Some(round),
            "{before:?} -> {after:?}"
        );
        kept += u32::from(after == before);
        if round % 10 == 0 {
            succeeds(&lodger(root, &["base", "create"]));
            assert_eq!(check_current(root), Some(round));
            let names = names(&bases(root));
            assert!(
                names
                    .iter()
                    .all(|name| name == ".lock" || !name.starts_with('.')),
                "{names:?}"
            );
            let prune = lodger(root, &["base", "prune", "--keep", "1"]);
            succeeds(&prune);
        }
    }
    assert!(killed > KILLS / 4, "killed {killed} times");
    assert!(half > KILLS / 10, "half a base {half} times");
    assert!(kept > KILLS / 10, "the old one kept {kept} times");
}

/// Moments spread over the whole of one creation, and a little more.
fn started_for(whole: Duration, round: u32) -> Duration {
    // A prime step visits every part in no regular order.
    whole.mul_f64(f64::from(round * 37 % KILLS) / f64::from(KILLS) * 1.2)
}
