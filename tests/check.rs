//! `lodger check`: files, installed or not, in; what it tells, and its exit status, out.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

mod run;

use run::{GOOD, json_of, lodger, mixed, root, told};

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
    let expected = r#"a.toml:1:8: error[L007]: expected an array of strings or a string, found an integer
  |
1 | exec = 1
  |        ^

b.toml:1:8: warning[L022]: the program "/usr/bin/y" is not on this host
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
                "message": "unknown key \"usr\"; did you mean \"user\"?", "help": null,
            },
        ])
    );
}

#[test]
fn a_file_that_cannot_be_read_is_status_2() {
    let root = root(&[("a.toml", "exec = 1\n"), ("notes.txt", "")]);
    let (status, _, stderr) = told(lodger(root.path(), &["check", "nowhere.toml", "a.toml"]));
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains(
            "nowhere.toml: error[L001]: cannot be opened: No such file or directory (os error 2)\n"
        ),
        "{stderr}"
    );
    assert!(stderr.ends_with("\n2 errors\n"), "{stderr}");
    let (status, _, stderr) = told(lodger(root.path(), &["check", "notes.txt"]));
    assert_eq!(status, Some(1));
    assert_eq!(
        stderr,
        "notes.txt: error[L009]: a container file is called NAME.toml\n\n1 error\n"
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
    file("etc/lodger/cache.toml.d/10.toml", "colour = 1\n");
    assert_eq!(
        messages(&["check", "--json", "cache.toml"]),
        [r#""/etc/lodger/cache.toml.d/10.toml": "unknown key \"colour\"""#]
    );
    // Until another is given in its place.
    fs::create_dir(root.path().join("cache.toml.d")).expect("a directory");
    file("cache.toml.d/10.toml", "user = 1\n");
    assert_eq!(
        messages(&["check", "--json", "cache.toml", "cache.toml.d/10.toml"]),
        [r#""cache.toml.d/10.toml": "expected a string, found an integer""#]
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
        "b/web.toml: error[L009]: a second file for the same container; the first is a/web.toml\n\n1 error\n"
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
        "message": "unknown key \"paralell\" in [refresh]; did you mean \"parallel\"?", "help": null,
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

/// The windows of waves are for systemd to read; where it is not there nobody can tell.
#[test]
fn a_window_that_systemd_does_not_know_is_told() {
    let settings = "[waves.night]\nwindow = \"25:00\"\n[waves.noon]\nwindow = \"12:00\"\n";
    let root = root(&[("etc/lodger.toml", settings)]);
    let found = json_of(&lodger(root.path(), &["check", "--json"]));
    let expected = match Path::new("/usr/bin/systemd-analyze").exists() {
        true => json!([{
            "rule": "L010", "severity": "error", "path": "/etc/lodger.toml", "line": 2, "column": 10, "length": 7,
            "message": "\"25:00\" is not a calendar expression",
            "help": "such as \"Sun 02:00\"; see systemd.time(7)",
        }]),
        false => json!([]),
    };
    assert_eq!(found, expected);
    let named = json_of(&lodger(
        root.path(),
        &["check", "--json", "etc/lodger.toml"],
    ));
    assert_eq!(named[0]["message"], expected[0]["message"]);
}
