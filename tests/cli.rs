//! The built `lodger`: arguments and roots in; what it writes, and its exit status, out.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A root with these files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("it is below")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    root
}

/// Runs in `root` with it as LODGER_ROOT.
fn lodger(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lodger"));
    command
        .env_clear()
        .env("LODGER_ROOT", root)
        .current_dir(root)
        .args(arguments);
    command.output().expect("lodger runs")
}

/// Exit status, stdout and stderr.
fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("it is UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

const GOOD: &str = "exec = \"/usr/bin/x\"\n";

/// Every kind of file there is.
fn mixed() -> tempfile::TempDir {
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

#[test]
fn a_good_file_is_not_worth_a_word() {
    let root = root(&[("usr/bin/x", ""), ("web.toml", GOOD)]);
    assert_eq!(
        told(lodger(root.path(), &["check", "web.toml"])),
        (Some(0), String::new(), String::new())
    );
    assert_eq!(
        told(lodger(root.path(), &["check", "--json", "web.toml"])),
        (Some(0), "[]\n".to_owned(), String::new())
    );
    assert_eq!(
        told(lodger(root.path(), &["check"])),
        (Some(0), String::new(), String::new())
    );
}

#[test]
fn mistakes_of_all_files_are_told_and_counted() {
    let root = root(&[
        ("usr/bin/x", ""),
        ("a.toml", "exec = 1\n"),
        ("b.toml", "exec = \"/usr/bin/y\"\n"),
        ("c.toml", GOOD),
    ]);
    let (status, stdout, stderr) = told(lodger(
        root.path(),
        &["check", "c.toml", "b.toml", "a.toml"],
    ));
    assert_eq!((status, stdout), (Some(1), String::new()));
    let expected = r#"error[L007]: expected an array of strings or a string, found an integer
 --> a.toml:1:8
  |
1 | exec = 1
  |        ^

warning[L022]: the program "/usr/bin/y" is not on this host
 --> b.toml:1:8
  |
1 | exec = "/usr/bin/y"
  |        ^^^^^^^^^^^^

1 error, 1 warning
"#;
    assert_eq!(stderr, expected);
    assert_eq!(
        lodger(root.path(), &["check", "b.toml"]).status.code(),
        Some(0),
        "a warning is no error"
    );
}

#[test]
fn json_has_what_the_blocks_have() {
    let root = root(&[("a.toml", "exec = \"./x\"\nusr = 1\n")]);
    let output = lodger(root.path(), &["check", "--json", "a.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        json_of(&output),
        json!([
            {
                "rule": "L011", "severity": "error", "path": "a.toml", "line": 1, "column": 8, "length": 5,
                "message": "the program \"./x\" is a relative path: write an absolute one, or a bare name to look up",
                "help": null,
            },
            {
                "rule": "L006", "severity": "error", "path": "a.toml", "line": 2, "column": 1, "length": 3,
                "message": "unknown key \"usr\"", "help": "did you mean \"user\"?",
            },
        ])
    );
}

#[test]
fn a_file_that_cannot_be_read_is_status_2() {
    let root = root(&[("a.toml", "exec = 1\n"), ("notes.txt", "")]);
    let (status, _, stderr) = told(lodger(root.path(), &["check", "nowhere.toml", "a.toml"]));
    assert_eq!(status, Some(2));
    assert!(stderr.contains("error[L001]: cannot be opened: No such file or directory (os error 2)\n --> nowhere.toml\n"), "{stderr}");
    assert!(stderr.ends_with("\n2 errors\n"), "{stderr}");
    let (status, _, stderr) = told(lodger(root.path(), &["check", "notes.txt"]));
    assert_eq!(status, Some(1));
    assert_eq!(
        stderr,
        "error[L009]: a container file is called NAME.toml\n --> notes.txt\n\n1 error\n"
    );
}

#[test]
fn a_file_is_checked_as_if_it_were_installed() {
    let root = mixed();
    let file = |name: &str, text: &str| fs::write(root.path().join(name), text).expect("a file");
    file(
        "shop.toml",
        "exec = \"/usr/bin/x\"\nrequires = [\"db\", \"web@a\"]\n",
    );
    assert_eq!(
        told(lodger(root.path(), &["check", "shop.toml"])),
        (Some(0), String::new(), String::new())
    );

    file(
        "shop.toml",
        "exec = \"/usr/bin/x\"\nrequires = [\"broken\", \"cache\"]\n",
    );
    let messages = |arguments: &[&str]| {
        let Value::Array(found) = json_of(&lodger(root.path(), arguments)) else {
            return Vec::new();
        };
        found
            .iter()
            .map(|diagnostic| format!("{}: {}", diagnostic["path"], diagnostic["message"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        messages(&["check", "--json", "shop.toml"]),
        [
            r#""shop.toml": "requires \"broken\", which is refused: /etc/lodger/broken.toml:1:8: expected an array of strings or a string, found an integer""#,
            r#""shop.toml": "requires \"cache\", and no file makes a container of that name""#,
        ]
    );
    // Another FILE of the name takes the place of the installed one.
    file("broken.toml", GOOD);
    file("cache.toml", GOOD);
    assert_eq!(
        messages(&["check", "--json", "shop.toml", "broken.toml", "cache.toml"]),
        [""; 0]
    );
    // The installed drop-ins would be its own.
    fs::create_dir(root.path().join("etc/lodger/cache.toml.d")).expect("a directory");
    file("etc/lodger/cache.toml.d/10.toml", "");
    file("etc/lodger/cache.toml", GOOD);
    assert_eq!(
        messages(&["check", "--json", "cache.toml"]),
        [
            r#""cache.toml": "\"/etc/lodger/cache.toml.d\" is not empty, and drop-ins are not in this version of lodger yet""#
        ]
    );
    file("ssh.toml", GOOD);
    assert_eq!(
        messages(&["check", "--json", "ssh.toml"]),
        [
            r#""ssh.toml": "its unit \"lodger-ssh.service\" is there already: \"/usr/lib/systemd/system/lodger-ssh.service\"""#
        ]
    );
}

#[test]
fn two_files_for_one_name_are_told_apart() {
    let root = root(&[
        ("usr/bin/x", ""),
        ("a/web.toml", GOOD),
        ("b/web.toml", GOOD),
    ]);
    let (status, _, stderr) = told(lodger(root.path(), &["check", "a/web.toml", "b/web.toml"]));
    assert_eq!(status, Some(1));
    assert_eq!(
        stderr,
        "error[L009]: a second file for the same container; the first is a/web.toml\n --> b/web.toml\n\n1 error\n"
    );
}

#[test]
fn without_a_file_everything_installed_is_checked_and_the_settings() {
    let root = root(&[
        ("etc/lodger/a.toml", "exec = 1\n"),
        ("etc/lodger.toml", "[refresh]\nparalell = 3\n"),
    ]);
    let settings = json!({
        "rule": "L006", "severity": "error", "path": "/etc/lodger.toml", "line": 2, "column": 1, "length": 8,
        "message": "unknown key \"paralell\" in [refresh]", "help": "did you mean \"parallel\"?",
    });
    let output = lodger(root.path(), &["check", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found = json_of(&output);
    assert_eq!(
        (&found[1], &found[0]["path"], &found[2]),
        (&settings, &json!("/etc/lodger/a.toml"), &Value::Null)
    );
    // Named, it is known for what it is, and not taken for a container called "lodger".
    let found = json_of(&lodger(
        root.path(),
        &["check", "--json", "etc/lodger.toml"],
    ));
    assert_eq!(
        (&found[0]["message"], &found[0]["path"], &found[1]),
        (
            &settings["message"],
            &json!("etc/lodger.toml"),
            &Value::Null
        )
    );
}

#[test]
fn an_empty_file_is_noted_as_the_mask_that_it_is() {
    let root = root(&[("web.toml", "")]);
    let note =
        "note: web.toml is empty: it masks the name \"web\", and makes no container\n".to_owned();
    assert_eq!(
        told(lodger(root.path(), &["check", "web.toml"])),
        (Some(0), String::new(), note)
    );
}

#[test]
fn show_is_what_the_generator_writes() {
    let root = mixed();
    let directory = tempfile::tempdir().expect("a directory");
    let generator = Command::new(env!("CARGO_BIN_EXE_lodger-generator"))
        .env_clear()
        .env("LODGER_ROOT", root.path())
        .arg(directory.path())
        .output()
        .expect("the generator runs");
    assert_eq!(generator.status.code(), Some(1));
    let written = |unit: &str| fs::read_to_string(directory.path().join(unit)).expect("a unit");

    for (name, unit) in [
        ("db", "lodger-db.service"),
        ("web@a", "lodger-web@a.service"),
    ] {
        assert_eq!(
            told(lodger(root.path(), &["show", name])),
            (Some(0), written(unit), String::new())
        );
    }
    let (status, stdout, stderr) = told(lodger(root.path(), &["show", "broken"]));
    assert_eq!(
        (status, stdout),
        (Some(1), written("lodger-broken.service"))
    );
    assert!(stderr.starts_with("error[L007]: "), "{stderr}");

    let both = format!(
        "# lodger-web@b.service\n{}\n# lodger-web@a.service\n{}",
        written("lodger-web@b.service"),
        written("lodger-web@a.service")
    );
    assert_eq!(
        told(lodger(root.path(), &["show", "web@"])),
        (Some(0), both, String::new())
    );
    assert_eq!(
        json_of(&lodger(root.path(), &["show", "--json", "db"])),
        json!([{
            "unit": "lodger-db.service",
            "text": written("lodger-db.service"),
            "links": [{ "path": "lodger.target.wants/lodger-db.service", "target": "../lodger-db.service" }],
        }])
    );
    assert_eq!(
        json_of(&lodger(root.path(), &["show", "--json", "web@a"]))[0]["links"],
        json!([])
    );
}

#[test]
fn show_says_why_there_is_nothing_to_show() {
    let root = mixed();
    let show = |name: &str| told(lodger(root.path(), &["show", name]));
    let error = |message: &str| (Some(2), String::new(), format!("error: {message}\n"));
    assert_eq!(show("of"), error("no container is called \"of\""));
    assert_eq!(
        show("brokn"),
        error("no container is called \"brokn\"; did you mean \"broken\"?")
    );
    assert_eq!(
        show("off"),
        error("\"off\" is masked by /run/lodger/off.toml")
    );
    assert_eq!(
        show("web@c"),
        error("no container is called \"web@c\"; did you mean \"web@b\"?")
    );
    let (status, stdout, stderr) = show("ssh");
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.starts_with("error[L019]: its unit \"lodger-ssh.service\" is there already"),
        "{stderr}"
    );
}

#[test]
fn list_tells_what_becomes_of_every_file() {
    let root = mixed();
    let expected = "\
NAME    STATE     START   SOURCE                   DESCRIPTION
broken  refused   -       /etc/lodger/broken.toml  /etc/lodger/broken.toml:1:8: expected an array of strings or a string, found an integer
db      good      boot    /etc/lodger/db.toml      db
db      shadowed  -       /usr/lib/lodger/db.toml  by /etc/lodger/db.toml
off     masked    -       /run/lodger/off.toml
ssh     refused   -       /etc/lodger/ssh.toml     /etc/lodger/ssh.toml: its unit \"lodger-ssh.service\" is there already: \
\"/usr/lib/systemd/system/lodger-ssh.service\" (rename the container, or remove that file; changes to the unit belong in \
lodger-ssh.service.d/)
web@b   good      manual  /etc/lodger/web@.toml    Shop b
web@a   good      manual  /etc/lodger/web@.toml    Shop a
";
    assert_eq!(
        told(lodger(root.path(), &["list"])),
        (Some(0), expected.to_owned(), String::new())
    );
    let rows = json_of(&lodger(root.path(), &["list", "--json"]));
    assert_eq!(
        rows[1],
        json!({ "name": "db", "state": "good", "start": "boot", "source": "/etc/lodger/db.toml", "description": "db" })
    );
    assert_eq!(rows.as_array().map(Vec::len), Some(7));
}

#[test]
fn nothing_installed_is_an_empty_list() {
    let root = root(&[]);
    assert_eq!(
        told(lodger(root.path(), &["list"])),
        (Some(0), String::new(), String::new())
    );
    assert_eq!(
        told(lodger(root.path(), &["list", "--json"])),
        (Some(0), "[]\n".to_owned(), String::new())
    );
}

#[test]
fn the_option_is_stronger_than_the_variable() {
    let (one, other) = (
        root(&[("etc/lodger/one.toml", GOOD)]),
        root(&[("etc/lodger/other.toml", GOOD)]),
    );
    let other = other.path().to_str().expect("UTF-8");
    for arguments in [
        ["--root", other, "list", "--json"],
        ["list", "--json", "--root", other],
    ] {
        assert_eq!(json_of(&lodger(one.path(), &arguments))[0]["name"], "other");
    }
    assert_eq!(
        json_of(&lodger(one.path(), &["list", "--json"]))[0]["name"],
        "one"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let root = root(&[(
        "etc/lodger/web@.toml",
        "exec = \"/usr/bin/x\"\ninstances = 5000\n",
    )]);
    let mut lodger = Command::new(env!("CARGO_BIN_EXE_lodger"))
        .env_clear()
        .arg("--root")
        .arg(root.path())
        .args(["show", "web@"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lodger runs");
    // More than a pipe holds, so it is still writing when this end is closed.
    let mut start = [0; 24];
    lodger
        .stdout
        .take()
        .expect("a pipe")
        .read_exact(&mut start)
        .expect("it writes");
    assert_eq!(&start, b"# lodger-web@1.service\n#");
    assert_eq!(
        told(lodger.wait_with_output().expect("it ends")),
        (Some(0), String::new(), String::new())
    );
}

#[test]
fn the_manual_page_has_every_command() {
    let root = root(&[]);
    let (status, page, stderr) = told(lodger(root.path(), &["man"]));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let headings: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with(".SS "))
        .collect();
    let (_, help, _) = told(lodger(root.path(), &["--help"]));
    let commands: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .map(|command| format!(".SS \"lodger {command}\""))
        .collect();
    assert_eq!(headings, commands);
    assert!(commands.len() >= 3, "{help}");
}

#[test]
fn every_shell_gets_a_script() {
    let root = root(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let (status, script, stderr) = told(lodger(root.path(), &["completions", shell]));
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "for {shell}");
        assert!(script.contains("lodger"), "for {shell}: {script}");
    }
}
