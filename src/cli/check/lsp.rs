//! What is wrong in; for each file the parameters of LSP's textDocument/publishDiagnostics out.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use lodger::diagnostic::{Diagnostic, Severity};
use serde_json::{Value, json};

use super::format::{Files, message};

/// One object for each file, those without mistakes among them where they were named: an editor then takes back what it showed.
///
/// # Errors
/// When a file was named relative to a working directory that is gone.
pub fn by_file(diagnostics: &[Diagnostic], files: &Files<'_>) -> Result<Value> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let uri = |path| files.absolute_uri(path).context("the working directory");
    for path in files.given {
        found.entry(uri(path)?).or_default();
    }
    for diagnostic in diagnostics {
        found
            .entry(uri(&diagnostic.path)?)
            .or_default()
            .push(json_of(diagnostic));
    }
    let found = found.into_iter();
    Ok(found
        .map(|(uri, diagnostics)| json!({ "uri": uri, "diagnostics": diagnostics }))
        .collect())
}

fn json_of(diagnostic: &Diagnostic) -> Value {
    let severity = match diagnostic.severity {
        Severity::Error => 1,
        Severity::Warning => 2,
    };
    let line = diagnostic.position.map_or(0, |position| position.line - 1);
    let columns = diagnostic
        .excerpt
        .as_ref()
        .map_or(0..0, |excerpt| excerpt.utf16.clone());
    json!({
        "range": {
            "start": { "line": line, "character": columns.start },
            "end": { "line": line, "character": columns.end },
        },
        "severity": severity,
        "code": diagnostic.rule,
        "source": "lodger",
        "message": message(diagnostic),
    })
}
