//! The rows of a base in; its file table on disk out. And back: the table in; its rows, in its order, out.
//!
//! Directories are in the order of their paths' bytes; after each come its entries that are not directories, in the order
//! of their names. So two tables are compared by going through both once, whatever their size.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};

use super::row::{Kind, Row};

const HEADER: &[u8] = b"lodger base 1\0";

/// What the table has of one directory: its path relative to the base, its own row and those of its entries, as text.
#[derive(Debug)]
pub struct Part {
    /// Relative to the base; empty for its top.
    pub path: PathBuf,
    /// Rows as [`Row::write`] writes them.
    pub text: Vec<u8>,
}

impl Part {
    fn path_bytes(&self) -> &[u8] {
        self.path.as_os_str().as_bytes()
    }
}

/// A row and the directory it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The directory, relative to the base.
    pub directory: Rc<Path>,
    /// The entry, or the directory itself.
    pub row: Row,
}

impl Placed {
    /// Its path, relative to the base.
    pub fn path(&self) -> PathBuf {
        match self.row.kind {
            Kind::Directory => PathBuf::from(&self.row.name),
            _ => self.directory.join(&self.row.name),
        }
    }

    /// Whether the base has anything there.
    pub fn is_held(&self) -> bool {
        !matches!(self.row.kind, Kind::LeftOut(_))
    }

    /// Where it stands in the table.
    fn key(&self) -> (&[u8], &[u8]) {
        let name = match self.row.kind {
            Kind::Directory => OsStr::new(""),
            _ => &self.row.name,
        };
        (self.directory.as_os_str().as_bytes(), name.as_bytes())
    }
}

/// Writes the table of a base, and sorts `parts`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, parts: &mut [Part]) -> Result<()> {
    parts.sort_unstable_by(|one, two| one.path_bytes().cmp(two.path_bytes()));
    let failed = || format!("cannot write '{}'", path.display());
    let mut file = File::create_new(path).with_context(failed)?;
    let mut text = HEADER.to_vec();
    for part in parts.iter() {
        text.extend_from_slice(&part.text);
        if text.len() > 1 << 18 {
            file.write_all(&text).with_context(failed)?;
            text.clear();
        }
    }
    file.write_all(&text).with_context(failed)
}

/// The rows of a table, read as they are asked for.
pub struct Rows {
    path: PathBuf,
    file: BufReader<File>,
    directory: Rc<Path>,
}

impl Rows {
    /// Opens the table `path`.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = || format!("cannot read '{}'", path.display());
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).with_context(failed)?);
        let mut header = Vec::new();
        std::io::Read::take(&mut file, HEADER.len() as u64)
            .read_until(0, &mut header)
            .with_context(failed)?;
        if header != HEADER {
            bail!("'{}' is not the file table of a base", path.display());
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
            directory: Path::new("").into(),
        })
    }

    fn read(&mut self) -> Result<Option<Placed>> {
        let row = Row::read(&mut self.file)
            .with_context(|| format!("cannot make sense of '{}'", self.path.display()))?;
        Ok(row.map(|row| {
            if row.kind == Kind::Directory {
                self.directory = Path::new(&row.name).into();
            }
            Placed {
                directory: Rc::clone(&self.directory),
                row,
            }
        }))
    }

    /// The next row of something that the base holds.
    fn next_held(&mut self) -> Result<Option<Placed>> {
        loop {
            match self.read()? {
                Some(placed) if !placed.is_held() => {}
                other => return Ok(other),
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Placed>;

    fn next(&mut self) -> Option<Result<Placed>> {
        self.read().transpose()
    }
}

/// Goes through two tables at once: calls `at` for each path that either has, with the rows of both.
///
/// # Errors
/// When a table cannot be read, and what `at` returns.
pub fn compare(
    mut one: impl Iterator<Item = Result<Placed>>,
    mut two: impl Iterator<Item = Result<Placed>>,
    mut at: impl FnMut(Option<&Placed>, Option<&Placed>) -> Result<()>,
) -> Result<()> {
    let (mut left, mut right) = (one.next().transpose()?, two.next().transpose()?);
    loop {
        let order = match (&left, &right) {
            (Some(left), Some(right)) => left.key().cmp(&right.key()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(()),
        };
        match order {
            Ordering::Equal => at(left.as_ref(), right.as_ref())?,
            Ordering::Less => at(left.as_ref(), None)?,
            Ordering::Greater => at(None, right.as_ref())?,
        }
        if order.is_le() {
            left = one.next().transpose()?;
        }
        if order.is_ge() {
            right = two.next().transpose()?;
        }
    }
}

/// Whether two tables are of bases that hold the same.
///
/// # Errors
/// When one cannot be read.
pub fn hold_same(one: &Path, two: &Path) -> Result<bool> {
    let (mut one, mut two) = (Rows::open(one)?, Rows::open(two)?);
    loop {
        match (one.next_held()?, two.next_held()?) {
            (None, None) => return Ok(true),
            (Some(left), Some(right))
                if left.key() == right.key() && left.row.holds_same(&right.row) => {}
            _ => return Ok(false),
        }
    }
}
