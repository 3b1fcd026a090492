//! The key table in; a JSON Schema for editors (draft-07, which taplo reads) out.
//!
//! It takes every file that lodger takes, with one exception: a word with `%i` in it, which no instance's name would make one
//! of the words that people want completed. The other way round lodger is stricter: what needs more than one look (two keys
//! that exclude each other, the range of a time, the file's own name) is for `lodger check`.

use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};

use crate::container::keys::TableAbout;
use crate::document::{About, Shape};
use crate::reference::{File, type_in_words};

/// What a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `NAME.toml` and `NAME@.toml`.
    Container,
    /// A drop-in: no key has to be there, since another file has it.
    DropIn,
    /// `/etc/lodger.toml`.
    Settings,
}

/// `%i` anywhere: what it becomes is not known before the instance is.
const INSTANCE: &str = "%i";

/// The schema.
pub fn schema(kind: Kind) -> Value {
    let (file, id, title, description) = match kind {
        Kind::Container => (
            File::Container,
            "urn:lodger:container",
            "lodger: container file",
            "One container (NAME.toml), or one for each instance (NAME@.toml). See lodger.toml(5).",
        ),
        Kind::DropIn => (
            File::Container,
            "urn:lodger:drop-in",
            "lodger: drop-in of a container file",
            "What lies over a container file (NAME.toml.d/*.toml): the same keys, of which none has to be there. See lodger.toml(5).",
        ),
        Kind::Settings => (
            File::Settings,
            "urn:lodger:settings",
            "lodger: host settings",
            "/etc/lodger.toml. See lodger.toml(5).",
        ),
    };
    let mut properties = Map::new();
    for about in file.keys().iter().filter(|about| about.table.is_empty()) {
        properties.insert(about.name.to_owned(), key(about));
    }
    for about in file.tables().iter().filter(|about| !about.name.is_empty()) {
        properties.insert(about.name.to_owned(), table(file, about));
    }
    let mut schema = object(properties);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["$id"] = json!(id);
    schema["title"] = json!(title);
    schema["description"] = json!(description);
    if kind == Kind::Container {
        schema["required"] = json!(["exec"]);
        schema["x-taplo"] = json!({ "initKeys": ["exec"] });
    }
    schema
}

/// An object with these properties and no others.
fn object(properties: Map<String, Value>) -> Value {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn table(file: File, about: &TableAbout) -> Value {
    let keys = file.keys_of(about);
    let keys = object(
        keys.map(|about| (about.name.to_owned(), key(about)))
            .collect(),
    );
    let mut schema = match about.entries {
        None => keys,
        Some(names) => {
            let mut entry = keys;
            let (pattern, one_of) = entry_of(about.name);
            entry["description"] = json!(format!("One entry, called by {names}."));
            if !one_of.is_empty() {
                let one_of = one_of.iter().map(|key| json!({ "required": [key] }));
                entry["oneOf"] = one_of.collect();
            }
            let mut entries = json!({ "type": "object", "additionalProperties": false });
            entries["patternProperties"] = json!({ pattern: entry });
            entries
        }
    };
    schema["description"] = json!(about.meaning);
    schema["x-taplo"] = json!({ "docs": { "main": about.meaning } });
    schema
}

/// What the names of a table's entries are like, and the keys of which each entry has exactly one, if there are any.
fn entry_of(table: &str) -> (&'static str, &'static [&'static str]) {
    match table {
        "mounts" => ("^/", &["source", "volume", "tmpfs"]),
        "credentials" => (r#"^[^\s/:"'\\]+$"#, &["file", "encrypted"]),
        "waves" => ("^[A-Za-z0-9_-]{1,64}$", &[]),
        _ => ("", &[]),
    }
}

fn key(about: &About) -> Value {
    let mut schema = shape(&about.shape);
    let text = format!(
        "{}\n\nType: {}. Default: {}. Becomes: {}. Since lodger {}.",
        about.meaning,
        type_in_words(&about.shape),
        about.default,
        about.directive,
        about.since
    );
    schema["description"] = json!(text);
    let mut docs = json!({ "main": text });
    match value_of(about.default) {
        Some(value) => schema["default"] = value,
        None => docs["defaultValue"] = json!(about.default),
    }
    schema["examples"] = value_of(about.example).into_iter().collect();
    schema["x-taplo"] = json!({ "docs": docs });
    schema
}

fn shape(shape: &Shape) -> Value {
    const SIZE: &str = "[0-9]+[KMGT]?";
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Words(words) => json!({ "type": "string", "enum": words() }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer(least, most) => integer(json!({ "type": "integer" }), *least, *most),
        Shape::IntegerOrInfinity(least, most) => {
            let either = json!({ "type": ["integer", "string"], "pattern": "^infinity$" });
            integer(either, *least, *most)
        }
        Shape::Path => json!({ "type": "string", "pattern": "^/" }),
        Shape::Time(least, most) => {
            let unit = r"([uµμm]?s(ec)?|seconds?|m(in|inutes?)?|hr?|hours?|d(ays?)?|w(eeks?)?|M|months?|y(ears?)?)?";
            let span = format!(r"\s*([0-9]+(\.[0-9]+)?\s*{unit}\s*)+");
            let either = json!({ "type": ["string", "integer"], "pattern": or_instance(&span) });
            integer(either, *least, *most)
        }
        Shape::Size => {
            json!({ "type": ["string", "integer"], "pattern": or_instance(SIZE), "minimum": 0 })
        }
        Shape::SizeOrInfinity => {
            let pattern = or_instance(&format!("{SIZE}|infinity"));
            json!({ "type": ["string", "integer"], "pattern": pattern, "minimum": 0 })
        }
        Shape::Percent => json!({ "type": "string", "pattern": or_instance("0*[1-9][0-9]*%") }),
        Shape::Mode => json!({ "type": "string", "pattern": or_instance("[0-3]?[0-7]{3}") }),
        Shape::Command => json!({
            "type": ["array", "string"], "items": { "type": "string" }, "minItems": 1, "minLength": 1,
        }),
        Shape::Instances => json!({
            "type": ["integer", "array"], "minimum": 1, "maximum": 10_000,
            "items": { "type": "string" }, "minItems": 1, "uniqueItems": true,
        }),
        Shape::List(item) => json!({ "type": "array", "items": self::shape(item) }),
        Shape::Texts => json!({
            "type": "object",
            "patternProperties": { "^[A-Za-z_][A-Za-z0-9_]*$": { "type": "string" } },
            "additionalProperties": false,
        }),
        Shape::Directives => json!({
            "type": "object",
            "additionalProperties": {
                "type": ["string", "integer", "boolean", "array"],
                "items": { "type": ["string", "integer", "boolean"] },
            },
        }),
    }
}

fn integer(mut schema: Value, least: i64, most: i64) -> Value {
    schema["minimum"] = json!(least);
    // Editors calculate with doubles, which would round the largest integer up.
    if most != i64::MAX {
        schema["maximum"] = json!(most);
    }
    schema
}

/// The whole text is like `pattern`, or there is an instance in it.
fn or_instance(pattern: &str) -> String {
    format!("^({pattern})$|{INSTANCE}")
}

/// TOML as JSON; `None` for words.
fn value_of(toml: &str) -> Option<Value> {
    let text = format!("value = {toml}\n");
    let table = DeTable::parse(&text).ok()?;
    json_of(table.get_ref().get("value")?.get_ref())
}

fn json_of(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => json!(number.as_str().parse::<i64>().ok()?),
        DeValue::Boolean(boolean) => json!(boolean),
        DeValue::Array(items) => items
            .iter()
            .map(|item| json_of(item.get_ref()))
            .collect::<Option<_>>()?,
        DeValue::Table(table) => {
            let entries = table.iter();
            let entries = entries
                .map(|(key, value)| Some((key.get_ref().to_string(), json_of(value.get_ref())?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
        DeValue::Float(_) | DeValue::Datetime(_) => return None,
    })
}
