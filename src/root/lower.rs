//! The tree that a container's root is made from: its base, and the base it is held on, in; the tree, kept from being
//! removed until the root is mounted, out.
//!
//! Numbers are resolved once, here. What is mounted is `bases/4` and not `bases/current`, so that the mount table tells
//! which base a container runs on, and no later start of another one changes it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::Flock;

use super::sweep;
use crate::container::Base;
use crate::place;

/// A tree to make a root from.
#[derive(Debug)]
pub struct Lower {
    /// The tree.
    pub tree: PathBuf,
    /// Bases are removed by those only who have the lock exclusively.
    _lock: Option<Flock<File>>,
}

/// The tree for a start of the container `name`, whose state is in `state`; pinned bases are in `bases`.
///
/// # Errors
/// When there is no base yet, or the one it is held on is gone.
pub fn lower(base: Base, state: &Path, bases: &Path) -> Result<Lower> {
    if base == Base::Host {
        return Ok(Lower {
            tree: PathBuf::from("/"),
            _lock: None,
        });
    }
    if !bases.is_dir() {
        bail!(
            "there is no pinned base in '{}'; 'systemctl restart lodgerd-base.service' makes one, and mounts what there is",
            bases.display()
        );
    }
    let lock = sweep::hold(bases)?;
    let tree = match held(state)? {
        Some(number) => {
            let tree = bases.join(&number);
            if !tree.is_dir() {
                bail!(
                    "the container is held on base {number}, and '{}' is gone; 'lodger unhold' lets it run on the current one",
                    tree.display()
                );
            }
            tree
        }
        None => current(bases)?,
    };
    Ok(Lower {
        tree,
        _lock: Some(lock),
    })
}

/// The number of the base that a container is held on; `None` if it follows the current one.
///
/// # Errors
/// When the link cannot be read, or leads to something else.
pub fn held(state: &Path) -> Result<Option<String>> {
    let link = state.join(place::HELD_BASE);
    let target = match fs::read_link(&link) {
        Ok(target) => target,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => {
            return Err(cause).with_context(|| format!("cannot read '{}'", link.display()));
        }
    };
    let name = target.file_name().and_then(OsStr::to_str).unwrap_or("");
    if name == place::CURRENT_BASE {
        return Ok(None);
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!(
            "'{}' leads to '{}', which is no base",
            link.display(),
            target.display()
        );
    }
    Ok(Some(name.to_owned()))
}

/// The tree of the current base.
///
/// # Errors
/// When there is none.
pub fn current(bases: &Path) -> Result<PathBuf> {
    let link = bases.join(place::CURRENT_BASE);
    let number = match fs::read_link(&link) {
        Ok(number) => number,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => bail!(
            "there is no pinned base in '{}'; 'systemctl restart lodgerd-base.service' makes one, and mounts what there is",
            bases.display()
        ),
        Err(cause) => {
            return Err(cause).with_context(|| format!("cannot read '{}'", link.display()));
        }
    };
    let tree = bases.join(number);
    if !tree.is_dir() {
        bail!(
            "'{}' leads to '{}', which is no base; 'systemctl restart lodgerd-base.service' makes one, and mounts what there is",
            link.display(),
            tree.display()
        );
    }
    Ok(tree)
}
