//! `lodger audit`: all containers in; the files of packages that their uppers keep from being patched out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::container::installed;
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::shadow::{self, Shadow};
use lodger::upper::{Budget, shown};
use nix::unistd::Uid;
use serde::Serialize;

use super::output::stderr;
use super::plain_table::{plain_table, trimmed};
use super::write_json;

/// Find what no package update will reach: files of packages that containers have copies of in their uppers.
///
/// A file that a container changed itself, or only copied ("same"), hides the host's for ever; updates of the package do not
/// reach the container. Files in /etc do not count: they are there to be changed; `lodger diff` shows them. `lodger reset`
/// takes what a container wrote away. It takes root. The exit status is 1 if there is any such file, or if not all could be
/// looked at.
#[derive(Debug, Args)]
pub struct Audit {
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Told {
    name: String,
    shadows: Vec<Shadow>,
    missing: Vec<String>,
}

impl Audit {
    /// Writes what was found, by container and path.
    ///
    /// # Errors
    /// When the uppers or dpkg's database cannot be read.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("'audit' is of the running system; it cannot be had of another root");
        }
        if !Uid::effective().is_root() {
            bail!("only root may look at what containers wrote");
        }
        let found = shadow::of_containers(
            &shadow::with_state()?,
            &installed::read(prefix),
            &Places::default().admindir,
            Budget::default().content_bytes,
        )?;
        let told: Vec<Told> = found
            .into_iter()
            .filter(|(_, found)| !found.shadows.is_empty() || !found.missing.is_empty())
            .map(|(name, found)| Told {
                name: name.to_string(),
                shadows: found.shadows,
                missing: found.missing,
            })
            .collect();
        if self.json {
            write_json(out, &told)?;
        } else {
            write_text(out, &told)?;
        }
        Ok(if told.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn write_text(out: &mut dyn Write, told: &[Told]) -> Result<()> {
    let mut table = plain_table(["NAME", "PACKAGE", "SAME", "PATH"]);
    for container in told {
        for shadow in &container.shadows {
            let same = match shadow.same {
                Some(true) => "yes",
                Some(false) => "no",
                None => "-",
            };
            let packages: Vec<_> = shadow.packages.iter().map(String::as_str).collect();
            let path = shown::text(&shadow.path);
            table.add_row([&container.name, &packages.join(", "), same, &path]);
        }
    }
    if table.row_count() > 0 {
        writeln!(out, "{}", trimmed(&mut table))?;
    }
    out.flush()?;
    for container in told {
        for missing in &container.missing {
            writeln!(stderr(), "note: {}: {missing}", container.name)?;
        }
    }
    Ok(())
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples(shadows: Vec<Shadow>) -> Vec<serde_json::Value> {
    let told = Told {
        name: "web".into(),
        shadows,
        missing: vec!["why".into()],
    };
    vec![serde_json::json!([told])]
}
