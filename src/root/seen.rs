//! What of the live host a container may see: the host's tree in, the [`Mask`] that takes the rest away out.
//!
//! An allow-list, so that what nobody thought of stays out of sight:
//! - `/usr`, `/etc` and `/opt` are seen, but nothing in `/etc`, `/opt` and `/usr/local` that an unprivileged user of the
//!   host could not read, and no device, socket or pipe. The rest of `/usr` belongs to packages, and holds no secrets.
//! - `/var` is a skeleton: its directories, three deep, with the host's owners and nothing in them; `/var/tmp` is empty.
//! - `/bin`, `/lib` and their like are seen.
//! - Directories every program expects (`/root`, `/home`, `/srv`, `/tmp` ...) are there and empty.
//! - Everything else at the top level is not there, nor are lodger's own files and what the container file hides.

use std::fs::{self, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use super::live;
use super::mask::{Entry, Mask, Owner};

/// Seen, once what others cannot read is taken out.
const SEARCHED: [&str; 3] = ["etc", "opt", "usr/local"];
/// Seen as they are.
pub const SEEN: [&str; 10] = [
    "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32", "etc", "opt",
];
/// Lodger's own files on the host: other containers' environment may be in them.
pub const OWN: [&str; 2] = ["etc/lodger", "etc/lodger.toml"];
/// There, and empty.
pub const EMPTY: [&str; 11] = [
    "boot", "dev", "home", "media", "mnt", "proc", "root", "run", "srv", "sys", "tmp",
];
/// How deep the skeleton of `/var` goes: `/var/lib/nginx/body`.
pub const SKELETON_DEPTH: usize = 3;
/// The most entries looked at for one container; past that the start fails and names the tree.
const MOST_ENTRIES: usize = 1_000_000;

/// Whether what a container sees at the absolute path `path` can come from the host at all.
pub fn is_seen(path: &Path) -> bool {
    let mut components = path.components();
    match (components.next(), components.next()) {
        (Some(Component::RootDir), Some(Component::Normal(top))) => {
            SEEN.iter().any(|seen| top == *seen)
        }
        _ => false,
    }
}

/// The mask for a container on the live tree `host`, which also hides the absolute paths in `hide`.
///
/// # Errors
/// When a part of the host cannot be read, or has too many entries to look through. Then nothing is mounted: what could
/// not be looked at must not be seen.
pub fn mask_of_host(host: &Path, hide: &[PathBuf]) -> Result<Mask> {
    let hidden = hide.iter().flat_map(|path| on_host(host, path)).collect();
    let mut view = View {
        host,
        hidden,
        mask: Mask::default(),
        entries: 0,
    };
    view.mask_top_level()?;
    for tree in SEARCHED {
        let tree = Path::new(tree);
        if !view.mask.covers(tree) && view.metadata(tree)?.is_some_and(|m| m.is_dir()) {
            view.mask_unreadable(tree)?;
        }
    }
    let hidden = std::mem::take(&mut view.hidden);
    for path in OWN.iter().map(PathBuf::from).chain(hidden) {
        view.white_out(&path)?;
    }
    Ok(view.mask)
}

/// The mask for a container on the pinned base `tree`, made of `host`: it shows what the administrator changes on the host
/// without dpkg as it is now, and hides the absolute paths in `hide`. The rest of the base may be seen, or it would not be in it.
///
/// # Errors
/// When a part of the base or the host cannot be read.
pub fn mask_of_base(tree: &Path, host: &Path, hide: &[PathBuf]) -> Result<Mask> {
    let mut view = View {
        host: tree,
        hidden: Vec::new(),
        mask: Mask::default(),
        entries: 0,
    };
    for path in live::PATHS.map(Path::new) {
        if let Some(entry) = live::difference(&tree.join(path), &host.join(path))? {
            view.keep_parents(path)?;
            view.mask.insert(path, entry);
        }
    }
    for path in hide.iter().flat_map(|path| on_host(tree, path)) {
        view.white_out(&path)?;
    }
    Ok(view.mask)
}

/// Where `path` lies on the host, relative to it, with links in its directories resolved; and, if it is itself a link,
/// what it leads to as well. Nothing if it does not exist. No link leads out of `host`.
fn on_host(host: &Path, path: &Path) -> Vec<PathBuf> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let (Some(parent), Some(name)) = (relative.parent(), relative.file_name()) else {
        return Vec::new();
    };
    let itself = resolve(host, parent).map(|parent| parent.join(name));
    let mut paths: Vec<_> = itself.into_iter().chain(resolve(host, relative)).collect();
    paths.dedup();
    paths
}

/// The path that `relative` leads to when `tree` is the root; relative to it. `None` if there is nothing.
fn resolve(tree: &Path, relative: &Path) -> Option<PathBuf> {
    let root = fs::File::open(tree).ok()?;
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let relative = match relative.as_os_str().is_empty() {
        true => Path::new("."),
        false => relative,
    };
    let found = openat2(root.as_fd(), relative, how).ok()?;
    let found = fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd())).ok()?;
    let tree = fs::read_link(format!("/proc/self/fd/{}", root.as_raw_fd())).ok()?;
    found.strip_prefix(tree).ok().map(Path::to_path_buf)
}

struct View<'a> {
    host: &'a Path,
    hidden: Vec<PathBuf>,
    mask: Mask,
    entries: usize,
}

impl View<'_> {
    fn mask_top_level(&mut self) -> Result<()> {
        for name in self.names(Path::new(""))? {
            let at = PathBuf::from(&name);
            let Some(metadata) = self.metadata(&at)? else {
                continue;
            };
            let listed = |list: &[&str]| list.iter().any(|known| at == Path::new(known));
            if metadata.is_dir() && listed(&EMPTY) {
                self.mask.insert(at, Entry::Opaque(owner(&metadata)));
            } else if metadata.is_dir() && at == Path::new("var") {
                self.mask.insert("var", Entry::Opaque(owner(&metadata)));
                self.mask_to_skeleton(&at, 1)?;
            } else if !((metadata.is_dir() || metadata.is_symlink()) && listed(&SEEN)) {
                self.mask.insert(at, Entry::Whiteout);
            }
        }
        Ok(())
    }

    /// Keeps the directories below `directory`, empty; of its links only those of the first level (`/var/run`).
    fn mask_to_skeleton(&mut self, directory: &Path, depth: usize) -> Result<()> {
        for name in self.names(directory)? {
            let at = directory.join(&name);
            let Some(metadata) = self.metadata(&at)? else {
                continue;
            };
            if metadata.is_symlink() && depth == 1 {
                match fs::read_link(self.host.join(&at)) {
                    Ok(target) => self.mask.insert(at, Entry::Symlink(target)),
                    Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                    Err(cause) => return Err(cause).with_context(|| self.unreadable(&at)),
                }
            } else if metadata.is_dir() && at == Path::new("var/tmp") {
                self.mask.insert(at, Entry::Directory(owner(&metadata)));
            } else if metadata.is_dir() && at != Path::new("var/lib/lodger") {
                self.mask.insert(&at, Entry::Directory(owner(&metadata)));
                // On ext4, xfs and tmpfs two links mean no directory inside; btrfs says one for all.
                if depth < SKELETON_DEPTH && enterable(&metadata) && metadata.nlink() != 2 {
                    self.mask_to_skeleton(&at, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Takes out of `directory` what an unprivileged user of the host could not read.
    fn mask_unreadable(&mut self, directory: &Path) -> Result<()> {
        for name in self.names(directory)? {
            let at = directory.join(&name);
            if self.hidden.contains(&at) {
                continue;
            }
            let Some(metadata) = self.metadata(&at)? else {
                continue;
            };
            if metadata.is_dir() && enterable(&metadata) {
                self.mask_unreadable(&at)?;
            } else if metadata.is_dir() {
                self.keep_parents(&at)?;
                self.mask.insert(at, Entry::Opaque(owner(&metadata)));
            } else if !(metadata.is_symlink() || metadata.is_file() && metadata.mode() & 0o004 != 0)
            {
                self.white_out(&at)?;
            }
        }
        Ok(())
    }

    /// Whites out `path` if it is in sight, and forgets what the mask had below it.
    fn white_out(&mut self, path: &Path) -> Result<()> {
        if path.as_os_str().is_empty() || self.metadata(path)?.is_none() {
            return Ok(());
        }
        self.mask.remove_tree(path);
        // In an opaque directory there is nothing to white out once the mask's own entry is gone.
        if !path.parent().is_some_and(|parent| self.mask.covers(parent)) {
            self.keep_parents(path)?;
            self.mask.insert(path, Entry::Whiteout);
        }
        Ok(())
    }

    /// Puts the directories above `path` into the mask. They cover the host's, so they take over owner and mode.
    fn keep_parents(&mut self, path: &Path) -> Result<()> {
        for parent in path
            .ancestors()
            .skip(1)
            .filter(|p| !p.as_os_str().is_empty())
        {
            if self.mask.get(parent).is_none() {
                let metadata = self
                    .metadata(parent)?
                    .with_context(|| self.unreadable(parent))?;
                self.mask.insert(parent, Entry::Directory(owner(&metadata)));
            }
        }
        Ok(())
    }

    /// The names in a directory of the host, sorted; none if it vanished.
    fn names(&mut self, directory: &Path) -> Result<Vec<std::ffi::OsString>> {
        let entries = match fs::read_dir(self.host.join(directory)) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(cause).with_context(|| self.unreadable(directory)),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(
                entry
                    .with_context(|| self.unreadable(directory))?
                    .file_name(),
            );
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                bail!(
                    "the host has more than {MOST_ENTRIES} files in '/{}' and the like, too many to look for secrets at \
                     every start; take trees the container does not need out with 'hide' in [root]",
                    directory.display()
                );
            }
        }
        names.sort();
        Ok(names)
    }

    /// The metadata of a path of the host, of a link itself; `None` if it is not there.
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        match fs::symlink_metadata(self.host.join(path)) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(cause) => Err(cause).with_context(|| self.unreadable(path)),
        }
    }

    fn unreadable(&self, path: &Path) -> String {
        format!(
            "cannot read the host's '{}'",
            self.host.join(path).display()
        )
    }
}

/// Whether others may enter the directory; only then can they reach anything in it.
fn enterable(metadata: &Metadata) -> bool {
    metadata.mode() & 0o001 != 0
}

pub(super) fn owner(metadata: &Metadata) -> Owner {
    Owner {
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
