//! `lodger base diff`: two bases in; the packages and paths in which they differ out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lodger::base::diff::{Difference, text_of};
use lodger::base::{Number, diff};
use serde::Serialize;

use super::System;
use crate::cli::write_json;

/// Show how two bases differ: packages with their versions, then paths.
///
/// One line for each path: A added, C changed in content, owner or mode, D deleted. In these lines, control characters and what is
/// not UTF-8 are written as \xNN, and a backslash twice; in JSON paths are exact.
#[derive(Debug, Args)]
pub struct Diff {
    /// The base before.
    from: Number,
    /// The base after.
    to: Number,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    from: Number,
    to: Number,
    #[serde(flatten)]
    difference: Difference,
}

impl Diff {
    pub fn run(&self, system: &System<'_>, out: &mut dyn Write) -> Result<ExitCode> {
        system.need_root("reading all of a base")?;
        let difference = diff(&system.bases, self.from, self.to)?;
        if self.json {
            let told = Told {
                from: self.from,
                to: self.to,
                difference,
            };
            write_json(out, &told)?;
            return Ok(ExitCode::SUCCESS);
        }
        for change in &difference.packages {
            let version = |version: &Option<String>| version.clone().unwrap_or("none".to_owned());
            let (old, new) = (version(&change.old), version(&change.new));
            writeln!(
                out,
                "package {}:{}: {old} -> {new}",
                change.name, change.architecture
            )?;
        }
        for change in &difference.paths {
            writeln!(out, "{} {}", change.letter.letter(), text_of(&change.path))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn sample(number: Number, packages: Vec<lodger::dpkg::Change>) -> serde_json::Value {
    use lodger::base::diff::{Letter, PathChange};

    let paths = crate::cli::json_page_tests::odd_paths().into_iter();
    let letters = [Letter::Added, Letter::Changed, Letter::Deleted];
    let paths = paths
        .zip(letters)
        .map(|(path, letter)| PathChange { letter, path });
    serde_json::json!(Told {
        from: number,
        to: number,
        difference: Difference {
            packages,
            paths: paths.collect(),
        },
    })
}
