//! `lodger base list`: the bases there are in; a table or JSON out.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lodger::base::Number;
use lodger::base::count::Counts;
use lodger::base::in_use::InUse;
use lodger::place;
use serde::{Serialize, Serializer};

use super::System;
use super::counts::ToldCounts;
use crate::cli::plain_table::{plain_table, trimmed};
use crate::cli::write_json;

/// List the bases, the newest last.
///
/// USED BY names the containers that run on a base, and those that are held on it. It takes root to see all of them.
#[derive(Debug, Args)]
pub struct List {
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    number: Number,
    current: bool,
    created: String,
    provisional: bool,
    packages: usize,
    used_by: Vec<String>,
    held_by: Vec<String>,
    /// Why it is not known whether anybody else uses it.
    perhaps_used: Vec<String>,
    #[serde(flatten, serialize_with = "told")]
    counts: Counts,
}

fn told<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    ToldCounts::of(counts).serialize(serializer)
}

impl List {
    pub fn run(&self, system: &System<'_>, out: &mut dyn Write) -> Result<ExitCode> {
        let rows = rows(system)?;
        if self.json {
            write_json(out, &rows)?;
        } else if !rows.is_empty() {
            writeln!(out, "{}", table(&rows))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(system: &System<'_>) -> Result<Vec<Row>> {
    let containers = system.prefix.at(place::CONTAINERS);
    let in_use = InUse::look(&system.bases, &containers, Path::new("/proc"))?;
    let current = system.bases.current()?;
    let mut rows = Vec::new();
    for number in system.bases.numbers()? {
        let record = system.bases.record(number)?;
        let who = |of: &std::collections::BTreeMap<Number, std::collections::BTreeSet<String>>| {
            let who = of.get(&number).into_iter().flatten();
            who.cloned().collect::<Vec<_>>()
        };
        rows.push(Row {
            number,
            current: current == Some(number),
            created: record.created,
            provisional: record.provisional,
            packages: record.packages.packages.len(),
            used_by: who(&in_use.by),
            held_by: who(&in_use.held),
            perhaps_used: in_use.undecided.iter().cloned().collect(),
            counts: record.counts,
        });
    }
    Ok(rows)
}

fn table(rows: &[Row]) -> String {
    let mut table = plain_table([
        "BASE", "CREATED", "STATE", "PACKAGES", "LINKED", "COPIED", "LEFT OUT", "USED BY",
    ]);
    for row in rows {
        let mut state = Vec::new();
        state.extend(row.current.then_some("current"));
        state.extend(row.provisional.then_some("provisional"));
        let mut used = row.used_by.clone();
        used.extend(row.held_by.iter().map(|name| format!("{name} (held)")));
        used.extend((!row.perhaps_used.is_empty()).then(|| "?".to_owned()));
        let or_none = |list: &[String]| match list {
            [] => "-".to_owned(),
            list => list.join(", "),
        };
        let counts = &row.counts;
        let state: Vec<_> = state.into_iter().map(str::to_owned).collect();
        table.add_row([
            row.number.to_string(),
            row.created.clone(),
            or_none(&state),
            row.packages.to_string(),
            counts.linked.to_string(),
            (counts.copied + counts.reflinked + counts.kept).to_string(),
            (counts.unreadable + counts.special).to_string(),
            or_none(&used),
        ]);
    }
    trimmed(&mut table)
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn sample(number: Number) -> serde_json::Value {
    serde_json::json!([Row {
        number,
        current: true,
        created: "2026-11-22T02:00:00Z".into(),
        provisional: false,
        packages: 1,
        used_by: vec!["web".into()],
        held_by: vec!["web".into()],
        perhaps_used: vec!["why".into()],
        counts: super::counts::sample(),
    }])
}
