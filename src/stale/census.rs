//! Paths of packages, and a container, in; which of its processes map what is there now, what was there before, or the
//! container's own, out.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::maps::Mapping;
use super::trees::Tree;
use super::view::{Root, View};
use super::{Depth, Scanner, StaleProcess, mounts};
use crate::container::Name;

/// The files that are asked for, each with a number of the caller's.
pub type Wanted = HashMap<PathBuf, usize>;

/// What a process maps of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// What the host has now, and nothing else.
    New,
    /// The container's own.
    Shadow,
    /// What the host no longer has.
    Old,
}

/// The processes of one container.
#[derive(Debug, Default)]
pub struct Census {
    /// How many were looked at.
    pub processes: usize,
    /// What each maps of what, at worst, by its number on the host and the caller's number.
    pub fates: BTreeMap<(i32, usize), Fate>,
    /// Those on old code, whether it was asked for or not, with the first file that shows it or why nothing could be told.
    pub stale: Vec<StaleProcess>,
    /// Those of which nothing could be told.
    pub unknown: Vec<StaleProcess>,
}

impl Scanner {
    /// Looks which of the `wanted` files the processes of the container `name` map, see [`Scanner::scan`].
    pub fn census(&mut self, name: &Name, cgroup: &str, wanted: &Wanted) -> Census {
        let found = self.look(name, cgroup, Depth::Files(wanted));
        Census {
            processes: found.processes,
            fates: found.fates,
            stale: found.stale,
            unknown: found.unknown,
        }
    }

    /// What a mapping is to whom, if it is a file that is wanted. `stale` is the path of one that is old.
    pub(super) fn fate(
        &mut self,
        view: &View,
        mapping: &Mapping<'_>,
        stale: Option<&Path>,
        wanted: &Wanted,
    ) -> Result<Option<(usize, Fate)>> {
        let path = stale.unwrap_or_else(|| mapping.path());
        let Some(number) = wanted.get(path) else {
            return Ok(None);
        };
        if stale.is_some() {
            return Ok(Some((*number, Fate::Old)));
        }
        let tree = match &view.root {
            Root::Overlays(overlays) => {
                let mut overlays = overlays.iter();
                let of_device = overlays.find(|(overlay, _)| overlay.device == mapping.device);
                of_device.map(|(_, tree)| *tree)
            }
            Root::Base => mounts::is_of_root(&view.mounts, path).then_some(Tree::CurrentBase),
            Root::Unknown => None,
        };
        // Something is mounted there on purpose.
        let Some(tree) = tree else {
            return Ok(None);
        };
        let fate = match self.is_current(tree, path, mapping.inode)? {
            true => Fate::New,
            false => Fate::Shadow,
        };
        Ok(Some((*number, fate)))
    }
}
