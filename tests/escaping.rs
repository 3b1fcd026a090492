//! Paths and credentials with every awkward character in; the unit that a system test has the real systemd read, and what it
//! must make of it, out. UPDATE_EXPECTED=1 records both.

use std::fmt::Write as _;
use std::path::Path;

use lodger::unit::escape::{self, Escaped, Unwritable};
use serde_json::{Value, json};

#[path = "golden/text.rs"]
#[allow(dead_code)] // Other tests use the rest of it.
mod text;

/// Names of files: what people write, what is special somewhere, and strings of that.
fn names() -> Vec<String> {
    const SPECIAL: [&str; 30] = [
        "a", "Z", "0", " ", ":", "%", "%%", "%n", "$", "$HOME", "\\", "\\\\", "\\n", "\\x41", "*",
        "?", "[z]", "]", "{a,b}", "~", "#", ";", "=", ",", "\"", "'", "é", "🔟", "e\u{301}", "-",
    ];
    let mut names: Vec<_> = SPECIAL.map(str::to_owned).to_vec();
    // Park and Miller's generator with a fixed seed: the files must be the same each time.
    let mut seed: u64 = 2015;
    for _ in 0..40 {
        let mut name = String::new();
        for _ in 0..6 {
            seed = seed * 16_807 % 2_147_483_647;
            name.push_str(SPECIAL[seed as usize % SPECIAL.len()]);
        }
        names.push(name);
    }
    names
}

/// Lines of a unit, and what they must mean.
#[derive(Default)]
struct Lines {
    unit: String,
    meant: Vec<Value>,
}

impl Lines {
    /// One line more, if it can be written.
    fn add(&mut self, key: &str, value: Result<Escaped, Unwritable>, meant: Value) {
        if let Ok(value) = value {
            writeln!(self.unit, "{key}={value}").expect("a string takes all");
            self.meant.push(meant);
        }
    }
}

/// `directory` with a file or directory of each name in it. Numbered, since decoys and cases may fall together.
fn paths(directory: &str) -> impl Iterator<Item = String> {
    let names = names().into_iter().enumerate();
    names.map(move |(number, name)| format!("/srv/escaping/{directory}/{number} {name}"))
}

#[test]
fn the_system_test_has_what_is_written_now() {
    let [mut binds, mut tmpfs, mut files, mut credentials, mut data] =
        [(); 5].map(|()| Lines::default());
    for (source, target) in paths("sources").zip(paths("targets")) {
        binds.add(
            "BindPaths",
            escape::bind(&source, &target),
            json!([source, target]),
        );
    }
    for path in paths("tmpfs") {
        let value = escape::temporary_file_system(&path, "size=64K,mode=0755");
        tmpfs.add(
            "TemporaryFileSystem",
            value,
            json!([path, "size=64K,mode=0755"]),
        );
    }
    for path in paths("files") {
        files.add(
            "EnvironmentFile",
            escape::environment_file(&path),
            json!(path),
        );
    }
    for (number, name) in names().iter().enumerate() {
        let id = format!("{number}{name}");
        let path = format!("/srv/escaping/files/c{number}{name}");
        credentials.add(
            "LoadCredential",
            escape::credential(&id, &path),
            json!([id, path]),
        );
    }
    let every_byte: Vec<u8> = (0..=255).collect();
    for (number, bytes) in [&every_byte[..], b" ", b"\\", b"%n%%", b"\n", b"\"'$x"]
        .into_iter()
        .enumerate()
    {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        data.add(
            "SetCredential",
            escape::credential_data(&format!("d{number}"), bytes),
            json!([format!("d{number}"), hex]),
        );
    }
    // Fewer would show that something is refused that could be written.
    let counts = [&binds, &tmpfs, &files, &credentials, &data].map(|lines| lines.meant.len());
    assert_eq!(counts, [59, 40, 68, 22, 6]);

    let directory = "/srv/escaping/directories/a \"b\" %n \\ $x é 🔟 '*:\\";
    let meant = json!({
        "binds": binds.meant, "tmpfs": tmpfs.meant, "files": files.meant,
        "credentials": credentials.meant, "data": data.meant, "directory": directory,
    });
    let unit = format!(
        "# Recorded by tests/escaping.rs\n[Service]\nType=oneshot\nExecStart=/bin/bash /run/testbed/escaping/see\nWorkingDirectory={}\n{}{}{}{}{}",
        escape::only_path(directory).expect("it can be written"),
        binds.unit,
        tmpfs.unit,
        files.unit,
        credentials.unit,
        data.unit
    );
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/escaping");
    text::assert_text(&recorded.join("escaping.service"), &unit);
    text::assert_text(&recorded.join("escaping.json"), &format!("{meant:#}\n"));
}
