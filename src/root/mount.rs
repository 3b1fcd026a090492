//! `lodgerd mount` and `lodgerd unmount`: a container's name and what it may see in; its root on the host's mount table,
//! or off it again, out.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{FlockArg, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;

use super::bind::{self, Bind, Source};
use super::mask::Mask;
use super::overlay::{Overlay, bind_file, detach, make_directory};
use super::volume::Volume;
use super::{discard, lower, program, queue, seen, submounts, sweep};
use crate::cgroup::is_gone;
use crate::container::{Base, Name};
use crate::place;

/// Everything that decides what one container's root is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountRequest {
    /// Whose root.
    pub name: Name,
    /// The tree underneath.
    pub base: Base,
    /// Where pinned bases are.
    pub bases: PathBuf,
    /// Absolute paths it must not see, besides what lodger always takes away.
    pub hide: Vec<PathBuf>,
    /// Has to exist in the root: systemd is told to go on without it, since it looks before the root is mounted.
    pub working_directory: PathBuf,
    /// Whether the upper of the last start is thrown away. Such uppers lie apart from those that are kept.
    pub ephemeral: bool,
    /// Volumes that have to be there.
    pub volumes: Vec<Volume>,
    /// What has to be in the root to be executed: absolute paths or bare names.
    pub programs: Vec<PathBuf>,
    /// What is mounted in the root.
    pub binds: Vec<Bind>,
}

/// Mounts a fresh root. Whatever was mounted there before is taken off first.
///
/// # Errors
/// With path and cause; then nothing stays mounted, and the start of the service fails with them.
pub fn mount(request: &MountRequest) -> Result<()> {
    enter_host_mounts()?;
    make_directory(Path::new(place::QUEUE), 0o700)?;
    let _turn = queue::take_turn()?;
    require_sources(request)?;
    provide_volumes(&request.volumes)?;
    let root = request.name.root();
    let state = request.name.state();
    make_directory(&root, 0o755)?;
    make_directory(Path::new(place::MASKS), 0o755)?;
    make_directory(Path::new(place::CONTAINERS), 0o700)?;
    make_directory(&state, 0o700)?;
    // The kernel lets two overlays share an upper, with undefined results; so no two mounts of one container at once.
    let _lock = sweep::lock_directory(&state, FlockArg::LockExclusive)?;
    let _layers = sweep::hold(Path::new(place::MASKS))?;
    detach(&root)?;
    refuse_used_mount_point(&root)?;
    let lower = lower::lower(request.base, &state, &request.bases)?;
    let state = if request.ephemeral {
        discard::discard(&state, place::EPHEMERAL)?;
        state.join(place::EPHEMERAL)
    } else {
        discard::sweep(&state)?;
        state
    };
    build(request, &lower.tree, &root, &state).inspect_err(|_| {
        // The error that is on its way says more than a second one would.
        let _ = detach(&root);
    })
}

/// Takes the root off the host's mount table; the service that runs on it, with `main` as its main process, keeps it.
///
/// # Errors
/// When the kernel refuses.
pub fn unmount(name: &Name, main: Option<i32>) -> Result<()> {
    let host = mount_namespace(1)?.context("PID 1 has no mount namespace")?;
    if let Some(main) = main {
        keep_own_mounts(main, &host)?;
    }
    enter(&host)?;
    detach(&name.root())
}

/// Ends what the mounts of a service receive from the host's. An unmount on the host reaches every copy of what is mounted
/// inside: without this, the service would lose the submounts of its root.
fn keep_own_mounts(main: i32, host: &File) -> Result<()> {
    let Some(own) = mount_namespace(main)? else {
        return Ok(());
    };
    // The host's own propagation is not to be touched, whatever went wrong with the service.
    if own.metadata()?.ino() == host.metadata()?.ino() {
        return Ok(());
    }
    enter(&own)?;
    let none: Option<&Path> = None;
    nix::mount::mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none)
        .context("cannot make the mounts of the service its own")
}

fn build(request: &MountRequest, tree: &Path, root: &Path, state: &Path) -> Result<()> {
    let source = request.name.overlay();
    match request.base {
        Base::Pinned => {
            let mask = seen::mask_of_base(tree, Path::new("/"), &request.hide)?;
            overlay(&source, tree, &mask, state, root)?;
        }
        Base::Host => {
            let mask = seen::mask_of_host(tree, &request.hide)?;
            overlay(&source, tree, &mask, state, root)?;
            carry_over_all(&source, &mask, state, root)?;
        }
    }
    bind::mount_all(&request.binds, root)?;
    require_directory(root, &request.working_directory)?;
    let mut programs = request.programs.iter();
    programs.try_for_each(|program| program::require(root, program))
}

/// Shows what is mounted inside the live host: an overlay has only the directory under a mount point. A pinned base holds what
/// was mounted there.
fn carry_over_all(source: &str, mask: &Mask, state: &Path, root: &Path) -> Result<()> {
    let mountinfo = fs::read("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")?;
    for point in submounts::in_sight(&submounts::parse_mount_points(&mountinfo), mask) {
        carry_over(source, &point, mask, state, root)?;
    }
    Ok(())
}

/// Gives a filesystem mounted inside the base its own overlay, or its own bind mount if a file is mounted over a file.
fn carry_over(source: &str, point: &Path, mask: &Mask, state: &Path, root: &Path) -> Result<()> {
    let lower = Path::new("/").join(point);
    let target = root.join(point);
    let refused = || {
        format!(
            "the host has a filesystem mounted on '{}' that cannot be shown",
            lower.display()
        )
    };
    match fs::symlink_metadata(&lower) {
        Ok(metadata) if metadata.is_dir() => {
            let state = submounts::state(state, point);
            overlay(source, &lower, &mask.below(point), &state, &target).with_context(refused)
        }
        Ok(_) => bind_file(&lower, &target).with_context(refused),
        // Hidden under another mount, or gone meanwhile.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(cause).with_context(refused),
    }
}

fn overlay(source: &str, lower: &Path, mask: &Mask, state: &Path, target: &Path) -> Result<()> {
    let layer = match mask.is_empty() {
        true => None,
        false => Some(mask.layer(Path::new(place::MASKS))?),
    };
    Overlay {
        source,
        lower,
        mask: layer.as_deref(),
        state,
        target,
    }
    .mount()
}

/// Tells of everything of the host's that the container needs and that is not there.
fn require_sources(request: &MountRequest) -> Result<()> {
    let bound = request.binds.iter().filter_map(|bind| match &bind.source {
        // Those are about to be made.
        Source::Host { path, .. } if path.starts_with(place::VOLUMES) => None,
        Source::Host { path, .. } => Some(path),
        Source::Tmpfs(_) => None,
    });
    let mut missing = Vec::new();
    for path in bound {
        match fs::metadata(path) {
            Ok(_) => {}
            Err(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                missing.push(format!("the source '{}' is not there", path.display()));
            }
            Err(cause) => {
                return Err(cause)
                    .with_context(|| format!("cannot look at the source '{}'", path.display()));
            }
        }
    }
    if !missing.is_empty() {
        missing.dedup();
        bail!("{}", missing.join("; "));
    }
    Ok(())
}

fn provide_volumes(volumes: &[Volume]) -> Result<()> {
    if volumes.is_empty() {
        return Ok(());
    }
    let directory = Path::new(place::VOLUMES);
    make_directory(directory, 0o700)?;
    volumes
        .iter()
        .try_for_each(|volume| volume.provide(directory))
}

/// Leaves the private mount namespace that systemd gives to every command of a service with `RootDirectory=`, for the
/// one where the root has to appear: PID 1's.
///
/// # Errors
/// When the kernel refuses.
pub fn enter_host_mounts() -> Result<()> {
    enter(&mount_namespace(1)?.context("PID 1 has no mount namespace")?)
}

/// The whole mount table of the namespace that the process `pid` is in, whatever it has made its own root (chroot(2)): that of a
/// process leaves out what lies elsewhere. This process goes there for a moment, so it must have no other threads.
///
/// # Errors
/// When the kernel refuses; as `None`, when the process has ended.
pub fn whole_table(pid: i32) -> Result<Option<Vec<u8>>> {
    let Some(theirs) = mount_namespace(pid)? else {
        return Ok(None);
    };
    let own = File::open("/proc/self/ns/mnt").context("cannot open the own mount namespace")?;
    // Nothing is looked up there but in the host's own /proc.
    let proc = File::open("/proc").context("cannot open /proc")?;
    enter(&theirs)?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let table = openat(&proc, "self/mountinfo", flags, Mode::empty());
    enter(&own)?;
    let mut text = Vec::new();
    // It goes on to tell of the namespace in which it was opened.
    File::from(table.context("cannot open a mount table")?)
        .read_to_end(&mut text)
        .context("cannot read a mount table")?;
    Ok(Some(text))
}

/// The mount namespace of a process; `None` if it has ended.
fn mount_namespace(pid: i32) -> Result<Option<File>> {
    match File::open(format!("/proc/{pid}/ns/mnt")) {
        Ok(namespace) => Ok(Some(namespace)),
        Err(cause) if is_gone(&cause) => Ok(None),
        Err(cause) => {
            Err(cause).with_context(|| format!("cannot open the mount namespace of process {pid}"))
        }
    }
}

fn enter(namespace: &File) -> Result<()> {
    setns(namespace.as_fd(), CloneFlags::CLONE_NEWNS).context("cannot enter a mount namespace")
}

/// A mount point is an empty directory. What lies in it would come to light, and be run, if the mount were missing.
fn refuse_used_mount_point(root: &Path) -> Result<()> {
    let mut entries =
        fs::read_dir(root).with_context(|| format!("cannot read '{}'", root.display()))?;
    if entries.next().is_some() {
        bail!(
            "the mount point '{}' is not empty; empty it",
            root.display()
        );
    }
    Ok(())
}

/// Looks for `path` as the container will see it. What systemd mounts itself is not there yet.
fn require_directory(root: &Path, path: &Path) -> Result<()> {
    if ["/dev", "/proc", "/sys"]
        .iter()
        .any(|api| path.starts_with(api))
    {
        return Ok(());
    }
    let root = File::open(root).with_context(|| format!("cannot open '{}'", root.display()))?;
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root.as_fd(), path, how).map(drop).with_context(|| {
        format!(
            "the working-directory '{}' cannot be entered in the container's root",
            path.display()
        )
    })
}
