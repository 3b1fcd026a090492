//! A refused container file in; units that fail with its diagnostics when they are started out.
//!
//! Without them `systemctl start` would only say that there is no such unit, and an old unit's end would look like success.

use std::path::Path;

use super::header;
use crate::container::Name;
use crate::container::file::Refused;
use crate::diagnostic::Diagnostic;
use crate::unit::{Unit, escape};

/// Diagnostics that are printed when the stub is started; the rest is counted.
const MOST_DIAGNOSTICS: usize = 20;
/// Characters of each.
const LONGEST_LINE: usize = 500;

/// The stub of each container of `refused`; one for the template when its instances cannot be known.
pub fn stub(refused: &Refused) -> Vec<Unit> {
    let one = |service, name: &str| unit(service, name, &refused.source, &refused.diagnostics);
    match refused.names.as_slice() {
        [] => vec![one(refused.name.service(), refused.name.as_str())],
        names => names
            .iter()
            .map(|name| one(name.service(), name.as_str()))
            .collect(),
    }
}

/// The units to start for the stubs of `refused`, in the same order: a template is no unit, so an instance that says what it is
/// stands for it.
pub fn stub_units_to_start(refused: &Refused) -> Vec<String> {
    match refused.names.as_slice() {
        [] if refused.name.is_template() => vec![format!("lodger-{}refused.service", refused.name)],
        [] => vec![refused.name.service()],
        names => names.iter().map(Name::service).collect(),
    }
}

fn unit(service: String, name: &str, source: &Path, diagnostics: &[Diagnostic]) -> Unit {
    let lines: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| cut(diagnostic.one_line()))
        .collect();
    let first = lines.first().map_or("", String::as_str);
    let source_text = escape::path_text(source);
    let mut unit = Unit::new(service, &header(&source_text));
    unit.add(
        "Unit",
        "Description",
        escape::text(&format!("{name}: refused: {first}")),
    );
    unit.add("Unit", "Documentation", "man:lodger.toml(5)");
    unit.add("Unit", "SourcePath", escape::text(&source_text));
    unit.add("Service", "Type", "oneshot");
    // What is printed is an error, and no "<6>" in a diagnostic makes it less.
    unit.add("Service", "SyslogLevel", "err");
    unit.add("Service", "SyslogLevelPrefix", "no");
    let mut print: Vec<String> = vec!["/usr/bin/printf".to_owned(), "%s\\n".to_owned()];
    print.extend(lines.iter().take(MOST_DIAGNOSTICS).cloned());
    if lines.len() > MOST_DIAGNOSTICS {
        print.push(format!(
            "and {} more: lodger check {}",
            lines.len() - MOST_DIAGNOSTICS,
            source.display()
        ));
    }
    unit.add("Service", "ExecStart", escape::command(print));
    unit.add("Service", "ExecStart", "/usr/bin/false");
    unit
}

fn cut(mut line: String) -> String {
    if let Some((at, _)) = line.char_indices().nth(LONGEST_LINE) {
        line.truncate(at);
        line.push_str("...");
    }
    line
}
