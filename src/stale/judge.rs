//! A file that a process uses and what that process sees in; whether the host still has the file like that out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;

use super::Scanner;
use super::maps::{Mapping, Reading};
use super::mounts::{self, OverlayMount};
use super::process::Process;
use super::trees::{Tree, directory_below, file_below, inode_below};
use super::view::{Root, View};
use crate::place;
use crate::root::seen;

/// What a mapped file is to the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// What the host has.
    Current,
    /// The container's own, by its inode.
    Own,
    /// Nothing that the host ever had at that path: the container's own, or what it moved there.
    Moved,
    /// What the host no longer has.
    Stale,
}

/// Judges a file by the inodes that the host and the container's upper have at its path now.
fn judge(inode: u64, deleted: bool, host: Option<u64>, upper: Option<u64>) -> Verdict {
    if host == Some(inode) {
        Verdict::Current
    } else if upper == Some(inode) {
        Verdict::Own
    } else if host.is_none() && (upper.is_some() || deleted) {
        // Replaced or deleted by the container itself: dpkg's work on a lower never shows as "(deleted)".
        Verdict::Moved
    } else {
        Verdict::Stale
    }
}

impl Scanner {
    /// The path of a mapped or open file that the host no longer has like that; `None` if it has, or if the file is the
    /// container's own.
    ///
    /// # Errors
    /// When something cannot be looked up.
    pub(super) fn stale_path(
        &mut self,
        process: &Process,
        view: &View,
        mapping: &Mapping<'_>,
    ) -> Result<Option<PathBuf>> {
        match &view.root {
            Root::Overlays(overlays) => {
                let of_device =
                    |(overlay, _): &&(OverlayMount, Tree)| overlay.device == mapping.device;
                match overlays.iter().find(of_device) {
                    Some((overlay, tree)) => {
                        self.stale_in_overlay(process, view, (overlay, *tree), mapping)
                    }
                    None => Ok(None),
                }
            }
            Root::Base => self.stale_in_base(view, mapping),
            Root::Unknown => Ok(Some(mapping.path().to_path_buf())),
        }
    }

    /// Whether the host, or the current base, has this inode at this path.
    ///
    /// # Errors
    /// When it cannot be looked up.
    pub(super) fn is_current(&mut self, tree: Tree, path: &Path, inode: u64) -> Result<bool> {
        let node = self.trees.node(tree, path)?;
        Ok(node.is_some_and(|node| node.inode == inode))
    }

    fn stale_in_base(&mut self, view: &View, mapping: &Mapping<'_>) -> Result<Option<PathBuf>> {
        if !seen::is_seen(mapping.path())
            || self.is_current(Tree::CurrentBase, mapping.path(), mapping.inode)?
        {
            return Ok(None);
        }
        let readings = mapping.readings();
        for reading in &readings {
            if !mounts::is_of_root(&view.mounts, &reading.path)
                || self.is_current(Tree::CurrentBase, &reading.path, mapping.inode)?
            {
                return Ok(None);
            }
        }
        Ok(readings.into_iter().next().map(|reading| reading.path))
    }

    fn stale_in_overlay(
        &mut self,
        process: &Process,
        view: &View,
        (overlay, tree): (&OverlayMount, Tree),
        mapping: &Mapping<'_>,
    ) -> Result<Option<PathBuf>> {
        if self.is_current(tree, mapping.path(), mapping.inode)? {
            return Ok(None);
        }
        let readings = mapping.readings();
        for reading in &readings {
            if self.is_current(tree, &reading.path, mapping.inode)?
                || is_own(overlay, &reading.path, mapping.inode)?
                || is_copied_up(process, view, overlay, reading, mapping.inode)?
            {
                return Ok(None);
            }
        }
        let Some(Reading { path, deleted }) = readings.into_iter().next() else {
            return Ok(None);
        };
        // What is not taken from the host has nothing to do with what the host has there.
        let host = match seen::is_seen(&path) {
            true => self.trees.node(tree, &path)?.map(|node| node.inode),
            false => None,
        };
        let upper = upper_inode(overlay, &path)?;
        match judge(mapping.inode, deleted, host, upper) {
            Verdict::Stale if seen::is_seen(&path) => Ok(Some(path)),
            Verdict::Stale | Verdict::Moved => self.stale_elsewhere(view, tree, mapping.inode),
            Verdict::Current | Verdict::Own => Ok(None),
        }
    }

    /// The path at which the base had the file with this inode, if the host no longer has it there.
    fn stale_elsewhere(&mut self, view: &View, tree: Tree, inode: u64) -> Result<Option<PathBuf>> {
        let Some(number) = &view.base else {
            return Ok(None);
        };
        let place = self.former.place(self.bases.directory(), number, inode)?;
        let Some(place) = place.map(Path::to_path_buf) else {
            return Ok(None);
        };
        let is_current = self.is_current(tree, &place, inode)?;
        Ok((!is_current).then_some(place))
    }
}

/// Whether the container, or what lodger put over its base, has the file at this path.
fn is_own(overlay: &OverlayMount, path: &Path, inode: u64) -> Result<bool> {
    if upper_inode(overlay, path)? == Some(inode) {
        return Ok(true);
    }
    // The last is the base, or the host.
    let masks = overlay
        .lowers
        .split_last()
        .map_or(&[][..], |(_, masks)| masks);
    for mask in masks {
        if inode_in(place::MASKS, mask, overlay, path)? == Some(inode) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the container has copied the file up. An overlay goes on to show the number of the lower that the copy is of, which may be
/// in a base that is not the container's any more (overlayfs.rst, "Inode properties"); so it is asked what it shows.
fn is_copied_up(
    process: &Process,
    view: &View,
    overlay: &OverlayMount,
    reading: &Reading,
    inode: u64,
) -> Result<bool> {
    let path = &reading.path;
    if reading.deleted || upper_inode(overlay, path)?.is_none() {
        return Ok(false);
    }
    // What lies on another filesystem may be the container's own to serve, and is not asked.
    if mounts::covering(&view.mounts, path).is_none_or(|mount| mount.device != overlay.device) {
        return Ok(false);
    }
    let shown = file_below(
        &process.root_directory()?,
        path.strip_prefix("/").unwrap_or(path),
    )?;
    Ok(shown.is_some_and(|file| {
        let device = (libc::major(file.st_dev), libc::minor(file.st_dev));
        (device, file.st_ino) == (overlay.device, inode)
    }))
}

/// The inode the upper has for `path`, if it has one. The upper is the container's to write: nothing in it is followed.
fn upper_inode(overlay: &OverlayMount, path: &Path) -> Result<Option<u64>> {
    match &overlay.upper {
        Some(upper) => inode_in(place::CONTAINERS, upper, overlay, path),
        None => Ok(None),
    }
}

/// The layer is where a mount table says, and a container can have a table and paths of its own. So only one below `top`, where
/// lodger has such layers, is looked at, without following a link; and none is opened for reading, which could take for ever
/// (fifo(7)).
fn inode_in(top: &str, layer: &Path, overlay: &OverlayMount, path: &Path) -> Result<Option<u64>> {
    let Ok(below) = layer.strip_prefix(top) else {
        return Ok(None);
    };
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let failed = || format!("cannot look at '{}'", layer.display());
    let top = match open(top, flags, Mode::empty()) {
        Err(Errno::ENOENT) => return Ok(None),
        top => top.with_context(failed)?,
    };
    match directory_below(&top, below).with_context(failed)? {
        Some(layer) => inode_below(&layer, path.strip_prefix(&overlay.at).unwrap_or(path)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_judged_by_the_inodes_at_its_path() {
        for (case, deleted, host, upper, verdict) in [
            ("the host's", false, Some(1), None, Verdict::Current),
            ("replaced by dpkg", false, Some(2), None, Verdict::Stale),
            ("removed by dpkg", false, None, None, Verdict::Stale),
            (
                "written by the container",
                false,
                None,
                Some(1),
                Verdict::Own,
            ),
            ("shadows the host's", false, Some(2), Some(1), Verdict::Own),
            (
                "replaced by the container itself",
                true,
                None,
                Some(2),
                Verdict::Moved,
            ),
            (
                "deleted by the container itself",
                true,
                None,
                None,
                Verdict::Moved,
            ),
            (
                "renamed by the container",
                false,
                None,
                Some(2),
                Verdict::Moved,
            ),
            (
                "the old one, covered by a newer shadow",
                true,
                Some(2),
                Some(3),
                Verdict::Stale,
            ),
            (
                "the old one, deleted inside to look fresh",
                true,
                Some(2),
                None,
                Verdict::Stale,
            ),
        ] {
            assert_eq!(judge(1, deleted, host, upper), verdict, "{case}");
        }
    }
}
