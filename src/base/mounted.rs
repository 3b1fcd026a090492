//! A process, or a mount table, in; the bases that it has mounted out.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::stat::{major, minor};

use super::{Bases, Number};
use crate::place;
use crate::root::submounts::unescape;
use crate::stale::{lowers, mount_lines};

/// The most that is read of one mount table.
const MOST_BYTES: u64 = 64 << 20;

/// One use of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// Of this one.
    Base(Number),
    /// The layer that tells nothing.
    Undecided(String),
}

/// What one process tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The mount namespace.
    pub namespace: PathBuf,
    /// The bases that it uses.
    pub uses: Vec<Use>,
    /// Whether it shows what its namespace has for a root; `None` if that was asked before. The table of a process that called
    /// chroot(2) leaves out whatever lies elsewhere (proc_pid_mountinfo(5)).
    pub shows_root: Option<bool>,
}

/// Where the bases are, in the ways in which the kernel tells of them.
pub struct Places {
    /// As it is named, without links on the way, and as it is mounted for containers.
    directories: [PathBuf; 3],
    /// Of the filesystem, `8:1`.
    device: String,
    /// The directory's path in that filesystem.
    in_filesystem: PathBuf,
    /// What is mounted in the bases themselves, by whom ever.
    inside: Vec<(Number, PathBuf)>,
    /// Device and inode of the root of who asks.
    root: (u64, u64),
    /// Device and inode of each tree.
    trees: HashMap<(u64, u64), Number>,
    /// The inode of each tree's /usr. A directory that an overlay merges keeps the number that it has in the lower, and an overlay
    /// that systemd stacks tells nothing else of what it lies on.
    usrs: HashMap<u64, Number>,
}

impl Places {
    /// Of `bases`, which `numbers` are, by the mount table of who asks.
    ///
    /// # Errors
    /// When one of them, or the mount table, cannot be looked at.
    pub fn read(bases: &Bases, numbers: &[Number], proc: &Path) -> Result<Self> {
        let failed = || format!("cannot look at '{}'", bases.directory.display());
        let real = bases.directory.canonicalize().with_context(failed)?;
        let device = real.metadata().with_context(failed)?.dev();
        let (mut trees, mut usrs) = (HashMap::new(), HashMap::new());
        for number in numbers {
            let tree = fs::metadata(bases.tree(*number)).with_context(failed)?;
            trees.insert((tree.dev(), tree.ino()), *number);
            if let Ok(usr) = fs::metadata(bases.tree(*number).join("usr")) {
                usrs.insert(usr.ino(), *number);
            }
        }
        let own = bounded(&proc.join("self/mountinfo")).context("cannot read the mount table")?;
        let root = fs::metadata("/").context("cannot look at '/'")?;
        let in_filesystem = in_filesystem(&own, &real).unwrap_or_else(|| real.clone());
        let directories = [bases.directory.clone(), real, place::MOUNTED_BASES.into()];
        Ok(Self {
            in_filesystem,
            inside: mounted_inside(&own, &directories),
            root: (root.dev(), root.ino()),
            directories,
            device: format!("{}:{}", major(device), minor(device)),
            trees,
            usrs,
        })
    }

    /// The bases in which something is mounted, and where: somebody works in there, and whoever removed the base would remove that.
    pub fn mounted_inside(&self) -> &[(Number, PathBuf)] {
        &self.inside
    }

    /// The bases that one process stands on, or has mounted. Each mount table is read once.
    ///
    /// # Errors
    /// When the process cannot be looked at.
    pub fn told_by(
        &self,
        process: &Path,
        seen: &mut HashSet<(PathBuf, u64, u64)>,
    ) -> io::Result<Told> {
        let root = fs::metadata(process.join("root"))?;
        let mut uses = Vec::new();
        uses.extend(
            self.trees
                .get(&(root.dev(), root.ino()))
                .map(|number| Use::Base(*number)),
        );
        if let Ok(usr) = fs::symlink_metadata(process.join("root/usr")) {
            uses.extend(self.usrs.get(&usr.ino()).map(|number| Use::Base(*number)));
        }
        let namespace = fs::read_link(process.join("ns/mnt"))?;
        let mut shows_root = None;
        if seen.insert((namespace.clone(), root.dev(), root.ino())) {
            let table = bounded(&process.join("mountinfo"))?;
            let is_known = !uses.is_empty();
            uses.extend(self.uses_in(&table, is_known));
            let is_hosts = (root.dev(), root.ino()) == self.root;
            shows_root = Some(is_hosts || !uses.is_empty() || has_own_root(&table));
        }
        Ok(Told {
            namespace,
            uses,
            shows_root,
        })
    }

    /// The bases that are mounted in a mount table (proc_pid_mountinfo(5)). `is_known` is whether it is known already on which one
    /// its root lies: the line of an overlay that systemd has stacked tells nothing of it.
    fn uses_in(&self, mountinfo: &[u8], is_known: bool) -> Vec<Use> {
        let mut uses = Vec::new();
        for line in mountinfo.split(|byte| *byte == b'\n') {
            let fields: Vec<_> = line.split(|byte| *byte == b' ').collect();
            let (Some(device), Some(root)) = (fields.get(2), fields.get(3)) else {
                continue;
            };
            if *device == self.device.as_bytes() {
                let below = PathBuf::from(unescape(root));
                let below = below.strip_prefix(&self.in_filesystem);
                uses.extend(below.ok().and_then(number_at).map(Use::Base));
            }
            let end = fields.iter().position(|field| *field == b"-");
            let after = end.map_or(&[][..], |end| &fields[end + 1..]);
            if let [b"overlay", source, options, ..] = after {
                let layers = lowers(options);
                uses.extend(layers.iter().filter_map(|layer| self.use_of(layer)));
                let source = PathBuf::from(unescape(source));
                if source.starts_with(place::CONTAINERS) && !is_known {
                    uses.push(Use::Undecided(source.display().to_string()));
                }
            }
        }
        uses
    }

    /// What a lower layer of an overlay says. A path that a link may have led elsewhere says nothing of today's target.
    fn use_of(&self, layer: &Path) -> Option<Use> {
        let undecided = || Some(Use::Undecided(layer.display().to_string()));
        for directory in &self.directories {
            if let Ok(below) = layer.strip_prefix(directory) {
                return match number_at(below) {
                    Some(number) => Some(Use::Base(number)),
                    None => undecided(),
                };
            }
        }
        let through_link = layer.is_relative()
            || layer.starts_with("/proc")
            || layer.starts_with(place::CONTAINERS);
        if through_link { undecided() } else { None }
    }
}

/// Whether a mount table shows the root of a container that is an overlay: lodgerd calls it `lodger-NAME`, systemd by a directory of
/// the container's state.
fn has_own_root(mountinfo: &[u8]) -> bool {
    let lines = mount_lines(mountinfo);
    let mut roots = lines.iter().filter(|line| line.at == Path::new("/"));
    roots.any(|line| {
        let source = line.source.as_encoded_bytes();
        let is_containers = || Path::new(&line.source).starts_with(place::CONTAINERS);
        line.kind == b"overlay" && (source.starts_with(b"lodger-") || is_containers())
    })
}

/// The mount points below a base in `directories`, by a mount table.
fn mounted_inside(mountinfo: &[u8], directories: &[PathBuf]) -> Vec<(Number, PathBuf)> {
    let lines = mount_lines(mountinfo);
    let points = lines.into_iter().filter_map(|line| {
        let mut below = directories.iter();
        let below = below.find_map(|directory| line.at.strip_prefix(directory).ok())?;
        Some((number_at(below)?, line.at.clone()))
    });
    points.collect()
}

fn number_at(below: &Path) -> Option<Number> {
    below
        .components()
        .next()?
        .as_os_str()
        .to_str()?
        .parse()
        .ok()
}

/// The path that the directory `real` has in its filesystem, by the mount table of who asks.
fn in_filesystem(mountinfo: &[u8], real: &Path) -> Option<PathBuf> {
    let mut found: Option<(PathBuf, PathBuf)> = None;
    for line in mountinfo.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b' ').skip(3);
        let (Some(root), Some(point)) = (fields.next(), fields.next()) else {
            continue;
        };
        let point = PathBuf::from(unescape(point));
        // Of mounts over one another, the last is seen.
        let is_nearer = found
            .as_ref()
            .is_none_or(|(best, _)| point.components().count() >= best.components().count());
        if real.starts_with(&point) && is_nearer {
            found = Some((point, PathBuf::from(unescape(root))));
        }
    }
    let (point, root) = found?;
    Some(root.join(real.strip_prefix(point).ok()?))
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut text)?;
    if text.len() as u64 == MOST_BYTES {
        return Err(io::Error::other("its mount table is too long"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn binds_and_overlays_of_a_base_are_uses_of_it() {
        let places = Places {
            directories: [
                "/var/lib/lodger/bases".into(),
                "/data/bases".into(),
                "/run/lodger/bases".into(),
            ],
            device: "8:2".to_owned(),
            in_filesystem: "/bases".into(),
            inside: Vec::new(),
            root: (0, 0),
            trees: HashMap::new(),
            usrs: HashMap::new(),
        };
        for (line, expected) in [
            (
                "1 2 8:2 /bases/4 / ro - ext4 /dev/x rw",
                vec![Use::Base(number("4"))],
            ),
            (
                "1 2 8:2 /bases/4/usr /usr ro - ext4 /dev/x rw",
                vec![Use::Base(number("4"))],
            ),
            ("1 2 8:1 /bases/4 / ro - ext4 /dev/x rw", vec![]),
            ("1 2 8:2 /other/4 / ro - ext4 /dev/x rw", vec![]),
            ("1 2 8:2 / /data rw - ext4 /dev/x rw", vec![]),
            ("1 2 8:2 /bases/current / ro - ext4 /dev/x rw", vec![]),
            (
                "1 2 0:9 / / rw shared:1 - overlay x rw,lowerdir=/run/m:/var/lib/lodger/bases/12,upperdir=/u",
                vec![Use::Base(number("12"))],
            ),
            (
                "1 2 0:9 / / rw - overlay x rw,lowerdir=/run/lodger/masks/x:/run/lodger/bases/5",
                vec![Use::Base(number("5"))],
            ),
            (
                "1 2 0:9 / / rw - overlay x rw,lowerdir=/data/bases/3/opt",
                vec![Use::Base(number("3"))],
            ),
            (
                "1 2 0:9 / / rw - overlay x rw,lowerdir+=/m,lowerdir+=/data/bases/3",
                vec![Use::Base(number("3"))],
            ),
            ("1 2 0:9 / / rw - overlay x rw,lowerdir=/", vec![]),
            (
                "1 2 0:9 / / rw - overlay x rw,lowerdir=/data/bases/current",
                vec![Use::Undecided("/data/bases/current".into())],
            ),
            (
                "1 2 0:9 / / rw - overlay x rw,lowerdir=/proc/self/fd/5",
                vec![Use::Undecided("/proc/self/fd/5".into())],
            ),
            (
                "1 2 0:9 / / rw - overlay /var/lib/lodger/containers/web/web.mstack rw,lowerdir+=/run/systemd/mstack/1",
                vec![Use::Undecided(
                    "/var/lib/lodger/containers/web/web.mstack".into(),
                )],
            ),
            ("broken", vec![]),
        ] {
            assert_eq!(places.uses_in(line.as_bytes(), false), expected, "{line}");
        }
    }

    #[test]
    fn what_is_mounted_in_a_base_is_found() {
        let directories = ["/var/lib/lodger/bases".into(), "/run/lodger/bases".into()];
        let table = b"1 0 8:1 / / rw - ext4 a rw\n2 1 8:1 /b /run/lodger/bases ro - ext4 a rw\n\
            3 1 0:5 / /var/lib/lodger/bases/4/dev rw - devtmpfs udev rw\n4 1 0:6 / /var/lib/lodger/bases/5 rw - tmpfs x rw\n\
            5 1 0:7 / /var/lib/lodger/bases/x rw - tmpfs x rw\n";
        assert_eq!(
            mounted_inside(table, &directories),
            [
                (number("4"), "/var/lib/lodger/bases/4/dev".into()),
                (number("5"), "/var/lib/lodger/bases/5".into())
            ]
        );
    }

    #[test]
    fn a_table_shows_a_containers_root_or_what_lies_elsewhere() {
        for (table, expected) in [
            ("1 0 0:9 / / rw - overlay lodger-web rw,lowerdir=/", true),
            (
                "1 0 0:9 / / rw - overlay /var/lib/lodger/containers/web/web.mstack rw",
                true,
            ),
            ("1 0 0:9 /var / rw - overlay overlay rw", false),
            ("1 0 8:1 / / rw - ext4 lodger-web rw", false),
            ("1 0 0:9 / /x rw - overlay lodger-web rw", false),
            ("", false),
        ] {
            assert_eq!(has_own_root(table.as_bytes()), expected, "{table}");
        }
    }

    #[test]
    fn a_path_in_its_filesystem_is_found_by_the_nearest_mount() {
        let table = b"1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 /@var /var rw - btrfs b rw\n3 1 8:3 / /variety rw - ext4 c rw\n";
        let found = |path: &str| in_filesystem(table, Path::new(path)).unwrap();
        assert_eq!(found("/var/lib/bases"), Path::new("/@var/lib/bases"));
        assert_eq!(found("/usr/bases"), Path::new("/usr/bases"));
        assert_eq!(found("/variety/x"), Path::new("/x"));
    }
}
