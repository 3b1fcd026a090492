//! What is wrong in; a SARIF 2.1.0 log with a page for each rule out.

use lodger::diagnostic::pages::{Page, pages};
use lodger::diagnostic::{Diagnostic, Severity};
use serde_json::{Value, json};

use super::format::{Files, message};

/// The log. `read_all` is whether every file could be looked at.
pub fn log(diagnostics: &[Diagnostic], files: &Files<'_>, read_all: bool) -> Value {
    let results: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| result(diagnostic, files))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "lodger",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": pages().map(descriptor).collect::<Vec<_>>(),
            } },
            "invocations": [{ "executionSuccessful": read_all }],
            // Our columns are characters.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn descriptor(page: &Page) -> Value {
    json!({
        "id": page.rule,
        "name": page.name,
        "shortDescription": { "text": page.title },
        "fullDescription": { "text": page.meaning },
        "help": { "text": format!("{}\n\n{}", page.meaning, page.why), "markdown": page.markdown() },
    })
}

fn result(diagnostic: &Diagnostic, files: &Files<'_>) -> Value {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut place = json!({ "artifactLocation": { "uri": files.uri(diagnostic) } });
    if let Some(position) = diagnostic.position {
        place["region"] = json!({
            "startLine": position.line,
            "startColumn": position.column,
            // The column behind the last character.
            "endColumn": position.column + position.length,
        });
    }
    json!({
        "ruleId": diagnostic.rule,
        "ruleIndex": pages().position(|page| page.rule == diagnostic.rule),
        "level": level,
        "message": { "text": message(diagnostic) },
        "locations": [{ "physicalLocation": place }],
    })
}
