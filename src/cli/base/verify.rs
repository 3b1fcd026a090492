//! `lodger base verify`: a base in; what is no longer as it was made, and an exit status, out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use lodger::base::diff::text_of;
use lodger::base::verify::Finding;
use lodger::base::{Number, verify};
use serde::Serialize;

use super::System;
use crate::cli::write_json;

/// Find out what in a base is no longer as it was made.
///
/// The files of a base are the host's own. dpkg replaces a file and leaves the old one to the bases that have it; whoever writes
/// into one instead changes it in every base and every container. One line for each path: A added, C changed and in what, D deleted.
/// The exit status is 1 if there is any.
#[derive(Debug, Args)]
pub struct Verify {
    /// Which base; the current one by default.
    number: Option<Number>,
    /// Read every file, and compare it with the MD5 sum that its package gives.
    #[arg(long)]
    content: bool,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    base: Number,
    findings: &'a [Finding],
}

impl Verify {
    pub fn run(&self, system: &System<'_>, out: &mut dyn Write) -> Result<ExitCode> {
        system.need_root("reading all of a base")?;
        let number = match self.number {
            Some(number) => number,
            None => system
                .bases
                .current()?
                .context("there is no base yet; 'lodger base create' makes one")?,
        };
        let findings = verify(&system.bases, number, self.content)?;
        if self.json {
            let told = Told {
                base: number,
                findings: &findings,
            };
            write_json(out, &told)?;
        } else {
            for finding in &findings {
                write!(
                    out,
                    "{} {}",
                    finding.letter.letter(),
                    text_of(&finding.path)
                )?;
                if !finding.what.is_empty() {
                    write!(out, ": {}", finding.what.join(", "))?;
                }
                if !finding.packages.is_empty() {
                    write!(out, " (of {})", finding.packages.join(", "))?;
                }
                writeln!(out)?;
            }
        }
        Ok(ExitCode::from(u8::from(!findings.is_empty())))
    }
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn sample(base: Number) -> serde_json::Value {
    let paths = crate::cli::json_page_tests::odd_paths().into_iter();
    let findings: Vec<_> = paths
        .map(|path| Finding {
            letter: lodger::base::diff::Letter::Changed,
            path,
            what: vec!["size"],
            packages: vec!["libc6".into()],
        })
        .collect();
    serde_json::json!(Told {
        base,
        findings: &findings,
    })
}
