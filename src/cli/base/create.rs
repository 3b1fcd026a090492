//! `lodger base create`: the host in; a new base, and what it is made of, out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lodger::base::count::{Counts, Hindrance};
use lodger::base::record::Record;
use lodger::base::{Consistency, Created, Number, create};
use lodger::upper::shown;
use serde::Serialize;

use super::System;
use super::counts::ToldCounts;
use crate::cli::write_json;

/// Make a base of the host as it is now, and the current one of it.
///
/// If the current base holds just the same, that one stays and nothing is made. dpkg has to be at rest. Containers keep the base
/// they run on until they are restarted.
#[derive(Debug, Args)]
pub struct Create {
    /// Make one while dpkg is at work; whoever lists it sees that.
    #[arg(long)]
    provisional: bool,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    /// Whether there is a new base.
    new: bool,
    number: Number,
    created: &'a str,
    provisional: bool,
    #[serde(flatten)]
    counts: ToldCounts,
}

impl Create {
    pub fn run(&self, system: &System<'_>, out: &mut dyn Write) -> Result<ExitCode> {
        system.need_root("making a base")?;
        let consistency = match self.provisional {
            true => Consistency::Provisional,
            false => Consistency::Settled,
        };
        let created = create(&system.bases, &system.host, consistency)?;
        let (new, number) = match created {
            Created::New(number) => (true, number),
            Created::Same(number) => (false, number),
        };
        let record = system.bases.record(number)?;
        if self.json {
            let told = Told {
                new,
                number,
                created: &record.created,
                provisional: record.provisional,
                counts: ToldCounts::of(&record.counts),
            };
            write_json(out, &told)?;
        } else if new {
            write_text(out, system, &record)?;
        } else {
            writeln!(
                out,
                "base {number} is as before: nothing that it holds has changed"
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write_text(out: &mut dyn Write, system: &System<'_>, record: &Record) -> Result<()> {
    let counts = &record.counts;
    let reflinked = match counts.reflinked {
        0 => String::new(),
        some => format!("{some} reflinked, "),
    };
    writeln!(
        out,
        "made base {}: {} files linked, {} copied ({}), {reflinked}{} kept from the base before; {} directories",
        record.number,
        counts.linked,
        counts.copied,
        in_megabytes(counts.bytes_copied),
        counts.kept,
        counts.directories
    )?;
    writeln!(
        out,
        "left out: {} that others cannot read, {} devices, sockets and pipes",
        counts.unreadable, counts.special
    )?;
    write_notes(out, system, counts)
}

fn write_notes(out: &mut dyn Write, system: &System<'_>, counts: &Counts) -> Result<()> {
    if counts.not_entered > 0 {
        writeln!(
            out,
            "left empty: {} mount points of network and pseudo filesystems",
            counts.not_entered
        )?;
    }
    for files in &counts.not_linked {
        let is_elsewhere = matches!(
            files.hindrance,
            Hindrance::OtherFilesystem | Hindrance::OtherMount
        );
        let advice = match files.tree.as_str() {
            "/usr" if is_elsewhere => {
                "; put 'directory' in [bases] of /etc/lodger.toml on the filesystem of /usr"
            }
            _ => "",
        };
        writeln!(
            out,
            "note: {} {} ('{}'): {} files copied, {}{advice}",
            files.tree,
            files.hindrance.words(),
            system.bases.directory().display(),
            files.files,
            in_megabytes(files.bytes)
        )?;
    }
    for path in &counts.written_meanwhile {
        writeln!(
            out,
            "note: '{}' was written while it was copied; the base has it as it was then",
            shown::text(path)
        )?;
    }
    Ok(())
}

fn in_megabytes(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn sample(number: Number) -> serde_json::Value {
    serde_json::json!(Told {
        new: true,
        number,
        created: "2026-11-22T02:00:00Z",
        provisional: false,
        counts: ToldCounts::of(&super::counts::sample()),
    })
}
