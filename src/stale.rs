//! Which processes of a container run code that the host no longer has: its control group in, the files that gave it
//! away out.
//!
//! `/proc/PID/maps` says nothing of it by itself: in an overlay a file that dpkg replaced in the lower is not "(deleted)",
//! and its path still leads to the old inode from inside. But the inode number in maps is the lower's, so it is compared
//! with the inode that the host has at that path *now*. A file that the container's upper holds is the container's own.
//!
//! What a container names is never opened: paths are looked up with openat2(2), without following any link, for their
//! inode number only. What cannot be decided counts as stale.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::fstat;

use crate::cgroup;
use crate::container::Name;
use crate::root::seen;

mod maps;
mod process;

use process::{Process, has_ended};

pub use maps::{Mapping, OverlayMount, overlay_mounts};

/// The most that is read of a process's maps or mountinfo; a database with 100,000 mappings has 10 MB.
const MOST_BYTES: u64 = 64 << 20;
/// The most inode numbers of the host that are remembered.
const MOST_REMEMBERED: usize = 200_000;
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
}

/// Looks at containers; remembers what the host has between one and the next.
#[derive(Debug)]
pub struct Scanner {
    host: OwnedFd,
    inodes: HashMap<PathBuf, Option<u64>>,
}

impl Scanner {
    /// A scanner of the running host.
    ///
    /// # Errors
    /// When `/` cannot be opened.
    pub fn new() -> Result<Self> {
        let host = File::open("/").context("cannot open '/'")?.into();
        Ok(Self {
            host,
            inodes: HashMap::new(),
        })
    }

    /// Looks at every process in the control group `cgroup` (`ControlGroup=` of the unit) of the container `name`.
    ///
    /// # Errors
    /// When the control group cannot be read. A process that cannot be looked at counts as stale, but for one that has just
    /// ended.
    pub fn scan(&mut self, name: &Name, cgroup: &str) -> Result<Scan> {
        let mut scan = Scan::default();
        for pid in cgroup::processes(cgroup, MOST_PROCESSES)? {
            match self.stale_file(name, cgroup, pid) {
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
    ) -> Result<Option<Option<String>>> {
        let process = Process::open(pid)?;
        if !process.is_in(cgroup)? || process.is_on_root(&self.host)? {
            return Ok(None);
        }
        let overlays = maps::overlay_mounts(&process.read("mountinfo")?, &name.overlay());
        if overlays.is_empty() {
            return Ok(Some(Some("(its root is not the container's)".to_owned())));
        }
        let text = process.read("maps")?;
        if text.len() as u64 >= MOST_BYTES {
            return Ok(Some(Some("(too many mappings to look at)".to_owned())));
        }
        for mapping in maps::parse_maps(&text) {
            let Some(overlay) = overlays
                .iter()
                .find(|overlay| overlay.device == mapping.device)
            else {
                continue;
            };
            if self.is_stale(overlay, &mapping)? {
                return Ok(Some(Some(mapping.path.display().to_string())));
            }
        }
        Ok(Some(None))
    }

    fn is_stale(&mut self, overlay: &OverlayMount, mapping: &Mapping) -> Result<bool> {
        if !seen::is_seen(&mapping.path) {
            return Ok(false);
        }
        let host = self.host_inode(&mapping.path)?;
        if host == Some(mapping.inode) {
            return Ok(false);
        }
        let upper = upper_inode(overlay, &mapping.path)?;
        Ok(judge(mapping, host, upper) == Verdict::Stale)
    }

    fn host_inode(&mut self, path: &Path) -> Result<Option<u64>> {
        if let Some(inode) = self.inodes.get(path) {
            return Ok(*inode);
        }
        let inode = inode_below(&self.host, path.strip_prefix("/").unwrap_or(path))?;
        if self.inodes.len() >= MOST_REMEMBERED {
            self.inodes.clear();
        }
        self.inodes.insert(path.to_path_buf(), inode);
        Ok(inode)
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

/// The inode at the relative `path` below `directory`; `None` if there is nothing, or a link on the way.
fn inode_below(directory: &OwnedFd, path: &Path) -> Result<Option<u64>> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS,
        );
    match openat2(directory.as_fd(), path, how) {
        Ok(file) => Ok(Some(
            fstat(&file)
                .with_context(|| format!("cannot look at '{}'", path.display()))?
                .st_ino,
        )),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG) => Ok(None),
        Err(cause) => Err(cause).with_context(|| format!("cannot look up '{}'", path.display())),
    }
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

    #[test]
    fn nothing_is_followed_when_looking_for_an_inode() {
        use std::os::unix::fs::MetadataExt;
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("real")).unwrap();
        std::fs::write(tree.path().join("real/file"), "").unwrap();
        std::os::unix::fs::symlink("real", tree.path().join("link")).unwrap();
        let inode = std::fs::metadata(tree.path().join("real/file"))
            .unwrap()
            .ino();
        let directory: OwnedFd = File::open(tree.path()).unwrap().into();
        assert_eq!(
            inode_below(&directory, Path::new("real/file")).unwrap(),
            Some(inode)
        );
        assert_eq!(
            inode_below(&directory, Path::new("link/file")).unwrap(),
            None
        );
        assert_eq!(
            inode_below(&directory, Path::new("real/none")).unwrap(),
            None
        );
        assert_eq!(
            inode_below(&directory, Path::new("real/file/below")).unwrap(),
            None
        );
    }
}
