//! Samples of JSON in; the fields that they have, with their types, out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::page::{Page, Section};

/// What samples have.
#[derive(Debug, Default)]
pub struct Shape {
    /// The types of each field, by its path as jq has it.
    pub types: BTreeMap<String, BTreeSet<&'static str>>,
    /// The texts there are.
    pub texts: Vec<(String, String)>,
    /// What is said to be described under another heading, and is something else.
    pub faults: Vec<String>,
}

/// The shape of `samples`; not what `section` says is described under another heading.
pub fn shape_of(samples: &[Value], section: &Section) -> Shape {
    let mut shape = Shape::default();
    for sample in samples {
        shape.add("", sample, section);
    }
    shape
}

impl Shape {
    fn add(&mut self, path: &str, value: &Value, section: &Section) {
        let entry = section.entry(path);
        let reference = entry.and_then(|entry| entry.reference.as_deref());
        if let (Some(name), Value::Object(_)) = (reference, value) {
            self.types
                .entry(path.to_owned())
                .or_default()
                .insert("object");
            return self.require(path, value, name);
        }
        if !path.is_empty() || !matches!(value, Value::Object(_) | Value::Array(_)) {
            self.types
                .entry(path.to_owned())
                .or_default()
                .insert(type_of(value));
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let separator = if path.is_empty() { "" } else { "." };
                    self.add(&format!("{path}{separator}{name}"), value, section);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.add(&format!("{path}[]"), value, section);
                }
            }
            Value::String(text) => self.texts.push((path.to_owned(), text.clone())),
            _ => {}
        }
    }

    /// `value` has to have the fields of the section `name`, and no others.
    fn require(&mut self, path: &str, value: &Value, name: &str) {
        let page = Page::read();
        let Some(section) = page.sections.get(name) else {
            return self.faults.push(format!("there is no section {name}"));
        };
        let fields = shape_of(std::slice::from_ref(value), section).types;
        let is_known = |field: &str| {
            let field = field.trim_end_matches("_hex");
            let mut entries = section.entries.iter();
            entries.any(|entry| {
                let rest = entry.path.strip_prefix(field);
                // Or what lies in it.
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
        };
        let unknown = fields.keys().find(|field| !is_known(field));
        if let Some(field) = unknown {
            let fault = format!("{path} has {field}, which is not in {name}");
            self.faults.push(fault);
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
