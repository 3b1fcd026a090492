//! How a container's root comes about when it starts.

use std::fs;
use std::path::PathBuf;

use super::{mstack, shared};
use crate::container::{Container, RootKind};
use crate::prefix::Prefix;

/// Who makes a container's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `lodgerd mount` mounts it on the host before the program starts, and takes it off there once that runs.
    Mounted,
    /// systemd alone, from what has been prepared.
    Shared {
        /// Whether what it needs has been prepared: if not, the start has to wait for it.
        prepared: bool,
    },
    /// systemd alone as well: an overlay in the service's own mount namespace (`RootMStack=`, systemd 260).
    Stacked {
        /// The same.
        prepared: bool,
    },
}

impl Way {
    /// The way of `container` on the host below `prefix`, whose systemd has the version `systemd`.
    pub fn of(container: &Container, prefix: &Prefix, systemd: u32) -> Self {
        let is_there = |path: &PathBuf| fs::symlink_metadata(prefix.at(path)).is_ok();
        match container.root.kind {
            RootKind::Shared => Way::Shared {
                prepared: shared::prepared(container).iter().all(is_there),
            },
            // systemd mounts and changes directory for commands that see the host as well: a place that is not there would be made
            // on the host, and a directory that is not there would fail the stop.
            RootKind::Overlay
                if systemd >= mstack::SINCE
                    && mstack::suits(container)
                    && container.mounts.keys().all(is_there)
                    && prefix.at(&container.working_directory).is_dir() =>
            {
                Way::Stacked {
                    prepared: mstack::prepared(container).iter().all(is_there),
                }
            }
            RootKind::Overlay => Way::Mounted,
        }
    }
}
