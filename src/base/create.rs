//! The host in; a new base, or the finding that the current one would be no different, out.
//!
//! Everything is made under a marked name and synced before it gets its number. `current` changes with one rename at the end:
//! whenever it is interrupted, the base of before stays, and the next call sweeps the half one away.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use anyhow::{Context, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::unistd::syncfs;

use super::previous::Previous;
use super::record::{self, Record};
use super::remove::remove;
use super::settled::{DpkgAtWork, State};
use super::walk::{Plan, walk};
use super::{Bases, CURRENT, Host, MAKING, Number, RECORD, REMOVING, table};
use crate::dpkg::owners::packaged_below;

/// How often a base is begun anew because dpkg came in between.
const TRIES: usize = 5;

/// What state of the host is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// dpkg is at rest, and every package is configured.
    Settled,
    /// Whatever there is, while dpkg installs lodger itself. The base is marked so.
    Provisional,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// A new base, which is the current one now.
    New(Number),
    /// Nothing that the current base holds has changed; it stays.
    Same(Number),
}

/// Makes a base of `host` and makes it the current one, unless it would hold just what the current one holds. One call at a
/// time: another waits.
///
/// # Errors
/// When dpkg is at work, has left packages unfinished, or comes in between again and again, all as a `DpkgAtWork`; when the host
/// cannot be read; when there is no room. The current base is then what it was, and nothing is left of the new one.
pub fn create(bases: &Bases, host: &Host, consistency: Consistency) -> Result<Created> {
    let _lock = bases.lock()?;
    // What cannot be removed of an old base must not keep everybody from the next one.
    if let Err(cause) = sweep(bases) {
        tracing::error!("something is left of an earlier base: {cause:#}");
    }
    let mut before = State::read(&host.admindir, consistency)?;
    let mut difference = String::new();
    for _ in 0..TRIES {
        let making = Making::new(bases)?;
        let result = making.make(host, consistency, &before);
        let after = before.read_again(&host.admindir, consistency);
        let result = match (result, after) {
            (Ok(record), Ok(after)) => match before.difference(&after) {
                None => making.publish(&record),
                Some(changed) => {
                    making.discard()?;
                    difference = changed;
                    before = after;
                    continue;
                }
            },
            // What could not be read may have been moved by dpkg a moment ago.
            (Err(cause), Err(after)) => Err(after.context(format!("{cause:#}"))),
            (Err(cause), Ok(_)) | (Ok(_), Err(cause)) => Err(cause),
        };
        return result.map_err(|cause| making.failed(cause));
    }
    let message = format!(
        "packages change while a base is made, {TRIES} times now: {difference}; try again once they do not"
    );
    Err(DpkgAtWork(message).into())
}

/// Removes what an interrupted call has left: half a base, a record without its base, a base whose removal has begun.
///
/// # Errors
/// When something of it stays.
pub(super) fn sweep(bases: &Bases) -> Result<()> {
    let mut first = None;
    for name in bases.names()? {
        // A tree gets its number last and loses it first. One without a record is not lodger's to remove.
        let is_record_alone = name
            .strip_suffix(RECORD)
            .and_then(|number| number.parse().ok())
            .is_some_and(|number| !bases.tree(number).exists());
        let is_marked = name.starts_with(MAKING) || name.starts_with(REMOVING);
        if is_marked || is_record_alone {
            let path = bases.directory.join(name);
            let removed = match path.is_symlink() {
                true => fs::remove_file(&path)
                    .with_context(|| format!("cannot remove '{}'", path.display())),
                false => remove(&path),
            };
            first = first.or(removed.err());
        }
    }
    match first {
        Some(cause) => Err(cause),
        None => Ok(()),
    }
}

/// What packages have in `/opt`, relative to the root. On most hosts nothing is there, and no list has to be read.
fn packaged_in_opt(host: &Host) -> Result<BTreeSet<PathBuf>> {
    let is_empty =
        fs::read_dir(host.root.join("opt")).map_or(true, |mut there| there.next().is_none());
    if is_empty {
        return Ok(BTreeSet::new());
    }
    let packaged = packaged_below(&host.admindir, Path::new("/opt"))?;
    let packaged = packaged.into_iter();
    Ok(packaged
        .filter_map(|path| Some(path.strip_prefix("/").ok()?.to_path_buf()))
        .collect())
}

/// A base under a name that marks it as half.
struct Making<'a> {
    bases: &'a Bases,
    number: Number,
    current: Option<Number>,
    tree: PathBuf,
    record: PathBuf,
}

impl<'a> Making<'a> {
    fn new(bases: &'a Bases) -> Result<Self> {
        let number = bases.next_number()?;
        let tree = bases.directory.join(format!("{MAKING}{number}"));
        let record = bases.directory.join(format!("{MAKING}{number}{RECORD}"));
        Ok(Self {
            bases,
            number,
            // A link to nothing is mended by the base that is made now.
            current: bases.current().ok().flatten(),
            tree,
            record,
        })
    }

    /// Makes tree and record.
    fn make(&self, host: &Host, consistency: Consistency, state: &State) -> Result<Record> {
        for directory in [&self.tree, &self.record] {
            DirBuilder::new()
                .mode(0o700)
                .create(directory)
                .with_context(|| format!("cannot make '{}'", directory.display()))?;
        }
        let open = |path: &PathBuf| {
            File::open(path).with_context(|| format!("cannot open '{}'", path.display()))
        };
        let (root, tree, bases) = (
            open(&host.root)?,
            open(&self.tree)?,
            open(&self.bases.directory)?,
        );
        let bases = bases
            .metadata()
            .context("cannot look at the directory of the bases")?;
        let previous = self.previous()?;
        let packaged = packaged_in_opt(host)?;
        let plan = Plan {
            host: &root.into(),
            tree: &tree.into(),
            device: bases.dev(),
            previous: previous.as_ref(),
            packaged: &packaged,
            bases: (bases.dev(), bases.ino()),
        };
        let mut walked = thread::scope(|scope| {
            let beside = scope.spawn(|| self.read_and_keep(previous.as_ref(), &host.admindir));
            let walked = walk(&plan);
            // A panic there goes on here.
            beside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            walked
        })?;
        let record = Record {
            number: self.number,
            created: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            provisional: consistency == Consistency::Provisional,
            counts: walked.counts,
            packages: state.packages.clone(),
        };
        record::write(&self.record, &record, &mut walked.parts)?;
        Ok(record)
    }

    /// What does not wait for the walk: what the walkers will want to know, and what dpkg knows.
    fn read_and_keep(&self, previous: Option<&Previous>, admindir: &Path) -> Result<()> {
        if let Some(previous) = previous {
            previous.rows()?;
        }
        record::keep_database(&self.record, admindir)
    }

    /// The copies of the current base.
    fn previous(&self) -> Result<Option<Previous>> {
        let open = |number| Previous::open(&self.bases.tree(number), self.table_of(number));
        self.current.map(open).transpose()
    }

    fn table_of(&self, number: Number) -> PathBuf {
        self.bases.record_directory(number).join(record::TABLE)
    }

    /// Makes it the current base, unless the current one holds the same.
    fn publish(&self, record: &Record) -> Result<Created> {
        if let Some(current) = self.current
            && table::hold_same(&self.table_of(current), &self.record.join(record::TABLE))?
        {
            self.renew_record(current, record)?;
            self.discard()?;
            return Ok(Created::Same(current));
        }
        self.sync()?;
        self.rename(&self.record, &self.bases.record_directory(self.number))?;
        self.rename(&self.tree, &self.bases.tree(self.number))?;
        self.sync_directory()?;
        let link = self.bases.directory.join(format!("{MAKING}{CURRENT}"));
        symlink(self.number.to_string(), &link)
            .with_context(|| format!("cannot make '{}'", link.display()))?;
        self.rename(&link, &self.bases.directory.join(CURRENT))?;
        self.sync_directory()?;
        Ok(Created::New(self.number))
    }

    /// The current base holds the same, but dpkg may know more of it now, or have come to rest.
    fn renew_record(&self, current: Number, new: &Record) -> Result<()> {
        let old = self.bases.record(current)?;
        if old.packages == new.packages && (new.provisional || !old.provisional) {
            return Ok(());
        }
        let renewed = Record {
            provisional: old.provisional && new.provisional,
            packages: new.packages.clone(),
            ..old
        };
        record::write_file(&self.record, &renewed)?;
        self.sync()?;
        let place = self.bases.record_directory(current);
        renameat2(
            AT_FDCWD,
            &self.record,
            AT_FDCWD,
            &place,
            RenameFlags::RENAME_EXCHANGE,
        )
        .with_context(|| format!("cannot replace '{}'", place.display()))?;
        self.sync_directory()
    }

    /// Everything to the disk: what is named after this is whole also after a power cut.
    fn sync(&self) -> Result<()> {
        let tree = File::open(&self.tree).context("cannot open the new base")?;
        syncfs(tree.as_fd())
            .with_context(|| format!("cannot write '{}' to the disk", self.tree.display()))
    }

    fn sync_directory(&self) -> Result<()> {
        let directory = &self.bases.directory;
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .with_context(|| format!("cannot write '{}' to the disk", directory.display()))
    }

    fn rename(&self, from: &PathBuf, to: &PathBuf) -> Result<()> {
        fs::rename(from, to)
            .with_context(|| format!("cannot rename '{}' to '{}'", from.display(), to.display()))
    }

    fn discard(&self) -> Result<()> {
        remove(&self.tree)?;
        remove(&self.record)
    }

    /// The error that its user gets to see, once nothing is left of it.
    fn failed(&self, cause: Error) -> Error {
        let left = match self.discard() {
            Ok(()) => String::new(),
            Err(cause) => format!("; besides, {cause:#}"),
        };
        let directory = self.bases.directory.display();
        if is_no_room(&cause) {
            return cause.context(format!(
                "there is no room for another base in '{directory}': free some, or name another 'directory' in [bases] of \
                 /etc/lodger.toml; the bases there are stay as they are{left}"
            ));
        }
        cause.context(format!(
            "no new base in '{directory}'; those there are stay as they are{left}"
        ))
    }
}

fn is_no_room(cause: &Error) -> bool {
    cause.chain().any(|cause| {
        let errno = cause.downcast_ref::<Errno>().copied().or_else(|| {
            let cause = cause.downcast_ref::<io::Error>()?;
            cause.raw_os_error().map(Errno::from_raw)
        });
        matches!(errno, Some(Errno::ENOSPC | Errno::EDQUOT))
    })
}
