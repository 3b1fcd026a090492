//! Starts that come all at once in; a turn for each, out.
//!
//! A root is on the host's mount table from its mount until its service runs, and every other start that falls in between pays
//! for it. When a thousand containers are started together systemd runs a thousand `lodgerd mount` together: all would be
//! mounted before the first service is up, and the last would run into the limit for starts. So they go in lanes, and wait
//! for room on the table.
//!
//! A wait has an end, after which a start goes ahead all the same: some programs take minutes until they are ready, and their
//! roots stay on the table for as long.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sd_notify::NotifyState;

use super::overlay::detach;
use super::submounts::parse_mount_points;
use crate::container::Name;
use crate::notify::notify;
use crate::place;

/// How many go on at once.
const LANES: u32 = 4;
/// So many roots on the table are no burden.
const ROOM: usize = 16;
/// How long to wait for room.
const PATIENCE: Duration = Duration::from_secs(1);
/// What systemd is told to wait for a start whose turn has not come, on top of its own limit.
const WAITING: u32 = 15 * 60 * 1_000_000;
/// The same once it has: systemd's own limit.
const GOING_ON: u32 = 90 * 1_000_000;

/// A start's turn; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    _lane: Flock<File>,
}

/// Waits for the turn of this process, and for room on the mount table of its namespace, which is the host's.
///
/// # Errors
/// When a lane cannot be locked or the mount table cannot be read.
pub fn take_turn() -> Result<Turn> {
    let lane = lane(Path::new(place::QUEUE), std::process::id() % LANES)?;
    let mut table = File::open("/proc/self/mountinfo").context("cannot open the mount table")?;
    let end = Instant::now() + PATIENCE;
    loop {
        let roots = roots_on(&mut table)?;
        let roots = roots.len() - take_off_left(&roots)?;
        let left = end.saturating_duration_since(Instant::now());
        if roots < ROOM || left.is_zero() {
            return Ok(Turn { _lane: lane });
        }
        wait_for_change(&table, left)?;
    }
}

/// Locks a lane. While it waits, systemd is told to be patient.
fn lane(queue: &Path, number: u32) -> Result<Flock<File>> {
    let path = queue.join(number.to_string());
    let failed = || format!("cannot lock '{}'", path.display());
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .with_context(failed)?;
    let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lane) => return Ok(lane),
        Err((file, Errno::EWOULDBLOCK)) => file,
        Err((_, cause)) => return Err(cause).with_context(failed),
    };
    // Without systemd at the other end there is no limit either.
    let _ = notify(&[
        NotifyState::Status("Waiting for other containers to start."),
        NotifyState::ExtendTimeoutUsec(WAITING),
    ]);
    let lane = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, cause)| cause)
        .with_context(failed)?;
    let _ = notify(&[
        NotifyState::Status(""),
        NotifyState::ExtendTimeoutUsec(GOING_ON),
    ]);
    Ok(lane)
}

/// The roots of containers on a mount table.
fn roots_on(table: &mut File) -> Result<Vec<PathBuf>> {
    let mut text = Vec::new();
    table
        .rewind()
        .and_then(|()| table.read_to_end(&mut text))
        .context("cannot read the mount table")?;
    let mut points = parse_mount_points(&text);
    points.retain(|point| point.parent() == Some(Path::new(place::ROOTS)));
    Ok(points)
}

/// Takes off those whose start was cut short: their service has no control group, so it neither runs nor starts. How many.
///
/// # Errors
/// When the kernel refuses.
pub fn take_off_left(roots: &[PathBuf]) -> Result<usize> {
    let mut taken = 0;
    for root in roots {
        let name = root.file_name().and_then(|name| name.to_str());
        let Some(name) = name.and_then(|name| Name::parse(name).ok()) else {
            continue;
        };
        if !has_control_group(&name) {
            detach(root)?;
            taken += 1;
        }
    }
    Ok(taken)
}

fn has_control_group(name: &Name) -> bool {
    let slice = Path::new("/sys/fs/cgroup").join(place::SLICE);
    // What cannot be looked at may well be there. A start has the slice; without it, groups are somewhere else.
    !slice.is_dir() || slice.join(name.service()).try_exists().unwrap_or(true)
}

/// Returns when the mount table has changed, or after `limit`.
fn wait_for_change(table: &File, limit: Duration) -> Result<()> {
    let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    // proc_pid_mounts(5): a change makes the file readable with POLLPRI.
    match poll(
        &mut [PollFd::new(table.as_fd(), PollFlags::POLLPRI)],
        timeout,
    ) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(cause) => Err(cause).context("cannot wait for a change of the mount table"),
    }
}

/// All roots on the mount table of this process's namespace whose start was cut short, taken off.
///
/// # Errors
/// When the table cannot be read, or the kernel refuses.
pub fn sweep() -> Result<()> {
    let mut table = File::open("/proc/self/mountinfo").context("cannot open the mount table")?;
    take_off_left(&roots_on(&mut table)?).map(drop)
}
