//! A stopped container in; its uppers gone out. Volumes, the base it is held on, and its file stay.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::FlockArg;
use serde::Serialize;

use crate::container::{Container, Name};
use crate::place;
use crate::root::writable::STACKED;
use crate::root::{discard, lower, prepare, sweep};
use crate::service::mstack;
use crate::systemd::Systemd;
use crate::upper::node::{self, Kind, Node};
use crate::upper::{Budget, in_use};

/// What a reset takes of a container's state: the uppers with their work directories, and a `shared` root's own /var.
const PARTS: [&str; 6] = [
    "upper",
    "work",
    STACKED,
    "submounts",
    place::EPHEMERAL,
    place::OWN_VAR,
];

/// What a container would lose.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Files and links that it wrote.
    pub files: u64,
    /// What they take on disk.
    pub bytes: u64,
    /// Paths of the base that it deleted, and gets back.
    pub deleted: u64,
    /// Whether there is more than was counted.
    pub more: bool,
    /// Whether the /var of a `shared` root is among it.
    pub var: bool,
}

impl Loss {
    /// Whether there is nothing to lose.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Counts what a container wrote.
///
/// # Errors
/// When its state cannot be read.
pub fn loss(name: &Name) -> Result<Loss> {
    let state = name.state();
    let mut loss = Loss::default();
    let mut budget = Budget::default();
    for part in PARTS.iter().filter(|part| **part != "work") {
        let directory = state.join(part);
        if node::is_directory(&directory) {
            count(&directory, &mut loss, &mut budget.names)
                .with_context(|| format!("cannot look through '{}'", directory.display()))?;
            loss.var |= *part == "var" && has_entries(&directory);
        }
    }
    Ok(loss)
}

fn has_entries(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

fn count(top: &Path, loss: &mut Loss, names: &mut usize) -> Result<()> {
    let tree = node::open_tree(top)?;
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        let directory = match node::directory(&tree, &path) {
            Ok(Some(directory)) => directory,
            Ok(None) => continue,
            // Its path is longer than a path can be.
            Err(nix::errno::Errno::ENAMETOOLONG) => {
                loss.more = true;
                continue;
            }
            Err(cause) => return Err(cause.into()),
        };
        let mut nodes = Vec::new();
        let mut is_over = false;
        node::for_each_name(directory.try_clone()?, |name| {
            is_over = *names == 0;
            *names = names.saturating_sub(1);
            nodes.push(name.to_owned());
            !is_over
        })?;
        for name in &nodes {
            if let Some(node) = Node::at(&directory, name)? {
                add(loss, &node);
                // What overlayfs keeps for itself.
                let is_work = name == OsStr::new("work") && is_state(&path, top);
                if node.kind == Kind::Directory && !is_work {
                    waiting.push(path.join(name));
                }
            }
        }
        if is_over {
            loss.more = true;
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the directory `path` below the part `top` is one of lodger's that holds an upper, not one of the container's.
fn is_state(path: &Path, top: &Path) -> bool {
    let depth = path.components().count();
    match top.file_name().and_then(OsStr::to_str) {
        Some("submounts") => depth == 1,
        Some(STACKED) => depth == 0,
        Some(place::EPHEMERAL) => depth == 0 || depth == 2 && path.starts_with("submounts"),
        _ => false,
    }
}

fn add(loss: &mut Loss, node: &Node) {
    let is_whiteout = node.kind == Kind::Device && node.device == 0;
    match node.kind {
        Kind::Directory => {}
        _ if is_whiteout => loss.deleted += 1,
        _ => {
            loss.files += 1;
            loss.bytes = loss.bytes.saturating_add(node.allocated);
        }
    }
}

/// Refuses a container that runs, or whose root a process still has.
///
/// # Errors
/// Then, and when that cannot be found out.
pub fn require_stopped(name: &Name, systemd: &mut Systemd) -> Result<()> {
    let service = systemd.service(&name.service())?;
    if let Some(service) =
        service.filter(|service| !matches!(service.active.as_str(), "inactive" | "failed"))
    {
        bail!(
            "{name} is {}; stop it first: systemctl stop {}",
            service.active,
            name.service()
        );
    }
    if let Some(pid) = in_use::user_of(&name.state())? {
        bail!(
            "process {pid} still has the root of {name} mounted; end it first: 'systemctl status {pid}' tells what it belongs to"
        );
    }
    Ok(())
}

/// Discards what a stopped container wrote. A start meanwhile waits, and gets a fresh root. What its next start needs is prepared
/// again, unless no file makes the `container` any more.
///
/// # Errors
/// When it is not stopped, then nothing has changed; and when something cannot be removed, then all the rest has been.
pub fn reset(name: &Name, container: Option<&Container>, systemd: &mut Systemd) -> Result<()> {
    let state = name.state();
    if !node::is_directory(&state) {
        return Ok(());
    }
    let was_prepared = state.join(place::OWN_VAR).exists() || mstack::stack(name).exists();
    {
        let _lock = sweep::lock_directory(&state, FlockArg::LockExclusive)?;
        require_stopped(name, systemd)?;
        discard::set_aside(&state, &PARTS)?;
        // A start that needs nothing of lodgerd's takes no lock: one that began meanwhile has its upper back.
        if let Err(cause) = require_stopped(name, systemd) {
            discard::put_back(&state, &PARTS)?;
            return Err(cause);
        }
        discard::sweep(&state)?;
    }
    if let Some(container) = container.filter(|_| was_prepared) {
        let current = lower::current(Path::new(place::MOUNTED_BASES))?;
        prepare::prepare(container, &current)?;
    }
    Ok(())
}
