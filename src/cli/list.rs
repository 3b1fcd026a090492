//! `lodger list`: what is installed in; a table or JSON of all containers and files out.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use comfy_table::{Table, presets};
use lodger::container::Start;
use lodger::container::installed::{self, Installed};
use lodger::prefix::Prefix;
use serde::Serialize;

use super::write_json;

/// List all container files and what becomes of them.
///
/// The state tells what the file makes: "good" a container, "refused" nothing but a unit that fails and tells why, "masked"
/// nothing on purpose, and "shadowed" nothing because a stronger file has its name. What containers do at present is told by
/// systemctl.
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
    source: String,
    description: String,
}

impl List {
    /// Writes the list, by name.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let rows = rows(&installed::read(prefix));
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
        source: source.display().to_string(),
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

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "NAME",
        "STATE",
        "START",
        "SOURCE",
        "DESCRIPTION",
    ]);
    for row in rows {
        table.add_row([
            &row.name,
            row.state,
            row.start.unwrap_or("-"),
            &row.source,
            &row.description,
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
