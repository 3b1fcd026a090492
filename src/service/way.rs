//! How a container's root comes about when it starts.

use std::fs;

use super::shared;
use crate::container::{Container, RootKind};
use crate::prefix::Prefix;

/// Who makes a container's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `lodgerd mount` mounts it on the host before the program starts, and takes it off there once that runs.
    Mounted,
    /// systemd alone, from what has been prepared.
    Shared {
        /// Whether it has been: if not, the start has to wait for it.
        prepared: bool,
    },
    /// systemd alone as well: an overlay in the service's own mount namespace. Nothing prepares it yet, so no container gets it.
    Stacked {
        /// As with a shared root.
        prepared: bool,
    },
}

impl Way {
    /// The way of `container` on the host below `prefix`.
    pub fn of(container: &Container, prefix: &Prefix) -> Self {
        match container.root.kind {
            RootKind::Overlay => Way::Mounted,
            RootKind::Shared => Way::Shared {
                prepared: shared::prepared(container)
                    .iter()
                    .all(|path| fs::symlink_metadata(prefix.at(path)).is_ok()),
            },
        }
    }
}
