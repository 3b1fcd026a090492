//! `lodgerd`: mounts the roots of containers as they start, and refreshes running ones once dpkg has finished.

use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use lodger::container::{Name, installed};
use lodger::main_process::MainProcess;
use lodger::prefix::Prefix;
use lodger::refresh::{self, Places};
use lodger::root::{self, lower, own_vars, prepare};
use lodger::signal::SignalNumber;
use lodger::systemd::Systemd;
use lodger::{health, isolation, log, notify, place, reload, stops};
use sd_notify::NotifyState;

mod base;
mod mount;
mod namespaces;
mod stop;

use mount::Mount;

/// lodger's daemon. Without a command it serves org.lodger1 and refreshes containers after package changes; systemd
/// starts it, and it ends when idle. The commands are for units and maintainer scripts.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Mount a fresh root for a container (ExecStartPre= of its unit).
    Mount(Mount),
    /// Run a command inside the running container, as its main process, $MAINPID, would (ExecReload= of its unit).
    Reload {
        /// The program, as seen inside, and its arguments.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// The second half of `reload`.
    #[command(name = reload::SECOND_HALF, hide = true)]
    ReloadFromClone {
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Check the health of a container, and restart it if it has failed too often (lodgerd-health@.service). Exits with 0 if it is
    /// healthy, 1 if it is not, 3 if there is nothing to check, 4 if that cannot be done.
    Health {
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// A part of `health`.
    #[command(name = health::check::COMMAND, hide = true)]
    CheckOutside {
        #[arg(long)]
        group: String,
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// The second half of that.
    #[command(name = health::check::SECOND_HALF, hide = true)]
    CheckInside {
        #[arg(long)]
        group: String,
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Record the present state of dpkg's database as the one that containers run on (at installation).
    Baseline,
    /// See to it that there is a pinned base, and a new one if dpkg has changed something since (lodgerd-base.service).
    Base,
    /// Remove the bases that nobody needs any more (lodgerd-prune.service).
    Prune,
    /// Prepare what has to be there before the first start of a container whose root systemd makes
    /// (lodgerd-prepare@.service).
    Prepare {
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// Say in the journal why a refresh could not bring a container onto the new code (lodger-alert@.service).
    Alert {
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// Write the namespaces of this process to a file (ExecStart= of lodgerd-isolation.service).
    Namespaces { file: PathBuf },
    /// Make sure that the namespaces in this file are not the host's (ExecStartPost= of lodgerd-isolation.service).
    Isolation { file: PathBuf },
    /// End a container's main process, $MAINPID, and all that it started (ExecStop= of its unit).
    Stop {
        /// Seconds until what does not end by itself is killed.
        #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
        timeout: f64,
        /// What asks it to end, by its name in signal(7): SIGQUIT, SIGRTMIN+3.
        #[arg(long, value_name = "SIGNAL", default_value = "SIGTERM", value_parser = SignalNumber::parse)]
        signal: SignalNumber,
    },
    /// Stop the containers that a refresh restarts, as it asks on standard input (lodgerd-stops@.service).
    Stops,
    /// Take a container's root off the host's mount table, and make sure that its main process, $MAINPID, is isolated
    /// (ExecStartPost= of its unit).
    Unmount {
        /// It has to have a network namespace of its own.
        #[arg(long)]
        private_network: bool,
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Some(Command::Mount(mount)) => mount.run(),
        Some(Command::Unmount {
            private_network,
            name,
        }) => unmount(&name, private_network),
        Some(Command::Stop { timeout, signal }) => stop::stop_main_process(timeout, signal),
        Some(Command::Stops) => serve_stops(),
        Some(Command::Reload { command }) => {
            words(command).and_then(|command| reload::start(&command))
        }
        Some(Command::ReloadFromClone { command }) => match words(command).and_then(reload::run) {
            Ok(status) => return ExitCode::from(status),
            Err(error) => Err(error),
        },
        Some(Command::Health { name }) => return check_health(&name),
        Some(Command::CheckOutside { group, command }) => {
            words(command).and_then(|command| health::check::start(&group, &command))
        }
        Some(Command::CheckInside { group, command }) => {
            match words(command).and_then(|command| health::check::run(&group, command)) {
                Ok(status) => return ExitCode::from(status),
                Err(error) => Err(error),
            }
        }
        Some(Command::Base) => base::run(),
        Some(Command::Prune) => base::prune_old(),
        Some(Command::Prepare { name }) => prepare_container(&name),
        Some(Command::Alert { name }) => alert(&name),
        Some(Command::Namespaces { file }) => namespaces::write(&file),
        Some(Command::Isolation { file }) => namespaces::require_isolated(&file),
        Some(Command::Baseline) => Places::default().record_baseline(),
        None => return serve(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, for the journal and for `systemctl status`.
            let line = format!("{error:#}").replace('\n', " ");
            eprintln!("{line}");
            show_in_status(&line);
            ExitCode::FAILURE
        }
    }
}

/// Arguments as execve(2) takes them.
fn words(command: Vec<OsString>) -> Result<Vec<CString>> {
    let words = command
        .into_iter()
        .map(|word| CString::new(word.into_vec()));
    words
        .collect::<Result<_, _>>()
        .context("a word with NUL in it")
}

/// Its errors go where its other messages go.
fn serve() -> ExitCode {
    log::init();
    match lodger::serve::serve(&Places::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Only failures that the timer asks for count: it keeps to the interval.
fn check_health(name: &Name) -> ExitCode {
    log::init();
    // Set by systemd for what a timer has started (systemd.exec(5)).
    let is_due = std::env::var_os("TRIGGER_UNIT").is_some();
    match health::run(name, is_due) {
        Ok(answer) => ExitCode::from(answer.exit_status()),
        Err(error) => {
            tracing::error!(
                container = name.as_str(),
                "{name}: cannot check its health: {error:#}"
            );
            ExitCode::from(4)
        }
    }
}

/// `Status:` in `systemctl status`. Without a socket, or without anybody at its other end, the journal is all there is.
fn show_in_status(line: &str) {
    let _ = notify::notify(&[NotifyState::Status(line)]);
}

/// The check comes first: it reads the host's /proc, which the host's mount namespace need not show.
fn unmount(name: &Name, private_network: bool) -> Result<()> {
    let (main, isolated) = match MainProcess::of_this_service() {
        Ok(Some(main)) => {
            let isolated = isolation::require(name, main.pid, private_network);
            if isolated.is_err() {
                // systemd asks it to end, and gives it time. If it cannot be killed it has ended.
                let _ = main.handle.signal(SignalNumber::KILL);
            }
            (Some(main.pid), isolated)
        }
        Ok(None) => (None, Ok(())),
        // No process of this service: its mounts are not to be touched. The container's root comes off all the same.
        Err(cause) => (None, Err(cause)),
    };
    root::unmount(name, main).and(isolated)
}

fn prepare_container(name: &Name) -> Result<()> {
    let installed = installed::read(&Prefix::host());
    let mut containers = installed.containers();
    match containers.find(|container| container.name == *name) {
        Some(container) => {
            let current = lower::current(Path::new(place::MOUNTED_BASES))?;
            prepare::prepare(container, &current)?;
            // A base that was made meanwhile has completed those that were there.
            match lower::current(Path::new(place::MOUNTED_BASES))? {
                now if now == current => Ok(()),
                now => own_vars::complete(&container.name.state(), &now),
            }
        }
        None => bail!("no container file makes '{name}', or it has a mistake; see 'lodger check'"),
    }
}

fn alert(name: &Name) -> Result<()> {
    let why = refresh::why_failed(&Places::default(), name)?;
    log::init();
    let name = name.as_str();
    tracing::error!(message_id = log::ALERT, container = name, "{name}: {why}");
    Ok(())
}

fn serve_stops() -> Result<()> {
    log::init();
    stops::serve(io::stdin().lock(), io::stdout().lock(), Systemd::connect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_mount_or_an_unknown_signal_is_refused() {
        for line in [
            "lodgerd mount --base=host web --bind /srv/a",
            "lodgerd mount --base=host --volume=shop,owner= web",
            "lodgerd stop --signal=SIGFOO",
            "lodgerd reload nginx",
            "lodgerd reload --",
        ] {
            assert!(
                Arguments::try_parse_from(line.split(' ')).is_err(),
                "{line}"
            );
        }
    }
}
