//! A container's state and the base it starts on in; the directory that systemd stacks its root from, out.
//!
//! What it holds, and why just that, stands in [`crate::service::mstack`].

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};

use super::overlay::{make_afresh, make_directory, make_like, refuse_unfit_upper};
use super::writable::STACKED;
use crate::container::Name;
use crate::place;
use crate::service::mstack;

/// The names of what is not complete yet.
const MAKING: &str = ".making-stack";
const MAKING_DATA: &str = ".making-data";

/// Makes the stack of `name` and what the container writes into, with the owner and mode of the tree `current`. An upper that
/// lodgerd has mounted before becomes part of it.
///
/// # Errors
/// When something cannot be made.
pub fn provide(name: &Name, state: &Path, current: &Path) -> Result<()> {
    provide_writable(state, current)?;
    let stack = mstack::stack(name);
    if stack.is_dir() {
        return Ok(());
    }
    let failed = || format!("cannot make '{}'", stack.display());
    let making = state.join(MAKING);
    make_afresh(&making).with_context(failed)?;
    let beside = |name: &str| Path::new("..").join(name);
    symlink(beside(place::HELD_BASE), making.join("layer@0")).with_context(failed)?;
    DirBuilder::new()
        .mode(0o755)
        .create(making.join("layer@1"))
        .with_context(failed)?;
    symlink(beside(STACKED), making.join("rw")).with_context(failed)?;
    fs::rename(&making, &stack).with_context(failed)
}

/// `rw/data` and `rw/work`. At every moment the upper has one of its two names, and nothing of it is ever removed.
fn provide_writable(state: &Path, current: &Path) -> Result<()> {
    let stacked = state.join(STACKED);
    let (data, upper) = (stacked.join("data"), state.join("upper"));
    let failed = || format!("cannot make '{}'", data.display());
    make_directory(&stacked, 0o700)?;
    // systemd would not look, and the kernel fails later, or leaves a mark out.
    refuse_unfit_upper(&stacked)?;
    make_directory(&stacked.join("work"), 0o755)?;
    if !data.is_dir() {
        if upper.is_dir() && !upper.is_symlink() {
            fs::rename(&upper, &data).with_context(failed)?;
        } else {
            make_like(&stacked.join(MAKING_DATA), &data, current).with_context(failed)?;
        }
    }
    // The name that people know.
    if !upper.is_symlink() && !upper.exists() {
        symlink(Path::new(STACKED).join("data"), &upper).with_context(failed)?;
    }
    Ok(())
}
