//! An open file of the host in; a copy of it in a base, without the rights it gives to who runs it, out.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown};

use super::{attributes, row};

/// How often a file that is written meanwhile is copied again.
const TRIES: usize = 3;

/// How the content came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It shares its blocks with the host's file.
    Reflinked,
    /// Byte by byte.
    Copied,
}

/// A finished copy.
pub struct Copy {
    /// What it is.
    pub stat: FileStat,
    /// The file it was made of.
    pub source: FileStat,
    /// How.
    pub way: Way,
    /// Whether it held still meanwhile.
    pub settled: bool,
}

/// The permission bits of a copy of the file: without set-user-ID and set-group-ID.
pub fn mode(stat: &FileStat) -> u32 {
    stat.st_mode & 0o1777
}

/// Copies `source` to the new file `name` in `directory`; content is shared where `may_share` says so and the filesystem can.
///
/// # Errors
/// When reading, writing, or giving the copy its attributes fails.
pub fn copy(
    source: &File,
    directory: impl AsFd,
    name: &CStr,
    may_share: &mut bool,
) -> Result<Copy> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let mut target = File::from(openat(
        directory,
        name,
        flags,
        Mode::S_IRUSR | Mode::S_IWUSR,
    )?);
    let (before, way, settled) = copy_content(source, &mut target, may_share)?;
    give_attributes(&target, &before, mode(&before), &attributes::kept(source)?)?;
    Ok(Copy {
        stat: fstat(&target)?,
        source: before,
        way,
        settled,
    })
}

/// What the source was when it was copied, how that went, and whether it held still.
fn copy_content(
    mut source: &File,
    target: &mut File,
    may_share: &mut bool,
) -> Result<(FileStat, Way, bool)> {
    let mut before = fstat(source)?;
    let mut tries = 0;
    loop {
        tries += 1;
        let way = if *may_share && share(source, target)? {
            Way::Reflinked
        } else {
            *may_share = false;
            source.rewind()?;
            target.rewind()?;
            target.set_len(0)?;
            let length = u64::try_from(before.st_size).unwrap_or(0);
            io::copy(&mut source.take(length), target)?;
            Way::Copied
        };
        let after = fstat(source)?;
        let settled = identity(&before) == identity(&after);
        if settled || tries == TRIES {
            return Ok((before, way, settled));
        }
        before = after;
    }
}

/// Owner, mode, attributes and times. In this order: a change of owner takes rights away, and every change moves the time.
///
/// # Errors
/// When one is refused.
pub fn give_attributes(
    target: impl AsFd,
    stat: &FileStat,
    mode: u32,
    kept: &attributes::Attributes,
) -> Result<()> {
    let target = target.as_fd();
    give_owner(target, stat, mode)?;
    attributes::set(target, kept).map_err(|(name, cause)| {
        anyhow::Error::new(cause).context(format!("cannot give it its attribute '{name}'"))
    })?;
    let written = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
    futimens(target, &written, &written).context("cannot give it its time")
}

/// Owner and mode alone, of a directory that is there without what the host has in it.
///
/// # Errors
/// When one is refused.
pub fn give_owner(target: impl AsFd, stat: &FileStat, mode: u32) -> Result<()> {
    let target = target.as_fd();
    let made = fstat(target)?;
    // Most are right already, and to look is much cheaper than to write an inode.
    if (made.st_uid, made.st_gid) != (stat.st_uid, stat.st_gid) {
        let (owner, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        fchown(target, Some(owner), Some(group)).context("cannot give it its owner")?;
    }
    if made.st_mode & 0o7777 != mode {
        fchmod(target, Mode::from_bits_truncate(mode)).context("cannot give it its mode")?;
    }
    Ok(())
}

/// Makes `target` share the content of `source` (ioctl_ficlone(2)); whether the filesystem can.
#[allow(unsafe_code, reason = "nix 0.31 has no FICLONE")]
fn share(source: &File, target: &File) -> Result<bool> {
    // SAFETY: FICLONE takes a file descriptor, and both are open for the time of the call.
    let result = unsafe { libc::ioctl(target.as_raw_fd(), libc::FICLONE, source.as_raw_fd()) };
    match Errno::result(result) {
        Ok(_) => Ok(true),
        Err(
            Errno::EOPNOTSUPP
            | Errno::EXDEV
            | Errno::EINVAL
            | Errno::ENOTTY
            | Errno::EPERM
            | Errno::ETXTBSY
            | Errno::EISDIR,
        ) => Ok(false),
        Err(cause) => Err(cause).context("cannot share its content"),
    }
}

fn identity(stat: &FileStat) -> (i64, i64, i64) {
    (stat.st_size, row::mtime(stat), row::ctime(stat))
}

/// Whether two files of the same size have the same content.
///
/// # Errors
/// When one cannot be read.
pub fn have_same_content(one: &File, two: &File) -> Result<bool> {
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut at = 0;
    loop {
        let (length, other) = (fill(one, &mut left, at)?, fill(two, &mut right, at)?);
        if left[..length] != right[..other] {
            return Ok(false);
        }
        if length < left.len() {
            return Ok(true);
        }
        at += length as u64;
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(filled)
}
