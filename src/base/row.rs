//! What the record of a base says of one path, as text in; a [`Row`] out, and the other way round.
//!
//! A row is some numbers, a name and a NUL, since a name may hold anything else: `f 644 0 0 MTIME INO SIZE NAME`.

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use nix::sys::stat::FileStat;

/// The longest row that is read: names and targets of links are shorter than PATH_MAX.
const LONGEST: u64 = 16 << 10;

/// One path of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name in its directory; of a directory, its path relative to the base.
    pub name: OsString,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When it was written, in ns since 1970.
    pub mtime: i64,
    /// Its inode in the base; 0 for directories.
    pub ino: u64,
    /// Bytes.
    pub size: u64,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// The very file that the host has or had.
    Linked,
    /// A copy of this file of the host.
    Copied(Source),
    /// A symbolic link to this.
    Symlink(OsString),
    /// Nothing, although the host has something there.
    LeftOut(Why),
}

/// The file that was copied. Its size and the time it was written are those of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The number of its filesystem.
    pub device: u64,
    /// Its inode.
    pub ino: u64,
    /// When its inode was last changed, in ns since 1970.
    pub ctime: i64,
}

impl Source {
    /// What `stat` says of it.
    pub fn of(stat: &FileStat) -> Self {
        Self {
            device: stat.st_dev,
            ino: stat.st_ino,
            ctime: ctime(stat),
        }
    }
}

/// Why something is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Others could not read or enter it on the host.
    Unreadable,
    /// A device, a socket or a pipe.
    Special,
    /// Lodger's own.
    Own,
    /// On a network filesystem, or on one that holds no files of its own, such as proc.
    Filesystem,
}

impl Why {
    const LETTERS: [(Why, &'static str); 4] = [
        (Why::Unreadable, "u"),
        (Why::Special, "s"),
        (Why::Own, "o"),
        (Why::Filesystem, "m"),
    ];
}

impl Row {
    /// What `stat` says of the file `name`, which is a `kind`.
    pub fn of(name: OsString, kind: Kind, stat: &FileStat) -> Self {
        Self {
            name,
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: mtime(stat),
            ino: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
        }
    }

    /// Something that is not in the base.
    pub fn left_out(name: OsString, why: Why) -> Self {
        Self {
            name,
            kind: Kind::LeftOut(why),
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: 0,
            ino: 0,
            size: 0,
        }
    }

    /// Whether two bases hold the same at this path. A directory changes its time with what is in it, and that has rows of
    /// its own; links are the same if they lead to the same.
    pub fn holds_same(&self, other: &Self) -> bool {
        let attributes = |row: &Self| (row.mode, row.uid, row.gid);
        attributes(self) == attributes(other)
            && match (&self.kind, &other.kind) {
                (Kind::Directory, Kind::Directory) => true,
                (Kind::Symlink(one), Kind::Symlink(two)) => one == two,
                (Kind::Linked | Kind::Copied(_), Kind::Linked | Kind::Copied(_)) => {
                    (self.ino, self.size, self.mtime) == (other.ino, other.size, other.mtime)
                }
                _ => false,
            }
    }

    /// Appends the row as text.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Self { mode, uid, gid, .. } = self;
        let Self {
            mtime, ino, size, ..
        } = self;
        // Writing into memory cannot fail.
        let _ = match &self.kind {
            Kind::Directory => write!(out, "d {mode:o} {uid} {gid} {mtime} {ino} {size} "),
            Kind::Linked => write!(out, "f {mode:o} {uid} {gid} {mtime} {ino} {size} "),
            Kind::Symlink(_) => write!(out, "l {mode:o} {uid} {gid} {mtime} {ino} {size} "),
            Kind::Copied(source) => write!(
                out,
                "c {mode:o} {uid} {gid} {mtime} {ino} {size} {} {} {} ",
                source.device, source.ino, source.ctime
            ),
            Kind::LeftOut(why) => {
                let letter = Why::LETTERS.iter().find(|(known, _)| known == why);
                write!(out, "x {} ", letter.map_or("", |(_, letter)| letter))
            }
        };
        out.extend_from_slice(self.name.as_bytes());
        out.push(0);
        if let Kind::Symlink(target) = &self.kind {
            out.extend_from_slice(target.as_bytes());
            out.push(0);
        }
    }

    /// Reads one row; `None` at the end.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        let Some(text) = until_nul(from)? else {
            return Ok(None);
        };
        let mut rest = text.as_slice();
        let mut row = match word(&mut rest)? {
            "x" => {
                let letter = word(&mut rest)?;
                let found = Why::LETTERS.iter().find(|(_, known)| *known == letter);
                let (why, _) = found.context("an unknown reason")?;
                Row::left_out(OsString::new(), *why)
            }
            kind => {
                let kind = kind.to_owned();
                numbers(&kind, &mut rest)?
            }
        };
        row.name = OsString::from_vec(rest.to_vec());
        if let Kind::Symlink(target) = &mut row.kind {
            *target = OsString::from_vec(until_nul(from)?.context("a link without a target")?);
        }
        Ok(Some(row))
    }
}

fn numbers(kind: &str, rest: &mut &[u8]) -> Result<Row> {
    let mode = u32::from_str_radix(word(rest)?, 8)?;
    let (uid, gid) = (number(rest)?, number(rest)?);
    let (mtime, ino, size) = (number(rest)?, number(rest)?, number(rest)?);
    let kind = match kind {
        "d" => Kind::Directory,
        "f" => Kind::Linked,
        "l" => Kind::Symlink(OsString::new()),
        "c" => Kind::Copied(Source {
            device: number(rest)?,
            ino: number(rest)?,
            ctime: number(rest)?,
        }),
        other => bail!("an unknown kind of row, '{other}'"),
    };
    Ok(Row {
        name: OsString::new(),
        kind,
        mode,
        uid,
        gid,
        mtime,
        ino,
        size,
    })
}

fn until_nul(from: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    std::io::Read::take(&mut *from, LONGEST).read_until(0, &mut text)?;
    if text.is_empty() {
        return Ok(None);
    }
    if text.pop() != Some(0) {
        bail!("a row that does not end");
    }
    Ok(Some(text))
}

fn word<'a>(rest: &mut &'a [u8]) -> Result<&'a str> {
    let end = rest
        .iter()
        .position(|byte| *byte == b' ')
        .context("a row that is too short")?;
    let (word, after) = rest.split_at(end);
    *rest = &after[1..];
    Ok(std::str::from_utf8(word)?)
}

fn number<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    rest: &mut &[u8],
) -> Result<T> {
    let word = word(rest)?;
    word.parse()
        .with_context(|| format!("'{word}' is not a number"))
}

/// When a file was written, in ns. For telling apart only: it wraps in the year 2262.
pub fn mtime(stat: &FileStat) -> i64 {
    nanoseconds(stat.st_mtime, stat.st_mtime_nsec)
}

/// When an inode was last changed, likewise.
pub fn ctime(stat: &FileStat) -> i64 {
    nanoseconds(stat.st_ctime, stat.st_ctime_nsec)
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .wrapping_mul(1_000_000_000)
        .wrapping_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> impl Strategy<Value = OsString> {
        proptest::collection::vec(1u8..=255, 0..40).prop_map(OsString::from_vec)
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        let source = (any::<u64>(), any::<u64>(), any::<i64>());
        prop_oneof![
            Just(Kind::Directory),
            Just(Kind::Linked),
            source.prop_map(|(device, ino, ctime)| Kind::Copied(Source { device, ino, ctime })),
            names().prop_map(Kind::Symlink),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in names(), kind in kinds(), mode in 0u32..0o10000, uid in any::<u32>(), gid in any::<u32>(),
            mtime in any::<i64>(), ino in any::<u64>(), size in any::<u64>(),
        ) {
            let row = Row { name, kind, mode, uid, gid, mtime, ino, size };
            let left_out = Row::left_out(OsString::from("a b"), Why::Own);
            let mut text = Vec::new();
            row.write(&mut text);
            left_out.write(&mut text);
            let mut rest = text.as_slice();
            prop_assert_eq!(Row::read(&mut rest).unwrap(), Some(row));
            prop_assert_eq!(Row::read(&mut rest).unwrap(), Some(left_out));
            prop_assert_eq!(Row::read(&mut rest).unwrap(), None);
        }

        #[test]
        fn anything_is_read_without_a_panic(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Row::read(&mut text.as_slice());
        }
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for text in [
            "f 644 0 0 1 2 3 name",
            "f 644 0 0\0",
            "q 644 0 0 1 2 3 name\0",
            "x q name\0",
            "f 8 0 0 1 2 3 n\0",
            "l 777 0 0 1 2 3 n\0",
        ] {
            assert!(Row::read(&mut text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
