//! What is compared, by name; for each its unit, and what has to lie on disk before its first start, out.
//!
//! Every peer but `podman run` is a unit, so that the same PID 1 starts, stops and watches all of them. Each gets what makes its
//! root fresh at every start and its own processes' namespace, and the host's network; beyond that its defaults.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::run::{self, text_of};

/// Every line that a payload writes when it begins.
pub const STARTED: &str = "/run/bench/started";
pub const PAYLOAD: &str = "/usr/local/bin/payload";
/// Uppers of those that are told where theirs is.
const UPPERS: &str = "/var/lib/bench";
/// The host's root without what is mounted in it, for those that refuse `/` itself.
const HOST: &str = "/run/bench/host";
const KEEPER: &str = "/etc/systemd/system/bench.target";
/// lodger takes no file for what a container writes, systemd does.
const LODGER_DROP_INS: &str = "/etc/systemd/system/lodger-bench@.service.d";
const UNITS: &str = "/etc/systemd/system";
/// systemd-nspawn allows no key rings, and the booted system may have no controllers.
const CONTAINERS_CONF: &str = "[containers]\nkeyring = false\npids_limit = 0\n";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Plain,
    LodgerHost,
    LodgerPinned,
    LodgerShared,
    LodgerIsolated,
    Bwrap,
    Lxc,
    Nspawn,
    Podman,
    PodmanIsolated,
    Quadlet,
}

/// In the order of the tables.
pub const SUBJECTS: [Subject; 11] = [
    Subject::Plain,
    Subject::LodgerHost,
    Subject::LodgerPinned,
    Subject::LodgerShared,
    Subject::LodgerIsolated,
    Subject::Bwrap,
    Subject::Lxc,
    Subject::Nspawn,
    Subject::Podman,
    Subject::PodmanIsolated,
    Subject::Quadlet,
];

impl Subject {
    pub fn named(name: &str) -> Result<Self> {
        SUBJECTS
            .into_iter()
            .find(|subject| subject.name() == name)
            .with_context(|| format!("nothing named '{name}' is compared"))
    }

    pub fn name(self) -> &'static str {
        match self {
            Subject::Plain => "plain",
            Subject::LodgerHost => "lodger-host",
            Subject::LodgerPinned => "lodger-pinned",
            Subject::LodgerShared => "lodger-shared",
            Subject::LodgerIsolated => "lodger-isolated",
            Subject::Bwrap => "bwrap",
            Subject::Lxc => "lxc-execute",
            Subject::Nspawn => "nspawn",
            Subject::Podman => "podman",
            Subject::PodmanIsolated => "podman-isolated",
            Subject::Quadlet => "quadlet",
        }
    }

    /// The name of container `number` without a suffix.
    pub fn container(self, number: usize) -> String {
        if self.is_lodger() {
            format!("lodger-bench@{number}")
        } else if self.is_podman() {
            format!("bench-{number}")
        } else {
            format!("bench@{number}")
        }
    }

    pub fn unit(self, number: usize) -> String {
        self.container(number) + ".service"
    }

    /// What the programs call themselves.
    pub fn version(self) -> Result<String> {
        let systemd = || -> Result<String> {
            let text = text_of(Command::new("systemctl").arg("--version"))?;
            let inner = text.split(['(', ')']).nth(1).unwrap_or_default();
            Ok(format!("systemd {inner}"))
        };
        let own = |program: &str| -> Result<String> {
            let text = text_of(Command::new(program).arg("--version"))?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        };
        match self {
            Subject::Plain | Subject::Nspawn => systemd(),
            Subject::LodgerHost
            | Subject::LodgerPinned
            | Subject::LodgerShared
            | Subject::LodgerIsolated => own("lodger"),
            Subject::Bwrap => own("bwrap"),
            Subject::Lxc => Ok(format!("lxc {}", own("lxc-execute")?)),
            Subject::Podman | Subject::PodmanIsolated | Subject::Quadlet => own("podman"),
        }
    }

    /// Where its definition is written to.
    fn definition_path(self) -> Option<PathBuf> {
        match self {
            Subject::Podman | Subject::PodmanIsolated => None,
            Subject::LodgerHost
            | Subject::LodgerPinned
            | Subject::LodgerShared
            | Subject::LodgerIsolated => Some("/etc/lodger/bench@.toml".into()),
            Subject::Quadlet => Some("/etc/containers/systemd/bench@.container".into()),
            _ => Some(Path::new(UNITS).join("bench@.service")),
        }
    }

    /// The unit, or what a generator makes it from, for `most` containers.
    fn definition(self, most: usize) -> Result<String> {
        let unit = |lines: &str| {
            format!(
                "[Unit]\nStartLimitIntervalSec=0\n[Service]\nStandardOutput=append:{STARTED}\n{lines}\n"
            )
        };
        Ok(match self {
            Subject::Plain => unit(&format!("Type=exec\nExecStart={PAYLOAD}")),
            Subject::LodgerHost => lodger_file(most, "base = \"host\""),
            Subject::LodgerPinned => lodger_file(most, "base = \"pinned\""),
            Subject::LodgerShared => lodger_file(most, "kind = \"shared\""),
            Subject::LodgerIsolated => {
                lodger_file(most, "kind = \"shared\"\n[network]\nmode = \"none\"")
            }
            Subject::Bwrap => unit(&format!(
                "Type=exec\nExecStart=bwrap --overlay-src / --overlay {UPPERS}/%i/upper {UPPERS}/%i/work / --dev /dev \
                 --proc /proc --tmpfs /run --tmpfs /tmp --unshare-pid --unshare-ipc --unshare-uts --die-with-parent {PAYLOAD}"
            )),
            // lxc-execute passes SIGTERM on to its init, and that to all.
            Subject::Lxc => unit(&format!(
                "Type=exec\nKillMode=mixed\nDelegate=yes\nExecStart=lxc-execute -n %i -P /run/bench/lxc \
                 -f /run/bench/lxc.conf -s lxc.rootfs.path=overlay:/:{UPPERS}/%i/upper -- {PAYLOAD}"
            )),
            Subject::Nspawn => unit(&format!(
                "Type=notify\nDelegate=yes\nExecStart=systemd-nspawn --quiet --register=no --keep-unit --as-pid2 \
                 --kill-signal=SIGTERM --console=pipe --machine=bench-%i -D {HOST} --volatile=overlay {PAYLOAD}"
            )),
            Subject::Podman | Subject::PodmanIsolated => String::new(),
            Subject::Quadlet => format!(
                "[Unit]\nStartLimitIntervalSec=0\n[Container]\nRootfs=/:O\nExec={PAYLOAD}\nNetwork=host\nLogDriver=passthrough\n\
                 [Service]\nStandardOutput=append:{STARTED}\n"
            ),
        })
    }

    /// Makes up to `most` containers startable. `Ok(false)`: this lodger does not know such roots; why is on stderr.
    /// PID 1 keeps what it noted of the containers `watched` after they have stopped.
    pub fn install(self, most: usize, watched: &[usize]) -> Result<bool> {
        fs::create_dir_all("/run/bench/lxc")?;
        fs::File::options()
            .create(true)
            .append(true)
            .open(STARTED)?;
        match self {
            Subject::Lxc => fs::write("/run/bench/lxc.conf", "lxc.net.0.type = none\n")?,
            Subject::Podman | Subject::PodmanIsolated | Subject::Quadlet => {
                fs::create_dir_all("/etc/containers")?;
                fs::write("/etc/containers/containers.conf", CONTAINERS_CONF)?;
            }
            Subject::Nspawn if !Path::new(HOST).exists() => {
                fs::create_dir_all(HOST)?;
                run::succeed(Command::new("mount").args(["--bind", "/", HOST]))?;
            }
            _ => {}
        }
        if matches!(self, Subject::Bwrap | Subject::Lxc) {
            for number in 1..=most {
                for part in ["upper", "work"] {
                    fs::create_dir_all(format!("{UPPERS}/{number}/{part}"))?;
                }
            }
        }
        if let Some(path) = self.definition_path() {
            fs::create_dir_all(path.parent().context("a file at /")?)?;
            fs::write(&path, self.definition(most)?)?;
            if self.is_lodger() {
                fs::create_dir_all(LODGER_DROP_INS)?;
                fs::write(
                    Path::new(LODGER_DROP_INS).join("bench.conf"),
                    format!("[Service]\nStandardOutput=append:{STARTED}\n"),
                )?;
                let check = Command::new("lodger").arg("check").arg(&path).output()?;
                if !check.status.success() {
                    eprintln!(
                        "bench: SKIPPED {}: lodger check refuses it: {}",
                        self.name(),
                        String::from_utf8_lossy(&check.stdout).trim()
                    );
                    eprint!("{}", String::from_utf8_lossy(&check.stderr));
                    fs::remove_file(&path)?;
                    return Ok(false);
                }
            }
        }
        // What nothing refers to is forgotten as it stops, with the moment at which it did.
        let units: Vec<_> = watched.iter().map(|number| self.unit(*number)).collect();
        fs::write(KEEPER, format!("[Unit]\nAfter={}\n", units.join(" ")))?;
        run::succeed(Command::new("systemctl").arg("daemon-reload"))?;
        run::succeed(Command::new("systemctl").args(["start", "bench.target"]))?;
        Ok(true)
    }

    /// Takes away what [`install`](Self::install) wrote, once nothing runs any more.
    pub fn remove(self) -> Result<()> {
        if let Some(path) = self.definition_path() {
            fs::remove_file(&path)?;
        }
        run::succeed(Command::new("systemctl").args(["stop", "bench.target"]))?;
        run::succeed(Command::new("systemctl").arg("daemon-reload"))?;
        run::succeed(Command::new("systemctl").arg("reset-failed"))
    }

    fn is_lodger(self) -> bool {
        matches!(
            self,
            Subject::LodgerHost
                | Subject::LodgerPinned
                | Subject::LodgerShared
                | Subject::LodgerIsolated
        )
    }

    /// Whether it is started by podman's own command, which no unit stands for.
    pub fn is_podman(self) -> bool {
        matches!(self, Subject::Podman | Subject::PodmanIsolated)
    }
}

fn lodger_file(most: usize, root: &str) -> String {
    format!("instances = {most}\nstart = \"manual\"\nexec = [\"{PAYLOAD}\"]\n[root]\n{root}\n")
}
