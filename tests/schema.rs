//! The key table in; the JSON Schemas that `lodger schema` writes of it out. What editors make of them is for tests/schema/run.

use std::collections::BTreeSet;

use lodger::reference::File;
use serde_json::{Value, json};

#[allow(dead_code, reason = "each test needs its part of it")]
mod run;

use run::{json_of, lodger, root};

fn schema(arguments: &[&str]) -> Value {
    let root = root(&[]);
    let output = lodger(root.path(), &[&["schema"], arguments].concat());
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
    json_of(&output)
}

/// The keys of an object that is one table, with what stands before them.
fn keys_in(schema: &Value, before: &str) -> BTreeSet<String> {
    assert_eq!(schema["additionalProperties"], false, "{before}");
    let mut keys = BTreeSet::new();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let entries = inner["patternProperties"]
            .as_object()
            .and_then(|patterns| patterns.values().next());
        match entries {
            // A table of variables is one key, a table of entries has keys.
            Some(entry) if entry["properties"].is_object() => {
                assert_eq!(inner["additionalProperties"], false, "{name}");
                keys.extend(keys_in(entry, &format!("{before}{name}.*.")));
            }
            None if inner["properties"].is_object() => {
                keys.extend(keys_in(inner, &format!("{before}{name}.")));
            }
            _ => {
                assert_eq!(
                    inner["examples"].as_array().map(Vec::len),
                    Some(1),
                    "{before}{name}"
                );
                keys.insert(format!("{before}{name}"));
            }
        }
    }
    keys
}

#[test]
fn every_key_is_in_the_schema_and_nothing_else_is() {
    let known = |file: File| file.keys().iter().map(|about| about.path()).collect();
    assert_eq!(keys_in(&schema(&[]), ""), known(File::Container));
    assert_eq!(keys_in(&schema(&["--drop-in"]), ""), known(File::Container));
    assert_eq!(keys_in(&schema(&["--settings"]), ""), known(File::Settings));
}

#[test]
fn a_drop_in_is_a_container_file_without_what_has_to_be_there() {
    let (mut container, mut drop_in) = (schema(&[]), schema(&["--drop-in"]));
    assert_eq!(container["required"], json!(["exec"]));
    assert_eq!(drop_in["required"], Value::Null);
    for field in ["$id", "title", "description", "required", "x-taplo"] {
        for schema in [&mut container, &mut drop_in] {
            schema.as_object_mut().expect("an object").remove(field);
        }
    }
    assert_eq!(container, drop_in);
}

#[test]
fn a_key_says_what_the_table_says() {
    let schema = schema(&[]);
    let text = "The most memory: an integer of bytes, or a number with `K`, `M`, `G` or `T`, powers of 1024; at least `1M`. Beyond it \
                the container's processes are killed.\n\nType: a size such as \"512M\", an integer of bytes, or \"infinity\". Default: no \
                limit. Becomes: MemoryMax=. Since lodger 0.1.";
    assert_eq!(
        schema["properties"]["limits"]["properties"]["memory"],
        json!({
            "type": ["string", "integer"], "pattern": "^([0-9]+[KMGT]?|infinity)$|%i", "minimum": 0,
            "description": text, "examples": ["512M"],
            "x-taplo": { "docs": { "main": text, "defaultValue": "no limit" } },
        })
    );
    let restart = &schema["properties"]["restart"];
    assert_eq!(restart["default"], "on-failure");
    let words = [
        "no",
        "on-success",
        "on-failure",
        "on-abnormal",
        "on-abort",
        "on-watchdog",
        "always",
    ];
    assert_eq!(restart["enum"], json!(words));
    let entry = &schema["properties"]["credentials"]["patternProperties"][r#"^[^\s/:"'\\]+$"#];
    assert_eq!(
        entry["oneOf"],
        json!([{ "required": ["file"] }, { "required": ["encrypted"] }])
    );
}

#[test]
fn only_one_schema_at_a_time() {
    let root = root(&[]);
    let output = lodger(root.path(), &["schema", "--drop-in", "--settings"]);
    assert_eq!(output.status.code(), Some(2));
}
