//! Files and arguments in; what the built `lodger` makes of them out.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A container file without mistakes, where /usr/bin/x is there.
pub const GOOD: &str = "exec = \"/usr/bin/x\"\n";

/// Every kind of file there is.
pub fn mixed() -> tempfile::TempDir {
    root(&[
        ("usr/bin/x", ""),
        (
            "etc/lodger/web@.toml",
            "description = \"Shop %i\"\nexec = \"/usr/bin/x\"\ninstances = [\"b\", \"a\"]\nstart = \"manual\"\n",
        ),
        ("etc/lodger/db.toml", GOOD),
        ("usr/lib/lodger/db.toml", "exec = \"/usr/bin/old\"\n"),
        ("run/lodger/off.toml", ""),
        ("etc/lodger/broken.toml", "exec = 1\n"),
        ("etc/lodger/ssh.toml", GOOD),
        ("usr/lib/systemd/system/lodger-ssh.service", "[Service]\n"),
    ])
}

/// A root with these files.
pub fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("it is below")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    root
}

/// Runs in `root` with it as LODGER_ROOT.
pub fn lodger(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lodger"));
    command
        .env_clear()
        .env("LODGER_ROOT", root)
        .current_dir(root)
        .args(arguments);
    command.output().expect("lodger runs")
}

/// Exit status, stdout and stderr.
pub fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("it is UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

pub fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}
