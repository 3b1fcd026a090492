//! Which processes of a container run code that the host no longer has: its control group in, the files that gave it
//! away out.
//!
//! `/proc/PID/maps` says nothing of it by itself: in an overlay a file that dpkg replaced in the lower is not "(deleted)",
//! and its path still leads to the old inode from inside. But the inode number in maps is the lower's, so it is compared
//! with the inode that the host has at that path *now*; for a container on a pinned base, with what the current base has. A file that the container's upper holds is the container's own.
//!
//! What a container names is never opened: paths are looked up with openat2(2), without following any link, for their
//! inode number only. What cannot be decided counts as stale.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cgroup;
use crate::container::Name;
use crate::root::seen;

pub mod evidence;
mod maps;
mod process;
mod trees;

use maps::MountLine;
use process::{Identity, Process, has_ended};
use trees::{Tree, Trees, inode_below};

pub use evidence::Evidence;
pub use maps::{Mapping, OverlayMount, lowers, overlay_mounts};

/// The most that is read of a process's maps or mountinfo; a database with 100,000 mappings has 10 MB.
const MOST_BYTES: u64 = 64 << 20;
/// The most processes of one container that are looked at.
const MOST_PROCESSES: usize = 100_000;

/// What is at fault with one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleProcess {
    /// Its number on the host.
    pub pid: i32,
    /// The first file it maps that the host no longer has like that, as the process sees it, or why nothing could be told.
    pub path: String,
}

/// The processes of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// How many were looked at.
    pub processes: usize,
    /// Those on old code.
    pub stale: Vec<StaleProcess>,
    /// The number of the pinned base they run on; `None` on the live host, and without processes.
    pub base: Option<String>,
}

/// Looks at containers; remembers what the host has between one and the next.
#[derive(Debug)]
pub struct Scanner {
    host: Trees,
    bases: PathBuf,
    /// The numbers of the bases by device and inode of their trees.
    roots: HashMap<Identity, String>,
    /// The same by the inodes of their /usr.
    usrs: HashMap<u64, String>,
}

/// What one process runs on.
enum Root {
    /// Overlays, each with the tree that a file of its lower has to be compared with.
    Overlays(Vec<(OverlayMount, Tree)>),
    /// A base itself, and what is mounted in it.
    Base(Vec<MountLine>),
    /// Something that no container has.
    Unknown,
}

impl Scanner {
    /// A scanner of the running host, whose pinned bases are in `bases`.
    ///
    /// # Errors
    /// When `/` or the bases cannot be opened.
    pub fn new(bases: &Path) -> Result<Self> {
        let mut scanner = Self {
            host: Trees::open(bases)?,
            bases: bases.to_owned(),
            roots: HashMap::new(),
            usrs: HashMap::new(),
        };
        scanner.look_at_bases()?;
        Ok(scanner)
    }

    /// Looks at every process in the control group `cgroup` (`ControlGroup=` of the unit) of the container `name`.
    ///
    /// # Errors
    /// When the control group cannot be read. A process that cannot be looked at counts as stale, but for one that has just
    /// ended.
    pub fn scan(&mut self, name: &Name, cgroup: &str) -> Result<Scan> {
        let mut scan = Scan::default();
        for pid in cgroup::processes(cgroup, MOST_PROCESSES)? {
            match self.stale_file(name, cgroup, pid, &mut scan) {
                Ok(Some(found)) => {
                    scan.processes += 1;
                    scan.stale
                        .extend(found.map(|path| StaleProcess { pid, path }));
                }
                Ok(None) => {}
                Err(cause) if has_ended(&cause) => {}
                Err(cause) => {
                    scan.processes += 1;
                    let path = format!("(it cannot be looked at: {cause:#})");
                    scan.stale.push(StaleProcess { pid, path });
                }
            }
        }
        Ok(scan)
    }

    /// `None` if the process is not one of the container's payload: systemd's own, still or only on the host's root.
    /// Otherwise the file that makes it stale, if any does.
    fn stale_file(
        &mut self,
        name: &Name,
        cgroup: &str,
        pid: i32,
        scan: &mut Scan,
    ) -> Result<Option<Option<String>>> {
        let process = Process::open(pid)?;
        let identity = process.root()?;
        if !process.is_in(cgroup)? || identity == self.host.identity()? {
            return Ok(None);
        }
        let root = self.root(name, &process, identity, scan)?;
        if let Root::Unknown = root {
            return Ok(Some(Some("(its root is not the container's)".to_owned())));
        }
        let text = process.read("maps")?;
        if text.len() as u64 >= MOST_BYTES {
            return Ok(Some(Some("(too many mappings to look at)".to_owned())));
        }
        for mapping in maps::parse_maps(&text) {
            if seen::is_seen(&mapping.path) && self.is_stale(&root, &mapping)? {
                return Ok(Some(Some(mapping.path.display().to_string())));
            }
        }
        Ok(Some(None))
    }

    /// Notes in `scan` which base it is.
    fn root(
        &self,
        name: &Name,
        process: &Process,
        identity: Identity,
        scan: &mut Scan,
    ) -> Result<Root> {
        let mountinfo = process.read("mountinfo")?;
        if let Some(number) = self.roots.get(&identity) {
            scan.base = Some(number.clone());
            return Ok(Root::Base(maps::mount_lines(&mountinfo)));
        }
        let overlays = maps::overlay_mounts(&mountinfo, name);
        if overlays.is_empty() {
            return Ok(Root::Unknown);
        }
        let usr = process.usr()?;
        let with_trees = overlays.into_iter().map(|overlay| {
            let mut lowers = overlay.lowers.iter();
            let base = lowers.find_map(|lower| lower.strip_prefix(&self.bases).ok());
            // One that systemd stacks lies on a base, and its mount does not say on which.
            let is_stacked = overlay.lowers.is_empty();
            if let Some(number) = base {
                scan.base = Some(number.display().to_string());
            } else if is_stacked {
                scan.base = self.usrs.get(&usr).cloned();
            }
            let tree = match base.is_some() || is_stacked {
                true => Tree::CurrentBase,
                false => Tree::Host,
            };
            (overlay, tree)
        });
        Ok(Root::Overlays(with_trees.collect()))
    }

    fn is_stale(&mut self, root: &Root, mapping: &Mapping) -> Result<bool> {
        match root {
            Root::Overlays(overlays) => {
                let of_device =
                    |(overlay, _): &&(OverlayMount, Tree)| overlay.device == mapping.device;
                let Some((overlay, tree)) = overlays.iter().find(of_device) else {
                    return Ok(false);
                };
                let host = self.host.inode(*tree, &mapping.path)?;
                if host == Some(mapping.inode) {
                    return Ok(false);
                }
                let upper = upper_inode(overlay, &mapping.path)?;
                Ok(judge(mapping, host, upper) == Verdict::Stale)
            }
            Root::Base(mounts) => Ok(maps::is_of_root(mounts, &mapping.path)
                && self.host.inode(Tree::CurrentBase, &mapping.path)? != Some(mapping.inode)),
            Root::Unknown => Ok(true),
        }
    }

    fn look_at_bases(&mut self) -> Result<()> {
        let failed = || format!("cannot read '{}'", self.bases.display());
        let entries = match fs::read_dir(&self.bases) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(cause).with_context(failed),
        };
        for entry in entries {
            let entry = entry.with_context(failed)?;
            let name = entry.file_name();
            let is_number = |name: &&str| name.bytes().all(|byte| byte.is_ascii_digit());
            let Some(number) = name.to_str().filter(is_number) else {
                continue;
            };
            match (
                fs::metadata(entry.path()),
                fs::metadata(entry.path().join("usr")),
            ) {
                (Ok(tree), Ok(usr)) => {
                    self.roots
                        .insert((tree.dev(), tree.ino()), number.to_owned());
                    self.usrs.insert(usr.ino(), number.to_owned());
                }
                // It is being removed.
                (Err(cause), _) | (_, Err(cause)) if cause.kind() == io::ErrorKind::NotFound => {}
                (Err(cause), _) | (_, Err(cause)) => return Err(cause).with_context(failed),
            }
        }
        Ok(())
    }
}

/// What a mapped file is to the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// What the host has.
    Current,
    /// The container's own.
    Own,
    /// What the host no longer has.
    Stale,
}

/// Judges a mapping by the inodes that the host and the container's upper have at its path now.
fn judge(mapping: &Mapping, host: Option<u64>, upper: Option<u64>) -> Verdict {
    if host == Some(mapping.inode) {
        Verdict::Current
    } else if upper == Some(mapping.inode) {
        Verdict::Own
    } else if host.is_none() && (upper.is_some() || mapping.deleted) {
        // Replaced or deleted by the container itself: dpkg's work on a lower never shows as "(deleted)".
        Verdict::Own
    } else {
        Verdict::Stale
    }
}

/// The inode the upper has for `path`, if it has one. The upper is the container's to write: nothing in it is followed.
fn upper_inode(overlay: &OverlayMount, path: &Path) -> Result<Option<u64>> {
    let Some(upper) = &overlay.upper else {
        return Ok(None);
    };
    let upper: OwnedFd = match File::open(upper) {
        Ok(upper) => upper.into(),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => {
            return Err(cause).with_context(|| format!("cannot open '{}'", upper.display()));
        }
    };
    inode_below(&upper, path.strip_prefix(&overlay.at).unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(inode: u64, deleted: bool) -> Mapping {
        Mapping {
            device: (0, 54),
            inode,
            path: "/usr/lib/libc.so.6".into(),
            deleted,
        }
    }

    #[test]
    fn a_mapping_is_judged_by_the_inodes_at_its_path() {
        for (case, mapped, host, upper, verdict) in [
            (
                "the host's",
                mapping(1, false),
                Some(1),
                None,
                Verdict::Current,
            ),
            (
                "replaced by dpkg",
                mapping(1, false),
                Some(2),
                None,
                Verdict::Stale,
            ),
            (
                "removed by dpkg",
                mapping(1, false),
                None,
                None,
                Verdict::Stale,
            ),
            (
                "written by the container",
                mapping(1, false),
                None,
                Some(1),
                Verdict::Own,
            ),
            (
                "shadows the host's",
                mapping(1, false),
                Some(2),
                Some(1),
                Verdict::Own,
            ),
            (
                "replaced by the container itself",
                mapping(1, true),
                None,
                Some(2),
                Verdict::Own,
            ),
            (
                "deleted by the container itself",
                mapping(1, true),
                None,
                None,
                Verdict::Own,
            ),
            (
                "the old one, covered by a newer shadow",
                mapping(1, true),
                Some(2),
                Some(3),
                Verdict::Stale,
            ),
            (
                "the old one, deleted inside to look fresh",
                mapping(1, true),
                Some(2),
                None,
                Verdict::Stale,
            ),
        ] {
            assert_eq!(judge(&mapped, host, upper), verdict, "{case}");
        }
    }
}
