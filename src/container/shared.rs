//! A container whose root is `shared` in; what of the rest of its file such a root cannot give, out.
//!
//! systemd makes this root without lodgerd, so what systemd cannot do, or would lose a part of, is refused.

use std::path::Path;

use super::{Base, Container, Mount, MountSource, RootKind};
use crate::diagnostic::{Fault, quote, rule};
use crate::place;
use crate::unit::escape::{self as paths, Unwritable};

/// What every base has at its top and something can be mounted in.
const TOPS: [&str; 10] = [
    "/var", "/run", "/srv", "/mnt", "/media", "/home", "/root", "/opt", "/etc", "/usr",
];

/// Every mistake that `kind = "shared"` makes of the container's other settings.
pub fn faults(container: &Container) -> Vec<Fault> {
    let root = &container.root;
    if root.kind != RootKind::Shared {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let mut refuse = |refused, message: &str, help: &str| {
        if refused {
            faults.push(Fault::new(rule::CONFLICT, message).help(help));
        }
    };
    refuse(
        root.base == Base::Host,
        "a shared root of the live host would show all its secrets",
        "base = \"pinned\", or kind = \"overlay\"",
    );
    refuse(
        root.writable_usr,
        "nothing in a shared root can be written but /var, /tmp, /run and what is mounted, and writable-usr is set",
        "take it away, or kind = \"overlay\"",
    );
    refuse(
        root.ephemeral,
        "a shared root has no upper to throw away, and ephemeral is set",
        "mount a tmpfs where it writes, or kind = \"overlay\"",
    );
    refuse(
        !root.show.is_empty(),
        "a shared root has no place for what the base leaves out, and show is set",
        "[credentials], [mounts] of a place the base has, or kind = \"overlay\"",
    );
    for path in &root.hide {
        faults.extend(fault(&path.to_string_lossy(), is_hidden(path)));
    }
    let mounts = container.mounts.iter();
    faults.extend(mounts.filter_map(|(target, mount)| mount_fault(target, mount)));
    faults
}

fn mount_fault(target: &Path, mount: &Mount) -> Option<Fault> {
    let written = target.to_string_lossy();
    if !TOPS.iter().any(|top| target.starts_with(top)) {
        let message = format!(
            "{} is no place of a shared root, and none can be made",
            quote(&written)
        );
        return Some(Fault::new(rule::CONFLICT, message).help(format!(
            "a place below {}, or kind = \"overlay\"",
            TOPS.join(", ")
        )));
    }
    fault(&written, is_written(target, mount))
}

/// Whether systemd mounts it as it is meant, written in a unit.
pub fn is_written(target: &Path, mount: &Mount) -> Result<(), Unwritable> {
    let target = target.to_string_lossy();
    match &mount.source {
        MountSource::Host(source) => paths::bind(&source.to_string_lossy(), &target).map(drop),
        MountSource::Volume { name, .. } => {
            paths::bind(&[place::VOLUMES, "/", name].concat(), &target).map(drop)
        }
        MountSource::Tmpfs { .. } => paths::temporary_file_system(&target, "").map(drop),
    }
}

/// The same of a path that is hidden.
pub fn is_hidden(path: &Path) -> Result<(), Unwritable> {
    paths::bind("/", &path.to_string_lossy()).map(drop)
}

fn fault(path: &str, written: Result<(), Unwritable>) -> Option<Fault> {
    let why = written.err()?;
    let message = format!("{} {why} in a shared root", quote(path));
    Some(Fault::new(rule::CONFLICT, message).help("kind = \"overlay\", or another path"))
}
