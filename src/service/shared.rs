//! A container with a shared root in; the directives by which systemd makes that root out.
//!
//! The root is a base, as it is mounted read-only on /run/lodger/bases: nothing can be written in it, whatever a service's own
//! mounts make of it, and systemd cannot make a missing mount point in it, which would change the base. No process of lodger's
//! takes part in a start, so what has to be there before is prepared: the link to the base, the container's /var, volumes.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::container::{Container, Mount, MountSource};
use crate::host::{Host, Live};
use crate::place;
use crate::unit::escape;
use crate::unit::{Escaped, Unit};

/// Directories that every base has, and has nothing in. A mount point below one of them is made in a tmpfs over it.
const EMPTY: [&str; 5] = ["/home", "/media", "/mnt", "/root", "/srv"];

/// Adds the root and all that is mounted in it.
pub fn add(unit: &mut Unit, container: &Container, host: &Host) {
    let link = container.name.state().join(place::HELD_BASE);
    unit.add("Service", "RootDirectory", text(&link));
    // Commands of lodger's see the host.
    unit.add("Service", "RootDirectoryStartOnly", "yes");
    // "-": systemd also changes to it for commands of lodger's, where this /var covers the way to the root.
    let directory = ["-", &container.working_directory.to_string_lossy()].concat();
    unit.add("Service", "WorkingDirectory", escape::text(&directory));
    add_live(unit, container, host);
    for directory in EMPTY.map(Path::new) {
        let mut targets = container.mounts.keys();
        let has_one_below =
            targets.any(|target| target != directory && target.starts_with(directory));
        if has_one_below && !container.has_mount(directory) {
            unit.add(
                "Service",
                "TemporaryFileSystem",
                tmpfs(directory, "mode=0755,size=64K,nosuid,nodev"),
            );
        }
    }
    let var = Path::new("/var");
    if !container.has_mount(var) {
        let own = container.name.state().join(place::OWN_VAR);
        unit.add("Service", "BindPaths", bind(&own, var));
    }
    add_mounts(unit, container);
}

/// Adds what the container has of the host's /etc as it is now, but for what it mounts there itself: of two mounts on one place
/// systemd makes the first, and says nothing of the other.
pub(super) fn add_live(unit: &mut Unit, container: &Container, host: &Host) {
    let Live { files, links } = &host.live;
    for (key, paths) in [("BindPaths", files), ("BindReadOnlyPaths", links)] {
        let left = match container.mounts.keys().any(|at| at.starts_with("/etc")) {
            false => Cow::from(paths),
            true => Cow::from(not_mounted(paths, container)),
        };
        if !left.is_empty() {
            unit.add("Service", key, escape::verbatim(left));
        }
    }
}

/// Those of the words `-SOURCE:TARGET` and `-TARGET` where nothing else is mounted.
fn not_mounted(paths: &str, container: &Container) -> String {
    let left = paths.split(' ').filter(|word| {
        let target = word.rsplit([':', '-']).next().unwrap_or(word);
        !container.has_mount(Path::new(target))
    });
    left.collect::<Vec<_>>().join(" ")
}

/// Adds what fails a start whose working directory is not there, which would be in `/` instead. In a mount only the program
/// itself can tell.
pub fn add_assertion(unit: &mut Unit, container: &Container) {
    let directory = &container.working_directory;
    let state = container.name.state();
    let mut mounts = container.mounts.keys();
    let apart = ["/tmp", "/run", "/dev", "/proc", "/sys"].map(Path::new);
    if directory.parent().is_none()
        || mounts.any(|target| directory.starts_with(target))
        || apart.iter().any(|place| directory.starts_with(place))
    {
        return;
    }
    let place = match directory.strip_prefix("/var") {
        Ok(below) => state.join(place::OWN_VAR).join(below),
        Err(_) => {
            let below = directory.strip_prefix("/").unwrap_or(directory);
            state.join(place::HELD_BASE).join(below)
        }
    };
    unit.add("Unit", "AssertPathIsDirectory", text(&place));
}

/// Adds what the container's file mounts, and hides.
pub(super) fn add_mounts(unit: &mut Unit, container: &Container) {
    for (target, mount) in &container.mounts {
        add_mount(unit, target, mount);
    }
    for path in &container.root.hide {
        add_hidden(unit, path);
    }
}

/// Adds what takes a path from the container's sight.
pub(super) fn add_hidden(unit: &mut Unit, path: &Path) {
    // "-": what is not there need not be hidden; "+": inside.
    let path = format!("-+{}", path.display());
    unit.add("Service", "InaccessiblePaths", escape::words([path]));
}

fn add_mount(unit: &mut Unit, target: &Path, mount: &Mount) {
    let key = match mount.read_only {
        true => "BindReadOnlyPaths",
        false => "BindPaths",
    };
    match &mount.source {
        MountSource::Host(source) => unit.add("Service", key, bind(source, target)),
        MountSource::Volume { name, .. } => {
            let source = Path::new(place::VOLUMES).join(name);
            unit.add("Service", key, bind(&source, target));
        }
        MountSource::Tmpfs { size, mode } => {
            let options = format!(
                "size={size},mode={:04o},nosuid,nodev",
                mode.unwrap_or(0o1777)
            );
            unit.add("Service", "TemporaryFileSystem", tmpfs(target, &options));
        }
    }
}

pub(super) fn text(path: &Path) -> Escaped<'static> {
    escape::text(&path.to_string_lossy()).into_owned()
}

fn bind(source: &Path, target: &Path) -> Escaped<'static> {
    escape::bind(&source.to_string_lossy(), &target.to_string_lossy())
        .expect("container::shared refuses what cannot be written")
}

fn tmpfs(target: &Path, options: &str) -> Escaped<'static> {
    escape::temporary_file_system(&target.to_string_lossy(), options)
        .expect("container::shared refuses what cannot be written")
}

/// What has to be there before a start: its link to a base, its /var, its volumes.
pub fn prepared(container: &Container) -> Vec<PathBuf> {
    let state = container.name.state();
    let own = [state.join(place::HELD_BASE), state.join(place::OWN_VAR)];
    own.into_iter().chain(volumes(container)).collect()
}

/// Where its volumes are.
pub(super) fn volumes(container: &Container) -> impl Iterator<Item = PathBuf> {
    let mounts = container.mounts.values();
    mounts.filter_map(|mount| match &mount.source {
        MountSource::Volume { name, .. } => Some(Path::new(place::VOLUMES).join(name)),
        MountSource::Host(_) | MountSource::Tmpfs { .. } => None,
    })
}
