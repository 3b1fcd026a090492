//! `lodgerd mount`: its command line in, the request for a root out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use clap::{Args, ValueEnum};
use lodger::container::{Base, Name};
use lodger::refresh::Places;
use lodger::root::bind::{Bind, Source, Tmpfs};
use lodger::root::volume::Volume;
use lodger::root::{self, MountRequest};
use lodger::{notify, place};
use sd_notify::NotifyState;

use crate::base;

#[derive(Args)]
pub struct Mount {
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
    /// Mounts the root.
    ///
    /// # Errors
    /// Those of [`root::mount()`].
    pub fn run(self) -> Result<()> {
        let no_notify = self.no_notify;
        if no_notify {
            notify::speak_to(Path::new(place::NOTIFY));
        }
        let request = self.request()?;
        if request.base == Base::Pinned && Places::default().pending().exists() {
            // apt has ended, lodgerd has not seen it yet, and somebody starts what has just been installed.
            base::provide_for_start().context("no base can be made")?;
        }
        root::mount(&request)?;
        if no_notify {
            // Until the service has stopped (sd_notify(3)): none of the commands, and the program does not see the socket.
            notify::notify(&[NotifyState::Custom("NOTIFYACCESS=main")])
                .context("cannot tell systemd to take no messages from the service's commands")?;
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
            bases: PathBuf::from(place::MOUNTED_BASES),
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        mount: Mount,
    }

    #[test]
    fn all_options_of_mount_arrive() {
        let line = "mount --base=host --hide=/opt/other --ephemeral --volume=shop,owner=www-data:adm,mode=2750 \
                    --program=/bin/x --program=y --bind /srv/a /srv/b --bind-read-only /srv/c /srv/c --bind /srv/e /srv/f \
                    --tmpfs 4096,mode=0700 /scratch --working-directory=/srv/b web@1";
        let words = line.split(' ').filter(|word| !word.is_empty());
        let mount = Arguments::parse_from(words).mount;
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
            bases: place::MOUNTED_BASES.into(),
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
}
