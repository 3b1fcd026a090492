//! The command line as typed in; the command it names, run, out. One file a command.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use lodger::diagnostic::Diagnostic;
use lodger::prefix::Prefix;
use lodger::upper::shown;

mod audit;
mod base;
mod check;
mod diff;
mod explain;
mod history;
mod hold;
mod list;
mod man;
pub mod output;
mod plain_table;
mod plan;
mod present;
mod progress;
mod refresh;
mod reset;
mod rollback;
mod schema;
mod show;
mod status;
mod summary;
mod unhold;
mod verify;
mod why;

#[cfg(test)]
mod json_page_tests;

/// Application containers whose root is the host's own root.
///
/// A container is one TOML file, NAME.toml in /etc/lodger, /run/lodger or /usr/lib/lodger, and becomes one service,
/// lodger-NAME.service: systemctl and journalctl work on it as on any other. Patch the host with apt, and every container runs
/// the patched code.
#[derive(Debug, Parser)]
#[command(name = "lodger", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// Look under this directory instead of /, as with LODGER_ROOT=DIR.
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<OsString>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  lodger check /etc/lodger/web.toml   all mistakes in a file, with their places
  systemctl daemon-reload             make units of new and changed files
  systemctl start lodger-web          start a container
  journalctl -u lodger-web            what it says
  lodger list                         all containers, and what is wrong with which
  lodger status                       what they do now, and whether any runs old code
  lodger plan                         what a refresh would restart now, in which order and why
  lodger why web                      why a container is to be restarted, or was
  lodger refresh --wait               have it done now, and see how it goes
  lodger history                      past refreshes; 'lodger history 7' tells one whole
  lodger verify --package libssl3t64  whether any process still runs the old one
  lodger hold web --until 3d          leave a container as it is for a while; 'lodger unhold web' ends that
  lodger base diff 3 4                what changed on the host from one base to the next
  lodger diff web                     what a container wrote over the host's files
  lodger audit                        which files of packages no update reaches any more
  lodger reset web                    discard that, once the container is stopped
  lodger explain memory               what a key means; a rule, such as L006, likewise

The file format is described in lodger.toml(5), what --json writes in lodger-json(5).";

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Show(show::Show),
    List(list::List),
    Status(status::StatusOf),
    Plan(plan::PlanOf),
    Why(why::Why),
    History(history::History),
    Verify(verify::Verify),
    Refresh(refresh::Refresh),
    Hold(hold::HoldOf),
    Unhold(unhold::Unhold),
    Rollback(rollback::Rollback),
    Base(base::Base),
    Diff(diff::DiffOf),
    Audit(audit::Audit),
    Reset(reset::Reset),
    Explain(explain::Explain),
    Schema(schema::SchemaOf),
    /// Write a manual page.
    #[command(hide = true)]
    Man {
        /// Which: 1 is lodger(1), 5 is lodger.toml(5).
        #[arg(default_value = "1", value_parser = ["1", "5"])]
        section: String,
    },
    /// Write a completion script.
    #[command(hide = true)]
    Completions {
        /// The shell that will read it.
        shell: Shell,
    },
}

/// Runs the command and writes what it has to say to `out`.
///
/// # Errors
/// When it could not do its work; what is wrong with container files is in the exit status.
pub fn run(arguments: Arguments, out: &mut dyn Write) -> Result<ExitCode> {
    let root = arguments.root.or_else(|| env::var_os("LODGER_ROOT"));
    let prefix = Prefix::under(&root.unwrap_or_default());
    match arguments.command {
        Command::Check(check) => check.run(&prefix, out),
        Command::Show(show) => show.run(&prefix, out),
        Command::List(list) => list.run(&prefix, out),
        Command::Status(status) => status.run(&prefix, out),
        Command::Plan(plan) => plan.run(&prefix, out),
        Command::Why(why) => why.run(&prefix, out),
        Command::History(history) => history.run(&prefix, out),
        Command::Verify(verify) => verify.run(&prefix, out),
        Command::Refresh(refresh) => refresh.run(&prefix, out),
        Command::Hold(hold) => hold.run(&prefix, out),
        Command::Rollback(rollback) => rollback.run(&prefix, out),
        Command::Unhold(unhold) => unhold.run(&prefix, out),
        Command::Base(base) => base.run(&prefix, out),
        Command::Diff(diff) => diff.run(&prefix, out),
        Command::Audit(audit) => audit.run(&prefix, out),
        Command::Reset(reset) => reset.run(&prefix, out),
        Command::Explain(explain) => explain.run(out),
        Command::Schema(schema) => schema.run(out),
        Command::Man { section } => {
            match section.as_str() {
                "5" => man::lodger_toml::write(out)?,
                _ => man::write(Arguments::command(), out)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            out.write_all(&completions(shell))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "lodger", &mut script);
    if shell == Shell::Fish {
        // clap_complete gives fish the words of options only.
        let words = explain::words().join(" ");
        let line = format!(
            "complete -c lodger -n \"__fish_lodger_using_subcommand explain\" -f -a \"{words}\"\n"
        );
        script.extend_from_slice(line.as_bytes());
    }
    script
}

/// Blocks with carets on stderr, an empty line between two.
fn tell<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> Result<()> {
    let blocks: Vec<_> = diagnostics.into_iter().map(Diagnostic::block).collect();
    output::stderr().write_all(blocks.join("\n").as_bytes())?;
    Ok(())
}

/// `value` as JSON for scripts, on lines that people can read too.
fn write_json(out: &mut dyn Write, value: &impl serde::Serialize) -> Result<()> {
    let json = shown::in_json(serde_json::to_string_pretty(value)?);
    writeln!(out, "{json}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }
}
