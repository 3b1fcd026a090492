//! The built `lodger`, all but `check`: arguments and roots in; what it writes, and its exit status, out.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

mod run;

use run::{GOOD, json_of, lodger, mixed, root, told};

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
    assert!(
        stderr.starts_with("/etc/lodger/broken.toml:1:8: error[L007]: "),
        "{stderr}"
    );

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
fn show_tells_where_each_value_comes_from() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/drop-ins");
    let sources = |arguments: &[&str]| told(lodger(&root, arguments));
    let expected = r#"KEY            VALUE                                SOURCE                                    INSTEAD OF
environment.A  "1"                                  /etc/lodger/db.toml:2
environment.B  "3"                                  /etc/lodger/db.toml.d/50-local.toml:3     /etc/lodger/db.toml:2
exec           ["/usr/bin/db", "--two", "--three"]  /etc/lodger/db.toml.d/50-local.toml:2     /etc/lodger/db.toml:1
limits.memory  "infinity"                           /etc/lodger/db.toml.d/50-local.toml:4     /etc/lodger/db.toml:4
limits.tasks   100                                  /usr/lib/lodger/all.toml.d/10-all.toml:3
stop-timeout   "30s"                                /usr/lib/lodger/all.toml.d/10-all.toml:1
"#;
    assert_eq!(
        sources(&["show", "--sources", "db"]),
        (Some(0), expected.to_owned(), String::new())
    );
    // An instance has its own drop-ins.
    let description = |name: &str| {
        let origins = json_of(&lodger(&root, &["show", "--sources", "--json", name]));
        let origins = origins.as_array().cloned().unwrap_or_default();
        let found = origins.iter().find(|origin| origin["key"] == "description");
        found.cloned().unwrap_or_default()
    };
    assert_eq!(
        description("x@2"),
        json!({
            "key": "description", "value": "\"the second, %i\"", "path": "/etc/lodger/x@2.toml.d/20.toml", "line": 1,
            "overridden": [{ "path": "/etc/lodger/x@.toml.d/10.toml", "line": 1 }],
        })
    );
    assert_eq!(description("x@1")["value"], "\"any %i\"");
    // A refused one is told too, with what is wrong.
    let (status, stdout, stderr) = sources(&["show", "--sources", "bad-drop-in"]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("limit.tasks"), "{stdout}");
    assert!(stderr.contains("unknown table \"limit\""), "{stderr}");
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
        stderr.starts_with(
            "/etc/lodger/ssh.toml: error[L019]: its unit \"lodger-ssh.service\" is there already"
        ),
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

/// `lodger check | true`, and the same with what it says on stderr.
#[test]
fn a_reader_that_has_gone_changes_no_status() {
    let root = root(&[("etc/lodger/web.toml", "exec = 1\n")]);
    let closed = || io::pipe().expect("a pipe").1;
    for arguments in [
        &["check"][..],
        &["check", "--json"],
        &["list"],
        &["list", "--json"],
    ] {
        let mut lodger = Command::new(env!("CARGO_BIN_EXE_lodger"));
        lodger.env_clear().env("LODGER_ROOT", root.path());
        let read = lodger.args(arguments).output().expect("lodger runs");
        let unread = lodger.stdout(closed()).stderr(closed()).status();
        assert_eq!(
            unread.expect("lodger runs").code(),
            read.status.code(),
            "{arguments:?}"
        );
        let unread = lodger.stdout(closed()).stderr(Stdio::piped()).output();
        let (status, _, stderr) = told(unread.expect("lodger runs"));
        assert!(!stderr.contains("pipe"), "{stderr}");
        assert_eq!(status, read.status.code(), "{arguments:?}");
    }
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
    let commands_of = |command: &[&str]| -> Vec<String> {
        let (_, help, _) = told(lodger(root.path(), &[command, &["--help"]].concat()));
        let lines = help.lines().skip_while(|line| *line != "Commands:");
        lines
            .skip(1)
            .take_while(|line| !line.is_empty())
            // What is indented deeper goes on from the line before.
            .filter_map(|line| {
                line.strip_prefix("  ")
                    .filter(|line| !line.starts_with(' '))
            })
            .filter_map(|line| line.split_whitespace().next())
            .filter(|command| *command != "help")
            .map(str::to_owned)
            .collect()
    };
    let mut commands = Vec::new();
    for command in commands_of(&[]) {
        commands.push(format!(".SS \"lodger {command}\""));
        for below in commands_of(&[&command]) {
            commands.push(format!(".SS \"lodger {command} {below}\""));
        }
    }
    assert_eq!(headings, commands);
    assert!(commands.contains(&".SS \"lodger base diff\"".to_owned()));
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

#[test]
fn history_tells_past_refreshes_within_bounds() {
    let record = |number: u64, outcome: &str| {
        json!({
            "number": number, "outcome": outcome,
            "started": "2026-11-22T02:00:00Z", "finished": "2026-11-22T02:00:12.5Z",
            "packages": [{ "name": "libc6", "architecture": "amd64", "old": "1", "new": "2" }],
            "unfinished": [],
            "waves": [{ "name": "canary", "state": "failed", "containers": ["web"] },
                { "name": "default", "state": "not-started", "containers": ["db"] }],
            "containers": [
                { "name": "db", "action": "put-off", "reason": "'web' in wave 'canary' has failed" },
                { "name": "web", "action": "rolled-back", "reason": "it exits at once", "wave": "canary",
                    "why": [{ "reason": "named", "package": "libc6" }] },
            ],
            "unaffected": 7,
            "verified": { "processes": 9, "stale": [{ "container": "web", "pid": 5, "path": "/usr/x\ny" }] },
        })
        .to_string()
    };
    let (one, two, three) = (record(9, "done"), record(10, "failed"), record(11, "done"));
    let root = root(&[
        ("var/lib/lodger/refreshes/9.json", &one),
        ("var/lib/lodger/refreshes/10.json", &two),
        ("var/lib/lodger/refreshes/11.json", &three),
    ]);
    let history = |arguments: &[&str]| told(lodger(root.path(), arguments));
    let expected = "\
NUMBER  STARTED               OUTCOME  PACKAGES  RESTARTED  PUT OFF  FAILED  SECONDS
10      2026-11-22T02:00:00Z  failed   1         0          1        1       12
11      2026-11-22T02:00:00Z  done     1         0          1        1       12
";
    assert_eq!(
        history(&["history", "--last", "2"]),
        (Some(0), expected.to_owned(), String::new())
    );
    let expected = "\
Refresh 10: failed, from 2026-11-22T02:00:00Z to 2026-11-22T02:00:12.5Z

PACKAGE      OLD  NEW
libc6:amd64  1    2

WAVE                     NAME  ACTION       REASON
1 canary                 web   rolled-back  it exits at once; names libc6 in update.packages
2 default (not started)  db    put-off      'web' in wave 'canary' has failed

7 running containers were not affected. 1 of 9 processes on old code.
  web: process 5 runs the old /usr/x\\ny
";
    assert_eq!(
        history(&["history", "10"]),
        (Some(0), expected.to_owned(), String::new())
    );
    assert_eq!(
        json_of(&lodger(root.path(), &["history", "--json", "9"]))["outcome"],
        "done"
    );
    assert_eq!(
        history(&["history", "8"]),
        (
            Some(2),
            String::new(),
            "error: there is no record of a refresh 8; 'lodger history --last 0' lists all\n"
                .to_owned()
        )
    );
    // One that is broken hides no other.
    fs::write(root.path().join("var/lib/lodger/refreshes/10.json"), "{").expect("a file");
    let (status, stdout, stderr) = history(&["history"]);
    assert_eq!((status, stdout.lines().count()), (Some(1), 3));
    assert!(
        stderr.starts_with("note: cannot make sense of '"),
        "{stderr}"
    );
    let (status, stdout, stderr) = history(&["history", "--last", "2", "--json"]);
    assert_eq!((status, stdout.matches("number").count()), (Some(1), 1));
    assert!(
        stderr.starts_with("note: cannot make sense of '"),
        "{stderr}"
    );
    // Nor does it look like none.
    for good in [9, 11] {
        let good = format!("var/lib/lodger/refreshes/{good}.json");
        fs::remove_file(root.path().join(good)).expect("it is there");
    }
    let (status, stdout, _) = history(&["history"]);
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
}

#[test]
fn without_a_refresh_there_is_no_history() {
    let root = root(&[]);
    let told = told(lodger(root.path(), &["history"]));
    assert_eq!(
        told,
        (
            Some(0),
            "There has been no refresh yet.\n".to_owned(),
            String::new()
        )
    );
}

#[test]
fn only_what_runs_here_is_held_and_never_until_the_past() {
    let root = root(&[]);
    let hold = |arguments: &[&str]| {
        let (status, _, stderr) = told(lodger(root.path(), arguments));
        (status, stderr)
    };
    let elsewhere = "error: only containers of the running system can be held\n";
    assert_eq!(hold(&["hold", "web"]), (Some(2), elsewhere.to_owned()));
    assert_eq!(hold(&["unhold", "--all"]), (Some(2), elsewhere.to_owned()));
    for wrong in [
        &["hold"][..],
        &["hold", "--all", "web"],
        &["unhold"],
        &["unhold", "--all", "--restart"],
        &["hold", "Web!"],
    ] {
        assert_eq!(hold(wrong).0, Some(2), "{wrong:?}");
    }
    let past = Command::new(env!("CARGO_BIN_EXE_lodger"))
        .args(["hold", "web", "--until", "2026-01-01T00:00:00Z"])
        .env_clear()
        .output()
        .expect("lodger runs");
    let expected = "error: \"2026-01-01T00:00:00Z\" is in the past: 2026-01-01T00:00:00Z\n";
    assert_eq!(told(past), (Some(2), String::new(), expected.to_owned()));
}
