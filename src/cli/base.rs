//! `lodger base`: what is asked for in; bases made, listed, compared, checked or removed, and what there is to say of it, out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use lodger::base::{Bases, Host};
use lodger::diagnostic::Diagnostic;
use lodger::prefix::Prefix;
use lodger::settings::{self, Settings};
use nix::unistd::Uid;

mod counts;
mod create;
mod diff;
mod list;
mod prune;
mod verify;

/// Make, list, check, compare and remove pinned bases: the read-only trees that containers share.
///
/// A base is the host at one moment: /usr, and what packages have in /opt, as hard links, so that it takes no room but for its
/// directories; /etc, /usr/local and the rest of /opt as copies, which bases share as long as they are the same. What others cannot read on the host is not in it, nor are set-user-ID bits, home directories, and what
/// lies in /var. lodgerd makes a new one after each package change; containers start on the current one.
#[derive(Debug, Args)]
pub struct Base {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(create::Create),
    List(list::List),
    Verify(verify::Verify),
    Diff(diff::Diff),
    Prune(prune::Prune),
}

impl Base {
    /// Runs the command.
    ///
    /// # Errors
    /// When it could not do its work.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let settings = read_settings(prefix)?;
        let system = System {
            bases: Bases::at(prefix.at(&settings.bases)),
            host: Host::under(prefix),
            prefix,
            settings,
        };
        match &self.command {
            Command::Create(create) => create.run(&system, out),
            Command::List(list) => list.run(&system, out),
            Command::Verify(verify) => verify.run(&system, out),
            Command::Diff(diff) => diff.run(&system, out),
            Command::Prune(prune) => prune.run(&system, out),
        }
    }
}

/// What all commands work on.
struct System<'a> {
    bases: Bases,
    host: Host,
    prefix: &'a Prefix,
    settings: Settings,
}

impl System<'_> {
    /// # Errors
    /// When the user may not do what the command is about to do on the running system.
    fn need_root(&self, what: &str) -> Result<()> {
        if self.prefix.is_host() && !Uid::effective().is_root() {
            bail!("{what} takes root");
        }
        Ok(())
    }
}

/// Bases made or removed in another place than was meant would be worse than none.
fn read_settings(prefix: &Prefix) -> Result<Settings> {
    settings::read(prefix)
        .map_err(|mistakes| {
            let lines: Vec<_> = mistakes.iter().map(Diagnostic::one_line).collect();
            anyhow::Error::msg(lines.join("\n"))
        })
        .context("the host's settings cannot be used")
}

/// What each command can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples(
    number: lodger::base::Number,
    packages: Vec<lodger::dpkg::Change>,
) -> Vec<(&'static str, Vec<serde_json::Value>)> {
    vec![
        ("lodger base create", vec![create::sample(number)]),
        ("lodger base diff", vec![diff::sample(number, packages)]),
        ("lodger base list", vec![list::sample(number)]),
        ("lodger base prune", vec![prune::sample(number)]),
        ("lodger base verify", vec![verify::sample(number)]),
    ]
}
