//! `lodger list`: what is installed in; a table or JSON of all containers and files out.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lodger::container::installed::{self, Installed};
use lodger::container::{Name, Start};
use lodger::exact_path;
use lodger::prefix::Prefix;
use lodger::systemd::{ServiceState, Systemd};
use serde::Serialize;

use super::output::stderr;
use super::plain_table::{plain_table, trimmed};
use super::write_json;

/// List all container files and what becomes of them.
///
/// The state tells what the file makes: "good" a container, "refused" nothing but a unit that fails and tells why, "masked"
/// nothing on purpose, and "shadowed" nothing because a stronger file has its name. "vanished" is a container that runs although
/// no file makes it any more. What else containers do at present is told by `lodger status`.
#[derive(Debug, Args)]
pub struct List {
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    state: &'static str,
    start: Option<&'static str>,
    /// The file; `None` if there is none any more.
    #[serde(flatten, serialize_with = "exact_path::source::or_null")]
    source: Option<PathBuf>,
    description: String,
}

impl List {
    /// Writes the list, by name.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let installed = installed::read(prefix);
        let mut rows = rows(&installed);
        if prefix.is_host() {
            match vanished(&installed) {
                Ok(vanished) => rows.extend(vanished),
                // Where systemd does not run, nothing else does.
                Err(cause) => writeln!(
                    stderr(),
                    "note: not known whether containers run that no file makes: {cause:#}"
                )?,
            }
        }
        if self.json {
            write_json(out, &rows)?;
        } else if !rows.is_empty() {
            writeln!(out, "{}", table(&rows))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(installed: &Installed) -> Vec<Row> {
    let row = |name: &str, state, source: &Path, description: String| Row {
        name: name.to_owned(),
        state,
        start: None,
        source: Some(source.to_owned()),
        description,
    };
    let mut rows: Vec<(&str, Row)> = Vec::new();
    for file in &installed.good {
        for container in &file.containers {
            let start = match container.start {
                Start::Boot => "boot",
                Start::Manual => "manual",
            };
            let row = row(
                container.name.as_str(),
                "good",
                &file.source,
                container.description.clone(),
            );
            rows.push((
                file.name.as_str(),
                Row {
                    start: Some(start),
                    ..row
                },
            ));
        }
    }
    for (name, diagnostic) in &installed.clashing {
        let file = name.template().unwrap_or(name.as_str());
        rows.push((
            file,
            row(
                name.as_str(),
                "refused",
                &diagnostic.path,
                diagnostic.one_line(),
            ),
        ));
    }
    for refused in &installed.refused {
        let why = refused.why();
        rows.push((
            refused.name.as_str(),
            row(refused.name.as_str(), "refused", &refused.source, why),
        ));
    }
    for (name, source) in &installed.masked {
        rows.push((
            name.as_str(),
            row(name.as_str(), "masked", source, String::new()),
        ));
    }
    for (name, weaker, stronger) in &installed.shadowed {
        rows.push((
            name.as_str(),
            row(
                name.as_str(),
                "shadowed",
                weaker,
                format!("by {}", stronger.display()),
            ),
        ));
    }
    // By file; the containers of one stay in its order, which is not that of the alphabet.
    rows.sort_by_key(|(name, _)| *name);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Containers that run, and that nothing which is installed has to do with.
fn vanished(installed: &Installed) -> Result<Vec<Row>> {
    let mut known: BTreeSet<&Name> = installed
        .containers()
        .map(|container| &container.name)
        .collect();
    known.extend(installed.clashing.iter().map(|(name, _)| name));
    known.extend(installed.refused.iter().flat_map(|refused| &refused.names));
    let services = Systemd::connect()?.services()?;
    let gone = services
        .into_iter()
        .filter(|service| service.is_running() && !known.contains(&service.name));
    let row = |service: ServiceState| Row {
        name: service.name.to_string(),
        state: "vanished",
        start: None,
        source: None,
        description: format!(
            "its file is gone, and it runs on; \"systemctl stop {}\" ends it, perhaps slowly",
            service.unit
        ),
    };
    Ok(gone.map(row).collect())
}

fn table(rows: &[Row]) -> String {
    let mut table = plain_table(["NAME", "STATE", "START", "SOURCE", "DESCRIPTION"]);
    for row in rows {
        let source = row.source.as_deref();
        let source = source.map_or("-".to_owned(), |source| source.display().to_string());
        table.add_row([
            &row.name,
            row.state,
            row.start.unwrap_or("-"),
            &source,
            &row.description,
        ]);
    }
    trimmed(&mut table)
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples() -> Vec<serde_json::Value> {
    let row = |start, source| Row {
        name: "web".into(),
        state: "good",
        start,
        source,
        description: "Shop".into(),
    };
    let odd = super::json_page_tests::odd_paths()[1].clone();
    vec![serde_json::json!([
        row(Some("boot"), Some(odd)),
        row(None, None)
    ])]
}
