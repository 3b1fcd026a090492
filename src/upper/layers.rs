//! A container in; its uppers, each with what it lies on, walked, and one sorted list of what they change out.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::lower::Lower;
use super::mark::Marks;
use super::node::{self, open_tree};
use super::walk::{Upper, walk};
use super::{Budget, Diff, Extent};
use crate::container::{Base, Container, Name};
use crate::place;
use crate::root::mask::Mask;
use crate::root::writable::Writable;
use crate::root::{lower, seen, submounts};

/// A container, and what decides which uppers it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub name: Name,
    /// Its state, `/var/lib/lodger/containers/NAME`.
    pub state: PathBuf,
    /// The tree that the uppers lie on.
    pub base: PathBuf,
    /// What it must not see of that, besides what lodger always hides.
    pub hide: Vec<PathBuf>,
    /// Where it has mounts of its own, with their places made in the upper.
    pub mounts: Vec<PathBuf>,
    /// Whether its uppers are those that the next start throws away.
    pub ephemeral: bool,
    /// Which marks its overlays read.
    pub marks: Marks,
}

impl Subject {
    /// The container `name`, with what its file says; without a file, as if that said nothing.
    ///
    /// # Errors
    /// When its state cannot be read.
    pub fn of(name: &Name, container: Option<&Container>) -> Result<Self> {
        let state = name.state();
        Ok(Self {
            name: name.clone(),
            base: base(&state, container)?,
            hide: container.map_or_else(Vec::new, |container| container.root.hide.clone()),
            mounts: container.map_or_else(Vec::new, mounts),
            ephemeral: container.is_some_and(|container| container.root.ephemeral),
            // Both systemd and lodgerd mount with `userxattr`.
            marks: Marks::User,
            state,
        })
    }

    fn layers(&self) -> PathBuf {
        match self.ephemeral {
            true => self.state.join(place::EPHEMERAL),
            false => self.state.clone(),
        }
    }

    fn is_on_host(&self) -> bool {
        self.base == Path::new("/")
    }
}

fn mounts(container: &Container) -> Vec<PathBuf> {
    let shown = container.root.show.iter();
    shown.chain(container.mounts.keys()).cloned().collect()
}

/// The tree that its next start is on. Without a file nobody can tell; pinned bases are what most lie on.
fn base(state: &Path, container: Option<&Container>) -> Result<PathBuf> {
    let bases = Path::new(place::MOUNTED_BASES);
    if container.is_some_and(|container| container.root.base == Base::Host) {
        return Ok(PathBuf::from("/"));
    }
    match lower::held(state)? {
        Some(number) => Ok(bases.join(number)),
        None => lower::current(bases),
    }
}

/// The masks of the host, each made once: they are the same for most containers.
#[derive(Debug, Default)]
pub struct Masks(HashMap<Vec<PathBuf>, Mask>);

impl Masks {
    fn of(&mut self, subject: &Subject) -> Result<&Mask> {
        let mut key = vec![subject.base.clone()];
        key.extend(subject.hide.iter().cloned());
        if !self.0.contains_key(&key) {
            let host = Path::new("/");
            let mask = match subject.is_on_host() {
                true => seen::mask_of_host(host, &subject.hide)?,
                false => seen::mask_of_base(&subject.base, host, &subject.hide)?,
            };
            self.0.insert(key.clone(), mask);
        }
        Ok(self.0.entry(key).or_default())
    }
}

/// What a container's uppers change. A running container may change them meanwhile.
///
/// # Errors
/// When there is no telling what the uppers lie on, or they cannot be opened.
pub fn diff(
    subject: &Subject,
    extent: Extent,
    masks: &mut Masks,
    budget: &mut Budget,
) -> Result<Diff> {
    let mut diff = Diff::default();
    let state = subject.layers();
    let mut places = other_points(&state)?;
    if node::is_directory(&Writable::of(&state).upper) {
        places.push(PathBuf::new());
    }
    if places.is_empty() {
        return Ok(diff);
    }
    let mask = masks.of(subject)?;
    let mounted = match subject.is_on_host() {
        true => mounted(mask)?,
        false => Vec::new(),
    };
    let from_root = |point: &PathBuf| Path::new("/").join(point);
    let mut covered: Vec<PathBuf> = mounted.iter().map(from_root).collect();
    covered.extend(subject.mounts.iter().cloned());
    for place in places {
        let is_root = place.as_os_str().is_empty();
        if !is_root && !mounted.contains(&place) {
            diff.unused.push(place);
            continue;
        }
        let state = match is_root {
            true => state.clone(),
            false => submounts::state(&state, &place),
        };
        let lower = Lower::new(open_tree(&subject.base.join(&place))?, mask.below(&place));
        let upper = Upper {
            tree: open_tree(&Writable::of(&state).upper)?,
            lower: &lower,
            marks: subject.marks,
            at: &from_root(&place),
            covered: &covered,
        };
        walk(&upper, extent, budget, &mut diff);
    }
    diff.entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(diff)
}

/// The mount points of the host that containers get overlays of their own for, relative to `/`.
fn mounted(mask: &Mask) -> Result<Vec<PathBuf>> {
    let table = "/proc/self/mountinfo";
    let mountinfo = fs::read(table).with_context(|| format!("cannot read '{table}'"))?;
    Ok(submounts::in_sight(
        &submounts::parse_mount_points(&mountinfo),
        mask,
    ))
}

/// The places in the container that have uppers of their own, relative to `/`.
fn other_points(state: &Path) -> Result<Vec<PathBuf>> {
    let directory = state.join("submounts");
    let refused = || format!("cannot read '{}'", directory.display());
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause).with_context(refused),
    };
    let names: io::Result<Vec<OsString>> = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect();
    let names = names.with_context(refused)?;
    let mut points: Vec<_> = names.iter().map(|name| submounts::point(name)).collect();
    points.sort();
    Ok(points)
}
