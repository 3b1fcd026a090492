//! The table tests/EDGE-CASES.md in; every row without a test, every test that is not there, and every case that is in no row,
//! out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const TABLE: &str = "tests/EDGE-CASES.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands in backticks in `text`.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The rows of all tables, without their heads: the cells of each.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let is_row = |line: &&str| {
        line.starts_with('|') && !line.starts_with("|--") && !line.starts_with("| case |")
    };
    text.lines()
        .filter(is_row)
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What is wrong with the name of a test, if anything.
fn missing(test: &str) -> Option<&'static str> {
    let there = |path: &str| root().join(path).exists();
    if let Some((path, name)) = test.split_once("::") {
        let Ok(text) = fs::read_to_string(root().join(path)) else {
            return Some("there is no such file");
        };
        let Some(at) = text.find(&format!("fn {name}(")) else {
            return Some("there is no such function");
        };
        let is_test = text[..at].trim_end().ends_with("#[test]");
        return (!is_test).then_some("that function is no test");
    }
    let is_there = if test.starts_with("tests/bad/") {
        there(&format!("{test}.toml")) && there(&format!("{test}.stderr"))
    } else if test.starts_with("tests/cases/") {
        ["etc", "run", "usr"]
            .iter()
            .any(|inner| there(&format!("{test}/{inner}")))
    } else if test.starts_with("tests/system/cases/") {
        there(test)
    } else {
        return Some("that is no kind of test");
    };
    (!is_there).then_some("there is no such case")
}

/// The cases that are there, as the table names them.
fn cases() -> BTreeSet<String> {
    let names = |directory: &'static str, suffix: &'static str| {
        let entries = fs::read_dir(root().join(directory)).expect("the directory of cases");
        entries.filter_map(move |entry| {
            let name = entry.expect("an entry").file_name();
            let name = name.to_str().expect("names of cases are UTF-8");
            Some(format!("{directory}/{}", name.strip_suffix(suffix)?))
        })
    };
    names("tests/bad", ".toml")
        .chain(names("tests/cases", ""))
        .collect()
}

#[test]
fn every_edge_case_has_its_test() {
    let text = fs::read_to_string(root().join(TABLE)).expect("the table");
    let mut wrong = Vec::new();
    let rows = rows(&text);
    assert!(rows.len() > 100, "{} rows", rows.len());
    for row in &rows {
        let [case, done, tests] = row.as_slice() else {
            wrong.push(format!("{row:?}: not three cells"));
            continue;
        };
        if done.is_empty() || quoted(tests).is_empty() {
            wrong.push(format!("{case}: no test"));
        }
        let tests = quoted(tests).into_iter();
        wrong.extend(tests.filter_map(|test| Some(format!("{case}: {test}: {}", missing(test)?))));
    }
    assert_eq!(wrong, [""; 0], "in {TABLE}");
}

#[test]
fn every_case_is_in_the_table() {
    let text = fs::read_to_string(root().join(TABLE)).expect("the table");
    let named: BTreeSet<_> = quoted(&text).into_iter().map(str::to_owned).collect();
    let left_out: Vec<_> = cases().difference(&named).cloned().collect();
    assert_eq!(left_out, [""; 0], "not in {TABLE}");
}

#[test]
fn what_is_not_there_is_missed() {
    for test in [
        "tests/bad/nowhere",
        "tests/cases/nowhere",
        "tests/system/cases/nowhere",
        "tests/nowhere.rs::x",
        "tests/edge_cases.rs::nowhere",
        "tests/edge_cases.rs::root",
        "README.md",
    ] {
        assert!(missing(test).is_some(), "{test}");
    }
    assert_eq!(
        missing("tests/edge_cases.rs::every_edge_case_has_its_test"),
        None
    );
    assert_eq!(
        rows("| case | x |\n|---|---|\n| a | b `c` | `d`, `e` |\n"),
        [["a", "b `c`", "`d`, `e`"]]
    );
    assert_eq!(quoted("x `d`, `e`"), ["d", "e"]);
}
