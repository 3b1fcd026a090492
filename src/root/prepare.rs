//! `lodgerd prepare`: a container whose root systemd makes alone, in; what has to be there before its first start, out.
//!
//! It is done once, by a service of its own that the container's unit requires until it is done: a command in the container's
//! own unit would be paid at every start, and would see the container's mounts.

use std::fs;
use std::io;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use anyhow::{Context, Result};
use nix::fcntl::FlockArg;

use super::mask::Owner;
use super::overlay::{make_afresh, make_directory};
use super::seen::owner;
use super::skeleton;
use super::stack;
use super::sweep;
use super::volume::Volume;
use crate::container::{Container, MountSource, Name, RootKind};
use crate::place;

/// The name of a /var that is not complete yet.
const MAKING: &str = ".making-var";

/// Prepares `container`, on the base whose tree is `current`. What is there already is left as it is.
///
/// # Errors
/// When something cannot be made, or a volume's owner is not known.
pub fn prepare(container: &Container, current: &Path) -> Result<()> {
    let state = container.name.state();
    make_directory(Path::new(place::CONTAINERS), 0o700)?;
    make_directory(&state, 0o700)?;
    let _lock = sweep::lock_directory(&state, FlockArg::LockExclusive)?;
    provide_volumes(container)?;
    match container.root.kind {
        RootKind::Shared => provide_var(&state, &current.join("var"))?,
        RootKind::Overlay => stack::provide(&container.name, &state, current)?,
    }
    provide_link(&state)
}

fn provide_volumes(container: &Container) -> Result<()> {
    let volumes = Path::new(place::VOLUMES);
    for mount in container.mounts.values() {
        if let MountSource::Volume { name, owner, mode } = &mount.source {
            make_directory(volumes, 0o700)?;
            let volume = Volume {
                name: Name::parse(name).map_err(anyhow::Error::msg)?,
                user: owner.as_ref().map(|owner| owner.user.clone()),
                group: owner.as_ref().and_then(|owner| owner.group.clone()),
                mode: mode.unwrap_or(0o755),
            };
            volume.provide(volumes)?;
        }
    }
    Ok(())
}

fn provide_var(state: &Path, skeleton: &Path) -> Result<()> {
    let own = state.join(place::OWN_VAR);
    if own.is_dir() {
        return Ok(());
    }
    let making = state.join(MAKING);
    let failed = || format!("cannot make '{}'", own.display());
    make_afresh(&making).with_context(failed)?;
    let entries = skeleton::read(skeleton)?;
    skeleton::complete(&making, &entries)?;
    let Owner { mode, uid, gid } = owner(&fs::metadata(skeleton).with_context(failed)?);
    chown(&making, Some(uid), Some(gid)).with_context(failed)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(&making, mode).with_context(failed)?;
    fs::rename(&making, &own).with_context(failed)
}

/// The link to the base, unless the container is held on one.
fn provide_link(state: &Path) -> Result<()> {
    let link = state.join(place::HELD_BASE);
    if link.is_symlink() {
        return Ok(());
    }
    follow(&link, Path::new(place::CURRENT_BASE))
}

/// Makes `link`, which a container's state has, lead to the base with this number, or to whichever is `current`; in one step.
///
/// # Errors
/// When it cannot be made.
pub fn follow(link: &Path, base: &Path) -> Result<()> {
    let target = Path::new(place::MOUNTED_BASES).join(base);
    let making = link.with_extension("making");
    let failed = || format!("cannot make the link '{}'", link.display());
    match fs::remove_file(&making) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(cause).with_context(failed);
        }
        _ => {}
    }
    symlink(&target, &making).with_context(failed)?;
    fs::rename(&making, link).with_context(failed)?;
    let directory = link.parent().unwrap_or(Path::new("/"));
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .with_context(failed)
}
