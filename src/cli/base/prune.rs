//! `lodger base prune`: the bases there are in; those that nobody needs removed, and what became of each, out.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lodger::base::prune;
use lodger::base::prune::Needed;
use lodger::place;

use super::System;
use crate::cli::write_json;

/// Remove old bases.
///
/// The current one stays, and so does what a running container uses or a container is held on.
#[derive(Debug, Args)]
pub struct Prune {
    /// How many of the newest stay; "keep" in [bases] of /etc/lodger.toml by default.
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroUsize>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl Prune {
    pub fn run(&self, system: &System<'_>, out: &mut dyn Write) -> Result<ExitCode> {
        system.need_root("removing bases")?;
        let keep = self.keep.unwrap_or(system.settings.keep);
        let containers = system.prefix.at(place::CONTAINERS);
        let pruned = prune(&system.bases, keep, &containers, Path::new("/proc"))?;
        if self.json {
            write_json(out, &pruned)?;
            return Ok(ExitCode::SUCCESS);
        }
        for number in &pruned.removed {
            writeln!(out, "removed base {number}")?;
        }
        for Needed { number, why } in &pruned.needed {
            writeln!(out, "kept base {number}: {why}")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn sample(number: lodger::base::Number) -> serde_json::Value {
    serde_json::json!(prune::Pruned {
        removed: vec![number],
        needed: vec![Needed {
            number,
            why: "used by web".into(),
        }],
    })
}
