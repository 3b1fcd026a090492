//! What a container hides and what it has mounted in; what systemd has to cover, since the root is not all there is, and what cannot
//! be hidden, out.
//!
//! A path of the base is hidden by leaving it out of the root, and something can be mounted there again. What is seen because it
//! is mounted can only be covered, and that covers all mounts in it as well (`InaccessiblePaths=`, systemd.exec(5)): systemd
//! leaves out, without a word, what would be mounted there.

use std::path::Path;

use super::{Container, RootKind};
use crate::diagnostic::{Fault, quote, rule};

/// Where systemd mounts something of the container's own over the root, and the links to it.
const OWN: [&str; 7] = [
    "/dev",
    "/proc",
    "/run",
    "/sys",
    "/tmp",
    "/var/lock",
    "/var/run",
];

/// Whether `path` would be seen although the root of an overlay is without it.
pub fn is_covered(container: &Container, path: &Path) -> bool {
    let is_above = |place: &Path| place != path && path.starts_with(place);
    OWN.iter().any(|own| path.starts_with(own)) || places(container).any(is_above)
}

/// Whether something is mounted at `path` or below it.
pub fn has_mounts(container: &Container, path: &Path) -> bool {
    places(container).any(|place| place.starts_with(path))
}

/// Why `path`, which the container hides, cannot be hidden.
pub fn fault(container: &Container, path: &Path) -> Option<Fault> {
    let root = &container.root;
    let fault = |message| Some(Fault::new(rule::CONFLICT, message));
    let written = quote(&path.to_string_lossy());
    if root.show.iter().any(|shown| shown == path) {
        return fault(format!("{written} is shown as well"));
    }
    let alone = root.kind == RootKind::Shared || is_covered(container, path);
    let inside = places(container).find(|place| alone && place.starts_with(path))?;
    let inside = quote(&inside.to_string_lossy());
    let message =
        format!("{written} cannot be hidden: {inside}, which is mounted in it, would be too");
    fault(message).map(|fault| fault.help("hide what is beside it"))
}

/// Where something is mounted.
fn places(container: &Container) -> impl Iterator<Item = &Path> {
    let shown = container.root.show.iter();
    shown
        .chain(container.mounts.keys())
        .map(|path| path.as_path())
}
