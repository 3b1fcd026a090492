//! Which processes of a container run code that the host no longer has, and what else they show of the code that they run: its
//! control group in, the files that gave it away out.
//!
//! `/proc/PID/maps` says nothing of it by itself: in an overlay a file that dpkg replaced in the lower is not "(deleted)",
//! and its path still leads to the old inode from inside. But the inode number in maps is the lower's, so it is compared
//! with the inode that the host has at that path *now*; for a container on a pinned base, with what the current base has. A
//! file that the container's upper holds is the container's own.
//!
//! What a container names is never opened: paths are looked up with openat2(2), without following any link, for their
//! inode number only. What cannot be decided counts as stale.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;

use crate::cgroup::Group;
use crate::container::Name;
use crate::diagnostic::printable;
use crate::upper::shown;

mod base;
pub mod census;
mod each;
pub mod evidence;
mod findings;
mod former;
mod judge;
mod look;
mod mapped;
mod maps;
mod mounts;
mod open_files;
mod process;
mod trees;
mod view;

use census::Wanted;
use findings::Findings;
use former::Former;
use look::Sight;
use mapped::CurrentInodes;
use process::{Buffer, Identity, Process, has_ended};
use trees::Trees;
use view::{Bases, View};

pub use each::look_at_each;
pub use evidence::Evidence;
pub use mounts::{OverlayMount, lowers, mount_lines, overlay_mounts};

/// The most that is read of a process's maps; a database with 100,000 mappings has 10 MB.
const MOST_BYTES: usize = 64 << 20;
/// The most that is read of all processes of a container.
const MOST_BYTES_OF_ALL: usize = 1 << 30;
/// The most processes of one container that are looked at.
const MOST_PROCESSES: usize = 100_000;
/// The most descriptors of one container that are looked at.
const MOST_DESCRIPTORS: usize = 1 << 20;
/// The most processes whose mount tables are read to understand others.
const MOST_VIEWS: usize = 64;
/// How often one process is looked at, if something is gone while that is done.
const MOST_LOOKS: usize = 3;
/// How often it is looked for processes that have come meanwhile.
const MOST_PASSES: usize = 8;

/// What is at fault with one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleProcess {
    /// Its number on the host.
    pub pid: i32,
    /// The first file it maps that the host no longer has like that, as the process sees it; or, in brackets, why nothing could
    /// be told.
    pub path: PathBuf,
}

/// What [`StaleProcess`] has as its path, as people read it: a path with what cannot be printed escaped, or the words in brackets.
pub fn text_of(path: &Path) -> String {
    match path.is_absolute() {
        true => shown::text(path),
        false => printable(&path.to_string_lossy()),
    }
}

/// The processes of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// How many were looked at.
    pub processes: usize,
    /// Those on old code.
    pub stale: Vec<StaleProcess>,
    /// The number of the pinned base they run on; `None` on the live host, and without processes.
    pub base: Option<String>,
}

/// Looks at containers; remembers what the host has between one and the next.
#[derive(Debug)]
pub struct Scanner {
    trees: Trees,
    bases: Bases,
    former: Former,
    current: CurrentInodes,
    maps: Buffer,
    text: Buffer,
}

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth<'a> {
    /// What is mapped, up to the first file that is stale.
    Code,
    /// Everything that is mapped, and what becomes of these files.
    Files(&'a Wanted),
    /// All that [`Evidence`] tells.
    All,
}

/// One container while it is looked at.
struct Subject<'a> {
    name: &'a Name,
    cgroup: &'a str,
    depth: Depth<'a>,
    /// The bases of its processes by their roots, as far as that can be told at once.
    bases: HashMap<Identity, String>,
    /// What its processes see, by their mount namespaces and roots, where that had to be looked at.
    views: HashMap<(Identity, Identity), Rc<View>>,
    /// Processes on another root, such as those that called chroot(2): what they see is told by others in their mount namespace,
    /// which may still come.
    elsewhere: Vec<i32>,
    /// Some of those whose mount tables have not been looked at.
    at_once: Vec<i32>,
    have_all_come: bool,
    bytes: usize,
    descriptors: usize,
    found: Findings,
}

impl Scanner {
    /// A scanner of the running host, whose pinned bases are in `bases`.
    ///
    /// # Errors
    /// When `/` or the bases cannot be opened.
    pub fn new(bases: &Path) -> Result<Self> {
        Ok(Self {
            trees: Trees::open(bases)?,
            bases: Bases::look(bases)?,
            former: Former::default(),
            current: CurrentInodes::default(),
            maps: Buffer::new(MOST_BYTES),
            text: Buffer::new(MOST_BYTES),
        })
    }

    /// Looks at every process in the control group `cgroup` (`ControlGroup=` of the unit) of the container `name`. What cannot be
    /// looked at counts as stale, but for a process that has just ended; a control group that cannot be read as one process, with
    /// the number 0.
    pub fn scan(&mut self, name: &Name, cgroup: &str) -> Scan {
        let found = self.look(name, cgroup, Depth::Code);
        Scan {
            processes: found.processes,
            stale: found.stale,
            base: found.base,
        }
    }

    /// The same, and all else that tells what the container runs.
    pub fn evidence(&mut self, name: &Name, cgroup: &str) -> Evidence {
        self.look(name, cgroup, Depth::All).evidence()
    }

    fn look(&mut self, name: &Name, cgroup: &str, depth: Depth<'_>) -> Findings {
        let mut subject = Subject {
            name,
            cgroup,
            depth,
            bases: HashMap::new(),
            views: HashMap::new(),
            elsewhere: Vec::new(),
            at_once: Vec::new(),
            have_all_come: false,
            bytes: 0,
            descriptors: 0,
            found: Findings::default(),
        };
        // Whatever is wrong with one container, it is no reason to look at no other.
        if let Err(cause) = self.look_at_all(&mut subject) {
            let why = format!("its processes cannot be listed: {cause:#}");
            subject.found.add_unknown(0, None, why);
        }
        subject.have_all_come = true;
        self.add_views(&mut subject);
        for pid in std::mem::take(&mut subject.elsewhere) {
            self.look_at(&mut subject, pid);
        }
        subject.found
    }

    /// What others see, if there are processes on another root.
    fn add_views(&mut self, subject: &mut Subject<'_>) {
        if subject.elsewhere.is_empty() {
            return;
        }
        for pid in std::mem::take(&mut subject.at_once) {
            if let Ok(process) = Process::open(pid) {
                // One that has ended, or cannot be looked at, just does not help.
                let _ = self.add_view(subject, &Sight::of(pid, &process));
            }
        }
    }

    fn look_at_all(&mut self, subject: &mut Subject<'_>) -> Result<()> {
        let mut seen = HashSet::new();
        let mut group = Group::of(subject.cgroup);
        for _ in 0..MOST_PASSES {
            let mut pids = group.own_processes(MOST_PROCESSES + 1)?;
            pids.extend(group.processes_below(MOST_PROCESSES + 1)?);
            pids.retain(|pid| seen.insert(*pid));
            if pids.is_empty() {
                return Ok(());
            }
            for pid in pids {
                if seen.len() > MOST_PROCESSES || subject.bytes > MOST_BYTES_OF_ALL {
                    let why = "too many processes, or mappings, to look at".to_owned();
                    subject.found.add_unknown(0, None, why);
                    return Ok(());
                }
                self.look_at(subject, pid);
            }
        }
        // They are children of what was looked at, and see the same; but what they run nobody knows.
        let why = "its processes come and go too quickly".to_owned();
        subject.found.add_undecided(0, None, why);
        Ok(())
    }

    fn look_at(&mut self, subject: &mut Subject<'_>, pid: i32) {
        let mut failed = None;
        for _ in 0..MOST_LOOKS {
            // Only the kernel's word that it has ended counts; a file that is not there may be any.
            let process = match Process::open(pid) {
                Err(cause) if has_ended(&cause) => return,
                Err(cause) => {
                    failed = Some((None, cause));
                    break;
                }
                Ok(process) => process,
            };
            match self.look_into(subject, &Sight::of(pid, &process)) {
                Ok(is_payload) => {
                    subject.found.processes += usize::from(is_payload);
                    return;
                }
                Err(cause) => failed = Some((process.program().ok(), cause)),
            }
        }
        if let Some((program, cause)) = failed {
            subject.found.processes += 1;
            let why = format!("it cannot be looked at: {cause:#}");
            subject.found.add_unknown(pid, program, why);
        }
    }
}
