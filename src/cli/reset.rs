//! `lodger reset`: containers in; a question, and then what they wrote gone, out.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::container::Name;
use lodger::container::installed::{self, Installed};
use lodger::prefix::Prefix;
use lodger::reset::{self, Loss};
use lodger::systemd::Systemd;
use nix::unistd::Uid;
use serde::Serialize;

use super::output::stderr;
use super::write_json;

/// Discard what stopped containers wrote over their base; the next start has a clean root.
///
/// Gone are the changes that `lodger diff` shows, and for a root of kind "shared" the container's own /var. Volumes, other
/// mounts, the container's file and the base it is held on stay. It asks before, on a terminal; otherwise it takes --yes.
/// It takes root. A container that runs is refused, and then nothing is done to any. The exit status is 2 if something could
/// not be removed; everything else has been then.
#[derive(Debug, Args)]
pub struct Reset {
    /// The containers: web, or web@3.
    #[arg(required = true, value_parser = Name::parse, value_name = "NAME")]
    names: Vec<Name>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Write what has gone as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    #[serde(flatten)]
    loss: Loss,
    error: Option<String>,
}

impl Reset {
    /// Asks, and does it.
    ///
    /// # Errors
    /// When a container is not there or not stopped, or the answer is missing; then nothing has been done.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("'reset' is of the running system; it cannot be had of another root");
        }
        if !Uid::effective().is_root() {
            bail!("only root may discard what containers wrote");
        }
        let mut names = self.names.clone();
        names.sort();
        names.dedup();
        let mut systemd = Systemd::connect()?;
        let installed = installed::read(prefix);
        let losses = losses(&names, &installed, &mut systemd)?;
        if !self.yes && losses.iter().any(|(_, loss)| !loss.is_nothing()) && !confirmed(&losses)? {
            writeln!(stderr(), "nothing was discarded")?;
            return Ok(ExitCode::FAILURE);
        }
        let mut told = Vec::new();
        for (name, loss) in losses {
            let error = {
                let mut containers = installed.containers();
                let container = containers.find(|container| container.name == *name);
                reset::reset(name, container, &mut systemd).err()
            };
            told.push(Told {
                name: name.as_str(),
                loss,
                error: error.map(|error| format!("{error:#}")),
            });
        }
        if self.json {
            write_json(out, &told)?;
        } else {
            write_text(out, &told)?;
        }
        Ok(match told.iter().any(|told| told.error.is_some()) {
            true => ExitCode::from(2),
            false => ExitCode::SUCCESS,
        })
    }
}

fn losses<'a>(
    names: &'a [Name],
    installed: &Installed,
    systemd: &mut Systemd,
) -> Result<Vec<(&'a Name, Loss)>> {
    let mut losses = Vec::new();
    for name in names {
        let is_known = installed.containers().any(|has| has.name == *name);
        if !is_known && !name.state().exists() {
            bail!("there is no container '{name}'");
        }
        reset::require_stopped(name, systemd)?;
        losses.push((name, reset::loss(name)?));
    }
    Ok(losses)
}

fn confirmed(losses: &[(&Name, Loss)]) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!(
            "this discards what was written, and there is no terminal to ask on; say --yes if it is meant"
        );
    }
    // Nothing is discarded where nobody sees the question.
    let mut stderr = io::stderr();
    for (name, loss) in losses {
        writeln!(stderr, "{name}: {}", in_words(loss))?;
    }
    write!(stderr, "Discard that for ever? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn write_text(out: &mut dyn Write, told: &[Told<'_>]) -> Result<()> {
    for told in told {
        match &told.error {
            Some(error) => writeln!(stderr(), "error: {}: {error}", told.name)?,
            None if told.loss.is_nothing() => writeln!(out, "{}: there was nothing", told.name)?,
            None => writeln!(out, "{}: discarded {}", told.name, in_words(&told.loss))?,
        }
    }
    Ok(())
}

fn in_words(loss: &Loss) -> String {
    let more = if loss.more { "more than " } else { "" };
    let mut text = format!("{more}{} files of {}", loss.files, size(loss.bytes));
    if loss.deleted > 0 {
        text += &format!("; {} deleted files of the base come back", loss.deleted);
    }
    if loss.var {
        text += "; its own /var is among it";
    }
    text
}

/// Bytes in the unit that leaves one to three digits before the point.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = "B";
    let mut tenths = u128::from(bytes) * 10;
    for larger in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples() -> Vec<serde_json::Value> {
    let told = |error: Option<&str>| Told {
        name: "web",
        loss: Loss::default(),
        error: error.map(str::to_owned),
    };
    vec![serde_json::json!([told(None), told(Some("why"))])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536 * 1024, "1.5 MiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn the_question_names_what_is_lost() {
        let loss = Loss {
            files: 12,
            bytes: 2048,
            deleted: 3,
            more: true,
            var: true,
        };
        assert_eq!(
            in_words(&loss),
            "more than 12 files of 2.0 KiB; 3 deleted files of the base come back; its own /var is among it"
        );
    }
}
