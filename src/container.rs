//! The container as lodger means it: plain, valid data. No serde, no I/O.
//!
//! [`mod@file`] turns the text of container files into a [`Container`] or into diagnostics; everything after it
//! may rely on what the types here promise. [`keys`] is the one table of what can be written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::signal::SignalNumber;

mod bounds;
mod directives;
mod exec;
pub mod file;
pub mod health;
pub mod hidden;
pub mod installed;
mod instances;
pub mod keys;
pub mod mounts;
pub mod name;
pub(crate) mod named;
mod ordered;
pub mod raw;
pub mod references;
pub mod search;
pub mod shared;
pub mod sources;
pub mod update;
pub mod values;

pub use health::{Health, Unhealthy};
pub use mounts::{Mount, MountSource};
pub use name::Name;
pub use ordered::Ordered;
pub use update::{Update, UpdatePolicy};

/// One container: one service unit, one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// `web`, or `web@3` for an instance.
    pub name: Name,
    /// The container file as the booted system sees it (`SourcePath=`), without any `LODGER_ROOT`.
    pub source: PathBuf,
    /// `Description=` of the unit; the name when the file says none.
    pub description: String,
    /// Program and arguments; never empty. The program is absolute or a bare name.
    pub exec: Vec<String>,
    /// What `systemctl reload` runs inside; empty when it cannot be reloaded.
    pub exec_reload: Vec<String>,
    /// Whether a small init is process 1, and the program its child.
    pub init: bool,
    /// `User=`; `None` is root with a small capability set.
    pub user: Option<User>,
    /// `Environment=`, names already checked.
    pub environment: Ordered<String, String>,
    /// `EnvironmentFile=`, absolute, on the host.
    pub environment_files: Vec<EnvironmentFile>,
    /// Absolute path inside the container's root; `/` by default.
    pub working_directory: PathBuf,
    /// `Type=`.
    pub service_type: ServiceType,
    /// `Restart=`.
    pub restart: Restart,
    /// When it is started.
    pub start: Start,
    /// What asks the program to end: `SIGTERM` by default.
    pub stop_signal: SignalNumber,
    /// How long it may take after that; 10 s by default.
    pub stop_timeout: Duration,
    /// Other units by their full names.
    pub relations: Relations,
    /// What it sees as `/`.
    pub root: Root,
    /// What else it sees, by the place where it sees it: absolute, normal, never `/`.
    pub mounts: Ordered<PathBuf, Mount>,
    /// Resource limits.
    pub limits: Limits,
    /// What it is shut in with.
    pub isolation: Isolation,
    /// Which network it is in.
    pub network: Network,
    /// Secrets, by the names that the program knows them by.
    pub credentials: Ordered<String, Credential>,
    /// How to find out whether it does its work; `None` if that is not checked.
    pub health: Option<Health>,
    /// What a refresh does with it.
    pub update: Update,
    /// Directives that go into the unit as they are: section, key, checked and escaped value.
    pub directives: Vec<(&'static str, String, String)>,
}

impl Container {
    /// Whether its file mounts something at exactly this place.
    pub fn has_mount(&self, target: &Path) -> bool {
        self.mounts.get(target).is_some()
    }
}

/// Who the program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// A name or number that the host knows.
    Named(String),
    /// Nobody else, made up by systemd for as long as it runs (`DynamicUser=`).
    Dynamic,
}

/// A file of variables that systemd reads on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Absolute.
    pub path: PathBuf,
    /// Whether it may be missing.
    pub optional: bool,
}

/// `Type=` of the service: when systemd takes it for started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceType {
    /// Started once the program has been executed.
    Exec,
    /// Started once the program said `READY=1`.
    Notify,
    /// Done once the program has ended.
    Oneshot,
}

/// `Restart=` of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    No,
    /// After a clean end.
    OnSuccess,
    /// After a failure; the default.
    OnFailure,
    /// After a signal, a timeout or a missed watchdog.
    OnAbnormal,
    /// After an uncaught signal.
    OnAbort,
    /// After a missed watchdog.
    OnWatchdog,
    /// Whatever happened.
    Always,
}

/// When a container is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With `lodger.target`, at boot.
    Boot,
    /// Only when somebody asks.
    Manual,
}

/// How a container stands to other units, each by its full name and named once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relations {
    /// Must be up first (`Requires=` and `After=`).
    pub requires: Vec<String>,
    /// Are started too, and first, if they can be (`Wants=` and `After=`).
    pub wants: Vec<String>,
    /// Come first if they come at all (`After=`).
    pub after: Vec<String>,
    /// Take this container with them when they stop or restart (`PartOf=`).
    pub part_of: Vec<String>,
}

/// What a container sees as `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// How the base becomes the root.
    pub kind: RootKind,
    /// The read-only tree underneath.
    pub base: Base,
    /// Absolute, normal paths of the host that it sees although the base is without them; read-only.
    pub show: Vec<PathBuf>,
    /// Absolute, normal paths that the container must not see, besides those lodger always hides.
    pub hide: Vec<PathBuf>,
    /// Whether each start begins with an empty upper.
    pub ephemeral: bool,
    /// Whether it may write to `/usr`, into its upper.
    pub writable_usr: bool,
}

/// How a base becomes a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// The base under the container's own writable upper.
    Overlay,
    /// The base itself, read-only, with a /var of the container's own.
    Shared,
}

/// The read-only tree that containers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// A generation of the host that never changes: the newest one at each start, unless the container is held on another.
    Pinned,
    /// The live `/`.
    Host,
}

impl Base {
    /// The word for it in container files and on lodgerd's command line.
    pub fn word(&self) -> &'static str {
        match self {
            Base::Pinned => "pinned",
            Base::Host => "host",
        }
    }
}

/// A number with a top, or none on purpose: a weaker file's limit taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Up to this.
    Of(u64),
    /// `infinity`.
    Infinity,
}

/// Resource limits; `None` is systemd's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// `MemoryMax=`, bytes.
    pub memory: Option<Limit>,
    /// `MemoryHigh=`, bytes.
    pub memory_high: Option<Limit>,
    /// `MemorySwapMax=`, bytes.
    pub swap: Option<Limit>,
    /// `CPUQuota=`, per cent of one CPU.
    pub cpu_percent: Option<u32>,
    /// `TasksMax=`.
    pub tasks: Option<Limit>,
    /// `LimitNOFILE=`.
    pub open_files: Option<u64>,
    /// `IOWeight=`.
    pub io_weight: Option<u64>,
}

/// What a container is shut in with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Isolation {
    /// The set of rules.
    pub profile: Profile,
    /// The most capabilities it can have, in place of the profile's; sorted.
    pub capabilities: Option<Vec<&'static str>>,
    /// Devices of the host that it sees, besides those that every program needs.
    pub devices: Vec<Device>,
}

/// A set of isolation rules, weakest isolation last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// What services that drop their privileges themselves can live with.
    #[default]
    Default,
    /// No capabilities, no namespaces, only the system calls of ordinary services.
    Strict,
    /// For software of one's own that needs more of the host.
    Trusted,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Absolute, below `/dev`.
    pub path: PathBuf,
    /// Of `r`, `w` and `m`, in this order, at least one.
    pub access: String,
    /// Whether it may be missing.
    pub optional: bool,
}

/// Which network a container is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    /// The host's.
    #[default]
    Host,
    /// One of its own with nothing but a loopback device (`PrivateNetwork=`).
    None,
}

/// Where systemd gets a secret from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Absolute, on the host.
    pub path: PathBuf,
    /// Whether systemd decrypts it first (`LoadCredentialEncrypted=`).
    pub encrypted: bool,
}
