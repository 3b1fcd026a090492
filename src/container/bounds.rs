//! A container in; what would make a line of its unit longer than systemd reads out.

use super::{Container, MountSource};
use crate::diagnostic::{Fault, rule};

/// Bytes that make one line: systemd refuses a unit with a line of 1 MiB (`LONG_LINE_MAX`), and escaped each byte takes two at
/// most.
const LONGEST: usize = 400_000;
/// What is written for one path besides it: options, and the directory of volumes.
const PER_PATH: usize = 64;

/// The mistake that it is to say so much that systemd would refuse the unit.
pub fn too_much(container: &Container) -> Option<Fault> {
    let relations = &container.relations;
    let after = [&relations.requires, &relations.wants, &relations.after];
    let names = |units: &[String]| units.iter().map(|unit| unit.len() + 1).sum::<usize>();
    let lines = [
        (
            "requires, wants and after",
            after.into_iter().map(|units| names(units)).sum(),
        ),
        ("part-of", names(&relations.part_of)),
        ("show, hide and [mounts]", paths(container)),
    ];
    let (what, bytes) = lines.into_iter().find(|(_, bytes)| *bytes > LONGEST)?;
    let message = format!("{what} take {bytes} bytes, more than a line of a unit can hold");
    Some(Fault::new(rule::TOO_MANY, message).help(format!("at most {LONGEST}")))
}

fn paths(container: &Container) -> usize {
    let root = root_paths(container);
    let mounts = container.mounts.iter().map(|(target, mount)| {
        let source = match &mount.source {
            MountSource::Host(path) => path.as_os_str().len(),
            MountSource::Volume { name, owner, .. } => {
                let group = |group: &Option<String>| group.as_ref().map_or(0, String::len);
                let owner = owner.as_ref();
                2 * name.len() + owner.map_or(0, |owner| owner.user.len() + group(&owner.group))
            }
            MountSource::Tmpfs { .. } => 0,
        };
        source + target.as_os_str().len() + PER_PATH
    });
    root + mounts.sum::<usize>()
}

fn root_paths(container: &Container) -> usize {
    let hidden = container
        .root
        .hide
        .iter()
        .map(|path| path.as_os_str().len() + PER_PATH);
    // Once as what is mounted, once as where.
    let shown = container
        .root
        .show
        .iter()
        .map(|path| 2 * path.as_os_str().len() + PER_PATH);
    hidden.sum::<usize>() + shown.sum::<usize>()
}
