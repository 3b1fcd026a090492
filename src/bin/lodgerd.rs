//! `lodgerd`: mounts the roots of containers as they start, and refreshes running ones once dpkg has finished.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use lodger::container::{Base, Name};
use lodger::root::{self, MountRequest};

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
    Mount {
        /// The tree underneath.
        #[arg(long, value_enum)]
        base: BaseWord,
        /// An absolute path the container must not see.
        #[arg(long, value_name = "PATH")]
        hide: Vec<PathBuf>,
        /// A directory that has to exist in the root.
        #[arg(long, value_name = "PATH", default_value = "/")]
        working_directory: PathBuf,
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// Take a container's root off the host's mount table (ExecStartPost= of its unit).
    Unmount {
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum BaseWord {
    /// The live host.
    Host,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Some(Command::Mount { base: BaseWord::Host, hide, working_directory, name }) => {
            root::mount(&MountRequest { name, base: Base::Host, hide, working_directory })
        }
        Some(Command::Unmount { name }) => root::unmount(&name),
        None => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line: it is what `systemctl status` shows.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
