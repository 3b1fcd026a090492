//! Paths in; what is in the files, each read once and numbered, out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Content;
use crate::diagnostic::{Fault, rule};

/// All files together, in bytes: what a generator may hold in memory before it has begun.
const MOST_BYTES: usize = 256 << 20;

/// All files together: more than one file and a few drop-ins for each container.
const MOST_DOCUMENTS: usize = 100_000;

/// What few files are as long as, in bytes.
const LONG_FILE: usize = 16 << 10;

/// One file.
#[derive(Debug)]
pub struct Document {
    /// As its user knows it.
    pub source: PathBuf,
    /// What is in it, or why that cannot be known.
    pub content: Result<Content, Fault>,
}

/// Files by their numbers.
#[derive(Debug, Default)]
pub struct Documents {
    list: Vec<Document>,
    /// The drop-ins among them, which may be meant for many containers.
    numbers: BTreeMap<OsString, usize>,
    bytes: usize,
    /// To read into, again and again.
    buffer: Vec<u8>,
}

impl Documents {
    /// All, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Document> {
        self.list.iter()
    }

    /// The document with this number.
    pub fn get(&self, number: usize) -> &Document {
        &self.list[number]
    }

    /// Makes room for `count` more.
    pub fn reserve(&mut self, count: usize) {
        self.list.reserve(count);
    }

    /// Reads what is known to its user as `source`, with a buffer that `content` may use. Returns its number.
    pub fn read(
        &mut self,
        source: PathBuf,
        content: impl FnOnce(&Path, &mut [u8]) -> Result<Content, Fault>,
    ) -> usize {
        let content = if self.bytes > MOST_BYTES {
            let message = format!("not read: those before it have {} MiB", MOST_BYTES >> 20);
            Err(Fault::new(rule::TOO_MANY, message))
        } else if self.list.len() >= MOST_DOCUMENTS {
            let message = format!("not read: {MOST_DOCUMENTS} files come before it");
            Err(Fault::new(rule::TOO_MANY, message))
        } else {
            self.buffer.resize(LONG_FILE, 0);
            content(&source, &mut self.buffer)
        };
        if let Ok(Content::Bytes(bytes)) = &content {
            self.bytes += bytes.len();
        }
        self.add(source, content)
    }

    /// The same, unless it has been read before.
    pub fn read_once(
        &mut self,
        source: &Path,
        content: impl FnOnce(&Path, &mut [u8]) -> Result<Content, Fault>,
    ) -> usize {
        if let Some(number) = self.numbers.get(source.as_os_str()) {
            return *number;
        }
        let number = self.read(source.to_owned(), content);
        self.numbers.insert(source.into(), number);
        number
    }

    /// Adds what is known of `source`. Returns its number.
    pub fn add(&mut self, source: PathBuf, content: Result<Content, Fault>) -> usize {
        self.list.push(Document { source, content });
        self.list.len() - 1
    }
}
