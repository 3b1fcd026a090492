//! Files with mistakes in; what `lodger check --format` tells programs of them, with every place, out.

use std::fs;
use std::path::Path;

use lodger::diagnostic::pages::pages;
use serde_json::{Value, json};

#[allow(dead_code, reason = "each test needs its part of it")]
mod run;

use run::{GOOD, json_of, lodger, root};

/// The mistakes of tests/bad/ten-mistakes.toml: rule, line, column and length in characters, and the columns in UTF-16 from 0.
const TEN: [(&str, usize, usize, usize, [usize; 2]); 10] = [
    ("L007", 1, 15, 2, [14, 16]),
    ("L011", 2, 9, 8, [8, 16]),
    ("L015", 2, 31, 4, [30, 34]),
    ("L006", 3, 1, 6, [0, 6]),
    ("L012", 4, 21, 10, [20, 30]),
    ("L013", 5, 16, 6, [15, 21]),
    ("L010", 6, 9, 3, [8, 12]),
    ("L014", 7, 17, 11, [16, 27]),
    ("L021", 10, 36, 6, [36, 42]),
    ("L024", 13, 17, 15, [16, 31]),
];

/// What `lodger check` tells of that file in this format.
fn told_of_ten(format: &str) -> Value {
    let root = root(&[]);
    let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/ten-mistakes.toml");
    fs::copy(bad, root.path().join("ten-mistakes.toml")).expect("a copy");
    let output = lodger(
        root.path(),
        &["check", "--format", format, "ten-mistakes.toml"],
    );
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(1), &b""[..])
    );
    json_of(&output)
}

#[test]
fn ten_mistakes_have_ten_places_in_json() {
    let found = told_of_ten("json");
    let found: Vec<_> = found
        .as_array()
        .expect("an array")
        .iter()
        .map(|one| json!([one["rule"], one["line"], one["column"], one["length"]]))
        .collect();
    assert_eq!(
        found,
        TEN.map(|(rule, line, column, length, _)| json!([rule, line, column, length]))
    );
}

#[test]
fn ten_mistakes_have_ten_ranges_in_lsp() {
    let found = told_of_ten("lsp");
    let found: Vec<_> = found[0]["diagnostics"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|one| json!([one["code"], one["range"]]))
        .collect();
    let expected = TEN.map(|(rule, line, _, _, [start, end])| {
        let at = |character| json!({ "line": line - 1, "character": character });
        json!([rule, { "start": at(start), "end": at(end) }])
    });
    assert_eq!(found, expected);
}

#[test]
fn ten_mistakes_have_ten_regions_in_sarif() {
    let log = told_of_ten("sarif");
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let found: Vec<_> = run["results"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|result| {
            let rule = &run["tool"]["driver"]["rules"]
                [result["ruleIndex"].as_u64().expect("a number") as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            json!([
                result["ruleId"],
                result["locations"][0]["physicalLocation"]["region"]
            ])
        })
        .collect();
    let expected = TEN.map(|(rule, line, column, length, _)| {
        json!([rule, { "startLine": line, "startColumn": column, "endColumn": column + length }])
    });
    assert_eq!(found, expected);
}

/// An error with help, a warning, and a file as a whole that is wrong.
fn three() -> tempfile::TempDir {
    root(&[
        ("a b.toml", GOOD),
        (
            "c.toml",
            "exec = \"/usr/bin/x\"\n[limits]\nmemory = \"1\"\n",
        ),
        ("good.toml", "exec = \"/usr/bin/is-there\"\n"),
        ("usr/bin/is-there", ""),
        ("warned.toml", GOOD),
    ])
}

const THREE: [&str; 4] = ["a b.toml", "c.toml", "good.toml", "warned.toml"];

#[test]
fn sarif_has_results_and_rules() {
    let root = three();
    let output = lodger(
        root.path(),
        &[&["check", "--format=sarif"], &THREE[..]].concat(),
    );
    assert_eq!(output.status.code(), Some(1));
    let log = json_of(&output);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["invocations"], json!([{ "executionSuccessful": true }]));
    assert_eq!(run["tool"]["driver"]["name"], "lodger");
    let rules = run["tool"]["driver"]["rules"].as_array().expect("an array");
    assert_eq!(rules.len(), pages().count());
    assert_eq!(rules[11]["id"], "L012");
    assert_eq!(rules[11]["name"], "path");
    for rule in rules {
        for text in [
            "/shortDescription/text",
            "/fullDescription/text",
            "/help/text",
            "/help/markdown",
        ] {
            assert!(
                rule.pointer(text)
                    .and_then(Value::as_str)
                    .is_some_and(|text| !text.is_empty()),
                "{rule}"
            );
        }
    }
    let place = |uri: &str| json!([{ "physicalLocation": { "artifactLocation": { "uri": uri } } }]);
    let mut size = place("c.toml");
    size[0]["physicalLocation"]["region"] =
        json!({ "startLine": 3, "startColumn": 10, "endColumn": 13 });
    let mut warned = place("warned.toml");
    warned[0]["physicalLocation"]["region"] =
        json!({ "startLine": 1, "startColumn": 8, "endColumn": 20 });
    assert_eq!(
        run["results"],
        json!([
            {
                "ruleId": "L009", "ruleIndex": 8, "level": "error", "locations": place("a%20b.toml"),
                "message": { "text": format!("this file's name cannot be a container's: the name has ' ' in it\nhelp: {}", lodger::container::name::RULE) },
            },
            {
                "ruleId": "L013", "ruleIndex": 12, "level": "error", "locations": size,
                "message": { "text": "\"1\" is 1 bytes, in which no program runs\nhelp: a size such as \"512M\" or \"2G\" (K, M, G, T; 1024-based), or an integer of bytes" },
            },
            {
                "ruleId": "L022", "ruleIndex": 21, "level": "warning", "locations": warned,
                "message": { "text": "the program \"/usr/bin/x\" is not on this host" },
            },
        ])
    );
}

#[test]
fn lsp_has_every_file_that_was_named_and_where_it_is() {
    let root = three();
    let output = lodger(
        root.path(),
        &["check", "--format", "lsp", "warned.toml", "good.toml"],
    );
    assert_eq!(output.status.code(), Some(0), "a warning is no error");
    let directory = fs::canonicalize(root.path()).expect("it is there");
    let uri = |name: &str| format!("file://{}/{name}", directory.display());
    assert_eq!(
        json_of(&output),
        json!([
            { "uri": uri("good.toml"), "diagnostics": [] },
            { "uri": uri("warned.toml"), "diagnostics": [{
                "range": { "start": { "line": 0, "character": 7 }, "end": { "line": 0, "character": 19 } },
                "severity": 2, "code": "L022", "source": "lodger",
                "message": "the program \"/usr/bin/x\" is not on this host",
            }] },
        ])
    );
}

#[test]
fn installed_files_are_told_where_they_really_are() {
    let root = root(&[("etc/lodger/web.toml", "exec = 1\n")]);
    let expected = format!("file://{}/etc/lodger/web.toml", root.path().display());
    let lsp = json_of(&lodger(root.path(), &["check", "--format", "lsp"]));
    assert_eq!(lsp[0]["uri"], expected);
    let sarif = json_of(&lodger(root.path(), &["check", "--format", "sarif"]));
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], expected);
}

#[test]
fn what_cannot_be_read_is_status_2_in_every_format() {
    let root = root(&[]);
    for format in ["text", "json", "sarif", "lsp"] {
        let output = lodger(root.path(), &["check", "--format", format, "nowhere.toml"]);
        assert_eq!(output.status.code(), Some(2), "{format}");
        if format == "sarif" {
            assert_eq!(
                json_of(&output)["runs"][0]["invocations"][0]["executionSuccessful"],
                false
            );
        }
    }
    let both = lodger(root.path(), &["check", "--json", "--format", "lsp"]);
    assert_eq!(both.status.code(), Some(2), "one format at a time");
}
