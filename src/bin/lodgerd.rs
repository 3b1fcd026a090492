//! `lodgerd`: mounts the roots of containers as they start, and refreshes running ones once dpkg has finished.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lodger::container::{Base, Name};
use lodger::main_process::MainProcess;
use lodger::refresh::Places;
use lodger::root::bind::{Bind, Source, Tmpfs};
use lodger::root::volume::Volume;
use lodger::root::{self, MountRequest};
use lodger::signal::SignalNumber;
use lodger::{isolation, log, place, reload, stop};
use sd_notify::NotifyState;

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
    /// Record the present state of dpkg's database as the one that containers run on (at installation).
    Baseline,
    /// End a container's main process, $MAINPID, and all that it started (ExecStop= of its unit).
    Stop {
        /// Seconds until what does not end by itself is killed.
        #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
        timeout: f64,
        /// What asks it to end, by its name in signal(7): SIGQUIT, SIGRTMIN+3.
        #[arg(long, value_name = "SIGNAL", default_value = "SIGTERM", value_parser = SignalNumber::parse)]
        signal: SignalNumber,
    },
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

#[derive(Args)]
struct Mount {
    /// The tree underneath.
    #[arg(long, value_enum)]
    base: BaseWord,
    /// An absolute path the container must not see.
    #[arg(long, value_name = "PATH")]
    hide: Vec<PathBuf>,
    /// A directory that has to exist in the root.
    #[arg(long, value_name = "PATH", default_value = "/")]
    working_directory: PathBuf,
    /// Throw away what the container wrote since its last start.
    #[arg(long)]
    ephemeral: bool,
    /// Make this volume if it is not there: NAME[,owner=USER[:GROUP]][,mode=OCTAL].
    #[arg(long, value_name = "VOLUME", value_parser = Volume::parse)]
    volume: Vec<Volume>,
    /// A program that has to be in the root: an absolute path, or a name that is looked for where systemd does.
    #[arg(long, value_name = "PROGRAM")]
    program: Vec<PathBuf>,
    /// Show a path of the host in the root.
    #[arg(long, num_args = 2, value_names = ["SOURCE", "TARGET"])]
    bind: Vec<PathBuf>,
    /// Show a path of the host in the root, read-only.
    #[arg(long, num_args = 2, value_names = ["SOURCE", "TARGET"])]
    bind_read_only: Vec<PathBuf>,
    /// Mount an empty tmpfs in the root: BYTES[,mode=OCTAL].
    #[arg(long, num_args = 2, value_names = ["SIZE", "TARGET"])]
    tmpfs: Vec<String>,
    /// The program does not report to systemd: let systemd take nothing from it, least of all another main process.
    #[arg(long)]
    no_notify: bool,
    #[arg(value_parser = Name::parse)]
    name: Name,
}

impl Mount {
    fn run(self) -> Result<()> {
        let no_notify = self.no_notify;
        root::mount(&self.request()?)?;
        if no_notify {
            // Until the service has stopped (sd_notify(3)). A payload that is root could name any process of the host as its
            // main process, and systemd would end that one to stop the service.
            sd_notify::notify(&[NotifyState::Custom("NOTIFYACCESS=none")])
                .context("cannot tell systemd to take no messages from the service")?;
        }
        Ok(())
    }

    fn request(self) -> Result<MountRequest> {
        let mut binds = Vec::new();
        for (pairs, read_only) in [(&self.bind, false), (&self.bind_read_only, true)] {
            binds.extend(pairs.chunks_exact(2).map(|pair| Bind {
                source: Source::Host {
                    path: pair[0].clone(),
                    read_only,
                },
                target: pair[1].clone(),
            }));
        }
        for pair in self.tmpfs.chunks_exact(2) {
            let tmpfs = Tmpfs::parse(&pair[0])
                .map_err(Error::msg)
                .context("--tmpfs")?;
            binds.push(Bind {
                source: Source::Tmpfs(tmpfs),
                target: PathBuf::from(&pair[1]),
            });
        }
        Ok(MountRequest {
            name: self.name,
            base: self.base.base(),
            bases: PathBuf::from(place::BASES),
            hide: self.hide,
            working_directory: self.working_directory,
            ephemeral: self.ephemeral,
            volumes: self.volume,
            programs: self.program,
            binds,
        })
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum BaseWord {
    /// A pinned base: the current one, unless the container is held on another.
    Pinned,
    /// The live host.
    Host,
}

impl BaseWord {
    fn base(self) -> Base {
        match self {
            BaseWord::Pinned => Base::Pinned,
            BaseWord::Host => Base::Host,
        }
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Some(Command::Mount(mount)) => mount.run(),
        Some(Command::Unmount {
            private_network,
            name,
        }) => unmount(&name, private_network),
        Some(Command::Stop { timeout, signal }) => stop_main_process(timeout, signal),
        Some(Command::Reload { command }) => {
            words(command).and_then(|command| reload::start(&command))
        }
        Some(Command::ReloadFromClone { command }) => match words(command).and_then(reload::run) {
            Ok(status) => return ExitCode::from(status),
            Err(error) => Err(error),
        },
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

/// `Status:` in `systemctl status`. Without a socket, or without anybody at its other end, the journal is all there is.
fn show_in_status(line: &str) {
    let _ = sd_notify::notify(&[NotifyState::Status(line)]);
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

fn stop_main_process(timeout: f64, signal: SignalNumber) -> Result<()> {
    let limit = Duration::try_from_secs_f64(timeout).context("--timeout")?;
    match MainProcess::of_this_service()? {
        Some(main) => stop::stop(&main, signal, limit),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_options_of_mount_arrive() {
        let line = "lodgerd mount --base=host --hide=/opt/other --ephemeral --volume=shop,owner=www-data:adm,mode=2750 \
                    --program=/bin/x --program=y --bind /srv/a /srv/b --bind-read-only /srv/c /srv/c --bind /srv/e /srv/f \
                    --tmpfs 4096,mode=0700 /scratch --working-directory=/srv/b web@1";
        let Some(Command::Mount(mount)) =
            Arguments::parse_from(line.split(' ').filter(|word| !word.is_empty())).command
        else {
            panic!("no mount");
        };
        let bind = |source: &str, target: &str, read_only| Bind {
            source: Source::Host {
                path: source.into(),
                read_only,
            },
            target: target.into(),
        };
        let expected = MountRequest {
            name: Name::parse("web@1").unwrap(),
            base: Base::Host,
            bases: place::BASES.into(),
            hide: vec!["/opt/other".into()],
            working_directory: "/srv/b".into(),
            ephemeral: true,
            volumes: vec![Volume::parse("shop,owner=www-data:adm,mode=2750").unwrap()],
            programs: vec!["/bin/x".into(), "y".into()],
            binds: vec![
                bind("/srv/a", "/srv/b", false),
                bind("/srv/e", "/srv/f", false),
                bind("/srv/c", "/srv/c", true),
                Bind {
                    source: Source::Tmpfs(Tmpfs {
                        bytes: 4096,
                        mode: 0o700,
                    }),
                    target: "/scratch".into(),
                },
            ],
        };
        assert_eq!(mount.request().unwrap(), expected);
    }

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
