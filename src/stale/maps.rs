//! The text of `/proc/PID/maps` in, file mappings out.

use std::ffi::OsStr;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::mounts::{parse_device, parse_number};
use crate::root::seen;

/// A file that a process maps, or has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// Major and minor number of the filesystem.
    pub device: (u32, u32),
    /// Inode number there; on an overlay that of the layer the file comes from.
    pub inode: u64,
    /// Where, as the kernel writes it; see [`Mapping::readings`].
    pub name: &'a [u8],
}

/// What the name of a mapping may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Where, as the process sees it.
    pub path: PathBuf,
    /// Whether the path was unlinked on that filesystem itself.
    pub deleted: bool,
}

const DELETED: &[u8] = b" (deleted)";
const NEWLINE: &[u8] = b"\\012";

impl Mapping<'_> {
    /// The path, if it is as it stands.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.name))
    }

    /// All that the name may mean, the most likely first: a file may really be called "x (deleted)", or have a backslash in its
    /// name (the kernel writes `\012` for a newline and leaves backslashes as they are).
    pub fn readings(&self) -> Vec<Reading> {
        let mut readings = Vec::new();
        for name in [decoded(self.name), Some(self.name.to_vec())]
            .into_iter()
            .flatten()
        {
            if let Some(path) = name.strip_suffix(DELETED) {
                readings.push(reading(path, true));
            }
            readings.push(reading(&name, false));
        }
        readings
    }
}

fn reading(path: &[u8], deleted: bool) -> Reading {
    Reading {
        path: PathBuf::from(OsStr::from_bytes(path)),
        deleted,
    }
}

/// With newlines, if there is anything that may stand for one.
fn decoded(name: &[u8]) -> Option<Vec<u8>> {
    let mut rest = name;
    let mut path = Vec::new();
    while let Some(at) = rest.windows(4).position(|part| part == NEWLINE) {
        path.extend_from_slice(&rest[..at]);
        path.push(b'\n');
        rest = &rest[at + 4..];
    }
    (!path.is_empty()).then(|| {
        path.extend_from_slice(rest);
        path
    })
}

/// Whether what the kernel calls by this name can come from the host at all.
pub fn may_be_seen(name: &[u8]) -> bool {
    seen::is_seen(Path::new(OsStr::from_bytes(name)))
}

/// The file mappings (proc_pid_maps(5)), in their order; of one file that is mapped in several parts next to each other only
/// the first. Anonymous ones have no inode and are left out.
pub fn mappings(text: &[u8]) -> impl Iterator<Item = Mapping<'_>> {
    let mut last: &[u8] = &[];
    lines(text).filter_map(move |line| {
        // address perms offset dev inode, one blank each, then blanks and the path, which may hold blanks itself.
        let file = line.splitn(4, |byte| *byte == b' ').nth(3)?;
        if file == last {
            return None;
        }
        last = file;
        parse_file(file)
    })
}

/// With the library's own search for the ends of lines: going byte by byte takes half the time of all that is done with the text.
fn lines(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let rest = text;
        // There is nothing that can fail in memory; 0 is the end.
        let count = text.skip_until(b'\n').ok().filter(|count| *count > 0)?;
        let line = &rest[..count];
        Some(line.strip_suffix(b"\n").unwrap_or(line))
    })
}

fn parse_file(file: &[u8]) -> Option<Mapping<'_>> {
    let mut fields = file.splitn(3, |byte| *byte == b' ');
    let (device, inode) = (fields.next()?, fields.next()?);
    let name = fields.next()?.trim_ascii_start();
    // Most lines without a file end here.
    if !name.starts_with(b"/") {
        return None;
    }
    Some(Mapping {
        device: parse_device(device, 16)?,
        inode: parse_number(inode).filter(|inode| *inode != 0)?,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_mappings_are_told_from_the_rest() {
        let maps = b"7fa8d42ce000-7fa8d42f6000 r--p 00000000 00:36 10019761                   /usr/lib/libc.so.6\n\
            7fa8d42f6000-7fa8d4459000 r-xp 00028000 00:36 10019761                   /usr/lib/libc.so.6\n\
            7fa8d4459000-7fa8d44af000 rw-p 00000000 00:00 0 \n\
            7fa8d44af000-7fa8d44b3000 rw-p 00000000 00:00 0                          [heap]\n\
            7fa8d44b0000-7fa8d44b3000 rw-p 00000000 00:00 0                          [anon: /usr/lib/x]\n\
            7fa8d44b3000-7fa8d44b5000 rw-s 00000000 00:01 12                         /memfd:x (deleted)\n\
            7fa8d44b5000-7fa8d44b6000 r-xp 00000000 fd:10 7                          /opt/a b\\012c (deleted)\n\
            broken\n";
        let mapping = |device, inode, name: &'static str| Mapping {
            device,
            inode,
            name: name.as_bytes(),
        };
        assert_eq!(
            mappings(maps).collect::<Vec<_>>(),
            [
                mapping((0, 0x36), 10_019_761, "/usr/lib/libc.so.6"),
                mapping((0, 1), 12, "/memfd:x (deleted)"),
                mapping((0xfd, 0x10), 7, "/opt/a b\\012c (deleted)"),
            ]
        );
    }

    #[test]
    fn a_name_may_mean_more_than_one_file() {
        let readings = |name: &'static str| {
            let mapping = Mapping {
                device: (0, 1),
                inode: 1,
                name: name.as_bytes(),
            };
            let readings = mapping.readings().into_iter();
            let told = readings.map(|reading| (reading.path, reading.deleted));
            told.collect::<Vec<_>>()
        };
        let path = |path: &str, deleted| (PathBuf::from(path), deleted);
        assert_eq!(readings("/a b"), [path("/a b", false)]);
        assert_eq!(
            readings("/a (deleted)"),
            [path("/a", true), path("/a (deleted)", false)]
        );
        assert_eq!(
            readings("/a\\012\\012b\\c"),
            [path("/a\n\nb\\c", false), path("/a\\012\\012b\\c", false)]
        );
    }
}
