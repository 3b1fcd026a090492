//! The path of a container file in, its bytes out, or that it is a mask, or why it cannot be read.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat, major, minor};
use nix::time::{ClockId, clock_gettime};

use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::document::LONGEST_FILE;
use crate::prefix::Prefix;

/// What a container file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its bytes, up to one more than a file may have.
    Bytes(Vec<u8>),
    /// Nothing: an empty file, or a link to /dev/null, makes no container and shadows weaker files of its name, as with units.
    Mask,
}

impl Content {
    /// What is in it; `None` for a mask.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Content::Bytes(bytes) => Some(bytes),
            Content::Mask => None,
        }
    }
}

/// What is in the file at `path`, where it really lies. Never waits: a FIFO is no container file.
///
/// Of a file that somebody writes into meanwhile it is one state or nothing; what replaces it whole, by a rename, is never torn.
pub fn read_content(path: &Path) -> Result<Content, Fault> {
    const TRIES: usize = 5;
    for _ in 0..TRIES {
        if let Some(content) = read_once(path)? {
            return Ok(content);
        }
    }
    let fault = Fault::new(rule::UNREADABLE, "changes while it is read");
    Err(fault.help("write another file, and rename it"))
}

/// What is in the file `name` of `directory`, if that is quickly told: an ordinary file, not long, and not changed since before
/// it was opened. It is looked at once, where [`read_content`] does so before and after it reads. `buffer` is longer than that.
///
/// Only for what the directory tells is a regular file: of a FIFO it would take something away.
pub fn read_unchanged(
    directory: BorrowedFd<'_>,
    name: &Path,
    buffer: &mut [u8],
) -> Option<Content> {
    // The clock that a change is stamped with (inode_set_ctime_current() in the kernel). A server of files has another; of what is
    // cached of its files two looks would tell no more.
    let began = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).ok()?;
    let flags = OFlag::O_RDONLY
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let file = openat(directory, name, flags, Mode::empty()).ok()?;
    let length = nix::unistd::read(&file, buffer).ok()?;
    let state = fstat(&file).ok()?;
    let is_regular = SFlag::from_bits_truncate(state.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    let is_whole =
        (1..buffer.len()).contains(&length) && u64::try_from(state.st_size) == Ok(length as u64);
    let is_old = (state.st_ctime, state.st_ctime_nsec) < (began.tv_sec(), began.tv_nsec());
    (is_regular && is_whole && is_old).then(|| Content::Bytes(buffer[..length].to_vec()))
}

/// `None` if the file was changed meanwhile.
fn read_once(path: &Path) -> Result<Option<Content>, Fault> {
    let file = open(path)?;
    let unreadable =
        |error: io::Error| Fault::new(rule::UNREADABLE, format!("cannot be read: {error}"));
    let metadata = file.metadata().map_err(unreadable)?;
    let kind = metadata.file_type();
    if kind.is_char_device() && (major(metadata.rdev()), minor(metadata.rdev())) == (1, 3) {
        return Ok(Some(Content::Mask));
    }
    if !kind.is_file() {
        let kind = if kind.is_dir() {
            "a directory"
        } else {
            "a device, FIFO or socket"
        };
        return Err(Fault::new(
            rule::NOT_A_TEXT_FILE,
            format!("not a regular file but {kind}"),
        ));
    }
    // One byte more than a file may have, so that one that is too long shows itself. Some file systems call files empty that
    // are not.
    let length = match metadata.len() {
        0 => LONGEST_FILE as u64 + 1,
        length => length.min(LONGEST_FILE as u64 + 1),
    };
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(length)).unwrap_or(0));
    (&file)
        .take(length)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if state(&file.metadata().map_err(unreadable)?) != state(&metadata) {
        return Ok(None);
    }
    Ok(Some(if bytes.is_empty() {
        Content::Mask
    } else {
        Content::Bytes(bytes)
    }))
}

/// What changes when somebody writes into a file.
fn state(metadata: &Metadata) -> impl PartialEq + use<> {
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    let changed = (metadata.ctime(), metadata.ctime_nsec());
    (metadata.len(), modified, changed)
}

fn open(path: &Path) -> Result<File, Fault> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path)
        .map_err(|error| {
            let message = match (error.kind(), fs::read_link(path)) {
                (ErrorKind::NotFound, Ok(target)) => {
                    format!(
                        "a symbolic link to {}, which is not there",
                        quote(&target.to_string_lossy())
                    )
                }
                // A socket cannot be opened at all.
                _ if error.raw_os_error() == Some(nix::errno::Errno::ENXIO as i32) => {
                    "not a regular file but a socket".to_owned()
                }
                _ => format!("cannot be opened: {error}"),
            };
            Fault::new(rule::UNREADABLE, message)
        })
}

/// A warning when the link `source` leads to where nothing is mounted yet when the generator runs.
pub fn not_there_at_boot(prefix: &Prefix, source: &Path) -> Option<Diagnostic> {
    const LATE: [&str; 2] = ["/home", "/var"];
    let path = prefix.at(source);
    // What cannot be followed has been told as an error.
    let target = fs::canonicalize(&path).ok()?;
    let root = fs::canonicalize(prefix.at("/")).ok()?;
    let booted = target
        .strip_prefix(&root)
        .map_or_else(|_| target.clone(), |inside| Path::new("/").join(inside));
    let late = LATE
        .into_iter()
        .find(|late| booted.starts_with(PathBuf::from(late)))?;
    let message = format!(
        "a symbolic link to {}, and {late} may not be mounted when containers are made at boot",
        quote(&booted.to_string_lossy())
    );
    let fault = Fault::new(rule::NOT_THERE, message).help("copy the file");
    Some(Diagnostic::of_file(source, fault).as_warning())
}
