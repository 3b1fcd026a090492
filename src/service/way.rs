//! How a container's root comes about when it starts.

use std::fs;
use std::path::PathBuf;

use super::{mstack, shared};
use crate::container::{Container, RootKind};
use crate::prefix::Prefix;
use crate::stop::noted;

/// Who makes a container's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `lodgerd mount` mounts it on the host before the program starts, and takes it off there once that runs.
    Mounted,
    /// systemd alone, from what has been prepared.
    Shared(Known),
    /// systemd alone as well: an overlay in the service's own mount namespace (`RootMStack=`, systemd 260).
    Stacked(Known),
}

/// What is known of a container from what is on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether its root has been prepared: if not, the start has to wait for it.
    pub prepared: bool,
    /// Whether systemd can stop it without lodgerd: see [`crate::stop::noted`].
    pub takes_signal: bool,
}

impl Way {
    /// Whether the unit does without `lodgerd stop`.
    pub fn stops_alone(self) -> bool {
        match self {
            Way::Mounted => false,
            Way::Shared(known) | Way::Stacked(known) => known.takes_signal,
        }
    }

    /// The way of `container` on the host below `prefix`, whose systemd has the version `systemd`.
    pub fn of(container: &Container, prefix: &Prefix, systemd: u32) -> Self {
        let is_there = |path: &PathBuf| fs::symlink_metadata(prefix.at(path)).is_ok();
        let known = |prepared: Vec<PathBuf>| Known {
            prepared: prepared.iter().all(is_there),
            takes_signal: systemd >= noted::SINCE
                && noted::is_noted(container, &prefix.at(container.name.state())),
        };
        match container.root.kind {
            RootKind::Shared => Way::Shared(known(shared::prepared(container))),
            // systemd mounts and changes directory for commands that see the host as well: a place that is not there would be made
            // on the host, and a directory that is not there would fail the stop.
            RootKind::Overlay
                if systemd >= mstack::SINCE
                    && mstack::suits(container)
                    && container.mounts.keys().all(is_there)
                    && prefix.at(&container.working_directory).is_dir() =>
            {
                Way::Stacked(known(mstack::prepared(container)))
            }
            RootKind::Overlay => Way::Mounted,
        }
    }
}
