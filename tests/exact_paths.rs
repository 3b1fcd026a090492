//! Files with odd names in; JSON from which just these names can be had back out.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

#[allow(dead_code, reason = "each test needs its part of it")]
mod run;

use run::{GOOD, json_of, lodger, root, told};

/// The name is one byte that is not UTF-8.
const TORN: &[u8] = b"etc/lodger/web.toml.d/\xff.toml";
const TORN_HEX: &str = "2f6574632f6c6f646765722f7765622e746f6d6c2e642fff2e746f6d6c";

#[test]
fn a_drop_in_whose_name_is_not_utf_8_is_told_whole() {
    let root = root(&[("usr/bin/x", ""), ("etc/lodger/web.toml", GOOD)]);
    let drop_in = root.path().join(OsStr::from_bytes(TORN));
    fs::create_dir(root.path().join("etc/lodger/web.toml.d")).expect("a directory");
    fs::write(&drop_in, "description = \"odd\"\n").expect("a file");
    let sources = json_of(&lodger(
        root.path(),
        &["show", "--sources", "--json", "web"],
    ));
    assert_eq!(
        sources[0],
        json!({
            "key": "description", "value": "\"odd\"", "line": 1, "overridden": [],
            "path": "/etc/lodger/web.toml.d/\u{fffd}.toml", "path_hex": TORN_HEX,
        })
    );
    let (status, text, _) = told(lodger(root.path(), &["show", "--sources", "web"]));
    assert_eq!(status, Some(0), "{text}");

    fs::write(&drop_in, "descripton = 1\n").expect("a file");
    let mistakes = json_of(&lodger(root.path(), &["check", "--json"]));
    let mistakes = mistakes.as_array().expect("an array");
    assert!(
        mistakes
            .iter()
            .all(|mistake| mistake["path_hex"] == TORN_HEX),
        "{mistakes:?}"
    );
    assert_eq!(mistakes.len(), 1);
}

#[test]
fn a_backslash_is_one_backslash() {
    let reasons = json!([
        { "reason": "maps", "path": "/a\\b", "package": null },
        { "reason": "runs", "program": "/\u{fffd}", "program_hex": "2fff", "package": "a" },
    ]);
    let record = json!({
        "number": 1, "outcome": "failed", "started": "2026-11-22T02:00:00Z", "finished": "2026-11-22T02:00:01Z",
        "packages": [], "unfinished": [], "waves": [], "unaffected": 0,
        "containers": [{ "name": "web", "action": "failed", "reason": "x", "why": reasons }],
        "verified": { "processes": 2, "stale": [
            { "container": "web", "pid": 5, "path": "/a\\b\n" },
            { "container": "web", "pid": 6, "path": "(it cannot be\\looked at)", "reason": "held" },
        ] },
    });
    let root = root(&[("var/lib/lodger/refreshes/1.json", &record.to_string())]);
    let told_record = json_of(&lodger(root.path(), &["history", "--json", "1"]));
    assert_eq!(told_record, record);
    let (_, text, _) = told(lodger(root.path(), &["history", "1"]));
    for line in [
        "runs the old /a\\\\b; runs other programs with /\\xff, which may use a",
        "web: process 5 runs the old /a\\\\b\\n\n",
        "web: process 6 may run old code (it cannot be\\looked at) (held)\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

/// Records of before have paths as they are shown; nothing more is lost by that than the odd ones among them.
#[test]
fn a_record_of_before_can_be_read() {
    let record = json!({
        "number": 1, "outcome": "done", "started": "2026-11-22T02:00:00Z", "finished": "2026-11-22T02:00:01Z",
        "packages": [], "unfinished": [],
        "containers": [{ "name": "web", "action": "restarted", "why": [
            { "reason": "maps", "path": "/usr/lib/a\\x0ab", "package": "a" },
        ] }],
        "verified": { "processes": 0, "stale": [] },
    });
    let root = root(&[("var/lib/lodger/refreshes/1.json", &record.to_string())]);
    let told = json_of(&lodger(root.path(), &["history", "--json", "1"]));
    let Value::Array(why) = &told["containers"][0]["why"] else {
        panic!("{told}");
    };
    assert_eq!(why[0]["path"], "/usr/lib/a\\x0ab");
}
