//! What a container gets besides its root: sources on the host and targets inside in, mounts in the root out.
//!
//! systemd's `BindPaths=` and `TemporaryFileSystem=` will not do: systemd applies them to `ExecStartPre=` as well, before
//! there is a root. A source that is yet to be made fails the start there (226/NAMESPACE), and a missing target is made on
//! the host itself.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::libc;
use nix::mount::MsFlags;
use nix::sys::stat::{Mode, mkdirat};

use super::volume::parse_mode;

use super::attributes;

/// What is mounted at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file or directory of the host, with what is mounted below it.
    Host {
        /// Where it is on the host.
        path: PathBuf,
        /// Whether nothing can be written through it.
        read_only: bool,
    },
    /// An empty tmpfs.
    Tmpfs(Tmpfs),
}

/// How large a tmpfs is, and who may write to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tmpfs {
    /// The most that it holds.
    pub bytes: u64,
    /// Permission bits of its root.
    pub mode: u32,
}

impl Tmpfs {
    /// `BYTES[,mode=OCTAL]`, or what is wrong with it; everybody may write to it if it does not say.
    ///
    /// # Errors
    /// For any other text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (bytes, mode) = match text.split_once(",mode=") {
            Some((bytes, mode)) => (bytes, parse_mode(mode)?),
            None => (text, 0o1777),
        };
        let bytes = bytes
            .parse()
            .map_err(|_| format!("'{bytes}' is no number of bytes"))?;
        Ok(Self { bytes, mode })
    }
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// What.
    pub source: Source,
    /// Where in the container's root; made if it is not there.
    pub target: PathBuf,
}

/// Where systemd mounts something of its own when the root is there, which would cover what lodger has mounted.
const COVERED: [&str; 4] = ["/dev", "/proc", "/sys", "/tmp"];

/// Mounts each in the root `root`, outer ones first.
///
/// # Errors
/// When a source is not there, a target cannot be made or would be covered, or the kernel refuses.
pub fn mount_all(binds: &[Bind], root: &Path) -> Result<()> {
    let mut binds: Vec<_> = binds.iter().collect();
    binds.sort_by_key(|bind| &bind.target);
    for bind in &binds {
        refuse_target(&bind.target)?;
    }
    let tree: OwnedFd = File::open(root)
        .with_context(|| format!("cannot open '{}'", root.display()))?
        .into();
    if binds.iter().any(|bind| bind.target.starts_with("/run")) {
        mount_run(&tree)?;
    }
    for bind in binds {
        bind.mount(&tree)?;
    }
    Ok(())
}

/// systemd gives a root an empty tmpfs on /run unless something is mounted there: only then can there be mounts in it.
fn mount_run(root: &OwnedFd) -> Result<()> {
    let run = Path::new("/run");
    let target = target_in(root, run, true)?;
    // The options systemd has for it (MountAPIVFS= in systemd.exec(5)).
    mount_tmpfs(&target, "mode=0755,size=20%,nr_inodes=800k")
        .context("cannot mount a tmpfs on '/run' in the container's root")
}

fn refuse_target(target: &Path) -> Result<()> {
    let shown = target.display();
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    if !target.is_absolute() || !target.components().all(plain) || target.parent().is_none() {
        bail!(
            "nothing can be mounted on '{shown}': the place has to be an absolute path without '..', below '/'"
        );
    }
    if let Some(covered) = COVERED.iter().find(|covered| target.starts_with(covered)) {
        bail!(
            "nothing can be mounted on '{shown}': the container has a '{covered}' of its own over it"
        );
    }
    if target == Path::new("/run") {
        bail!("nothing can be mounted on '/run' itself, only below it");
    }
    Ok(())
}

impl Bind {
    fn mount(&self, root: &OwnedFd) -> Result<()> {
        let shown = self.target.display();
        match &self.source {
            Source::Tmpfs(Tmpfs { bytes, mode }) => {
                let target = target_in(root, &self.target, true)?;
                mount_tmpfs(&target, &format!("mode={mode:o},size={bytes}"))
                    .with_context(|| format!("cannot mount a tmpfs on '{shown}'"))
            }
            Source::Host { path, read_only } => self
                .mount_host(root, path, *read_only)
                .with_context(|| format!("cannot mount '{}' on '{shown}'", path.display())),
        }
    }

    fn mount_host(&self, root: &OwnedFd, path: &Path, read_only: bool) -> Result<()> {
        let source = File::options()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(path)?;
        let target = target_in(root, &self.target, source.metadata()?.is_dir())?;
        let none: Option<&Path> = None;
        nix::mount::mount(
            Some(&link_to(&source)),
            &link_to(&target),
            none,
            MsFlags::MS_BIND | MsFlags::MS_REC,
            none,
        )?;
        // What is set-id or a device is neither, as in the rest of the root.
        let mut flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
        if read_only {
            flags |= libc::MOUNT_ATTR_RDONLY;
        }
        // Looked up anew: what `target` holds lies under the mount now.
        let mounted = look_up(root, &self.target)?;
        attributes::add(&mounted, flags).map_err(Into::into)
    }
}

/// The place for a mount in the root, made with all directories above it if it is not there. A link in the container's root
/// leads to where it would lead inside.
fn target_in(root: &OwnedFd, path: &Path, directory: bool) -> Result<OwnedFd> {
    let shown = path.display();
    match look_up(root, path) {
        Ok(target) => {
            let is_directory = fs::metadata(link_to(&target))?.is_dir();
            if is_directory != directory {
                let kind = |directory| if directory { "a directory" } else { "a file" };
                bail!(
                    "'{shown}' in the container's root is {}, and what is to be mounted there {}",
                    kind(is_directory),
                    kind(directory)
                );
            }
            return Ok(target);
        }
        Err(Errno::ENOENT) => {}
        Err(cause) => {
            return Err(cause)
                .with_context(|| format!("cannot look up '{shown}' in the container's root"));
        }
    }
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        bail!("'{shown}' cannot be made");
    };
    // Ends at "/", which is there.
    let above = target_in(root, above, true)?;
    let made = if directory {
        mkdirat(&above, name, Mode::from_bits_truncate(0o755))
    } else {
        let new = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&above, name, new, Mode::from_bits_truncate(0o644)).map(drop)
    };
    made.and_then(|()| look_up(root, path))
        .with_context(|| format!("cannot make '{shown}' in the container's root"))
}

fn look_up(root: &OwnedFd, path: &Path) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root.as_fd(), path, how)
}

fn mount_tmpfs(target: &OwnedFd, options: &str) -> Result<(), Errno> {
    nix::mount::mount(
        Some("tmpfs"),
        &link_to(target),
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(options),
    )
}

/// A path that means what the descriptor holds, whatever happens to names meanwhile.
fn link_to(file: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tmpfs_has_a_size_and_perhaps_a_mode() {
        let tmpfs = |bytes, mode| Ok(Tmpfs { bytes, mode });
        assert_eq!(Tmpfs::parse("1024"), tmpfs(1024, 0o1777));
        assert_eq!(Tmpfs::parse("1024,mode=0700"), tmpfs(1024, 0o700));
        for bad in ["", "1M", "-1", "1024,mode=", "1024,mode=9", "1024,uid=0"] {
            assert!(Tmpfs::parse(bad).is_err(), "for {bad:?}");
        }
    }

    #[test]
    fn targets_that_would_be_covered_are_refused() {
        for (target, message) in [
            (
                "srv",
                "the place has to be an absolute path without '..', below '/'",
            ),
            (
                "/",
                "the place has to be an absolute path without '..', below '/'",
            ),
            (
                "/srv/../etc",
                "the place has to be an absolute path without '..', below '/'",
            ),
            ("/tmp/x", "the container has a '/tmp' of its own over it"),
            (
                "/run",
                "nothing can be mounted on '/run' itself, only below it",
            ),
        ] {
            let error = refuse_target(Path::new(target)).unwrap_err().to_string();
            assert!(error.ends_with(message), "{error}");
        }
        for target in [
            "/run/mysqld",
            "/tmpfs",
            "/srv",
            "/var/lib/shop",
            "/var/tmp",
            "/dev2",
        ] {
            refuse_target(Path::new(target)).unwrap();
        }
    }

    #[test]
    fn targets_are_made_inside_the_root_whatever_links_are_in_it() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("inside")).unwrap();
        symlink("/inside", root.path().join("absolute")).unwrap();
        symlink("../../inside", root.path().join("upwards")).unwrap();
        symlink("/nowhere", root.path().join("dangling")).unwrap();
        let tree: OwnedFd = File::open(root.path()).unwrap().into();
        let make = |path: &str, directory| target_in(&tree, Path::new(path), directory);
        make("/absolute/a/b", true).unwrap();
        make("/upwards/c", false).unwrap();
        assert!(root.path().join("inside/a/b").is_dir());
        assert!(root.path().join("inside/c").is_file());
        for (path, directory, message) in [
            (
                "/inside",
                false,
                "'/inside' in the container's root is a directory, and what is to be mounted there a file",
            ),
            (
                "/inside/c",
                true,
                "'/inside/c' in the container's root is a file, and what is to be mounted there a directory",
            ),
            (
                "/dangling",
                true,
                "cannot make '/dangling' in the container's root",
            ),
        ] {
            assert_eq!(make(path, directory).unwrap_err().to_string(), message);
        }
        assert!(!root.path().join("nowhere").exists());
    }
}
