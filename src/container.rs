//! The container as lodger means it: plain, valid data. No serde, no I/O.
//!
//! [`mod@file`] turns the text of a container file into a [`Container`] or into diagnostics; everything after it
//! may rely on what the types here promise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod exec;
pub mod file;
pub mod installed;
mod instances;
pub mod name;
pub mod raw;
pub mod requires;
pub mod search;
pub mod values;

pub use name::Name;

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
    /// `User=`; `None` is root with a small capability set.
    pub user: Option<String>,
    /// `Environment=`, names already checked.
    pub environment: BTreeMap<String, String>,
    /// Absolute path inside the container's root; `/` by default.
    pub working_directory: PathBuf,
    /// `Type=`.
    pub service_type: ServiceType,
    /// `Restart=`.
    pub restart: Restart,
    /// When it is started.
    pub start: Start,
    /// `TimeoutStopSec=`; 10 s by default.
    pub stop_timeout: Duration,
    /// Full unit names that must be up first (`Requires=` and `After=`).
    pub requires: Vec<String>,
    /// What it sees as `/`.
    pub root: Root,
    /// Resource limits.
    pub limits: Limits,
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

/// What a container sees as `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// How the base becomes the root.
    pub kind: RootKind,
    /// The read-only tree underneath.
    pub base: Base,
    /// Absolute, normal paths that the container must not see, besides those lodger always hides.
    pub hide: Vec<PathBuf>,
}

/// How a base becomes a root. `shared` comes with pinned bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// The base under the container's own writable upper.
    Overlay,
}

/// The read-only tree that containers share. A value, not an assumption: pinned generations will stand beside the live host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The live `/`.
    Host,
}

impl Base {
    /// The word for it in container files and on lodgerd's command line.
    pub fn word(&self) -> &'static str {
        match self {
            Base::Host => "host",
        }
    }

    /// The tree itself, as the booted system sees it.
    pub fn tree(&self) -> &Path {
        match self {
            Base::Host => Path::new("/"),
        }
    }
}

/// Resource limits; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// `MemoryMax=`, bytes.
    pub memory: Option<u64>,
    /// `CPUQuota=`, per cent of one CPU.
    pub cpu_percent: Option<u32>,
    /// `TasksMax=`.
    pub tasks: Option<u64>,
}
