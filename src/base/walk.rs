//! The host's tree and an empty directory in; the tree of a base in that directory, and what was done for it, out.
//!
//! Two walkers take directories from one stack. What a directory holds is linked first and looked at afterwards, in the
//! base, where nobody else changes names: what was looked at is what the base has, whatever happens on the host meanwhile.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;

use super::count::Counts;
use super::directory::Walker;
use super::part::Part;
use super::previous::Previous;
use super::table;

/// More wait for each other's turn in the filesystem's journal.
const WALKERS: usize = 2;

/// What the walkers go by.
pub struct Plan<'a> {
    /// The host's root.
    pub host: &'a OwnedFd,
    /// Where the base is made.
    pub tree: &'a OwnedFd,
    /// The filesystem of `tree`.
    pub device: u64,
    /// The base before.
    pub previous: Option<&'a Previous>,
    /// What packages have of what people edit as well, relative to the host's root.
    pub packaged: &'a BTreeSet<PathBuf>,
    /// Device and inode of the directory of all bases: it is in none.
    pub bases: (u64, u64),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Walked {
    /// In numbers.
    pub counts: Counts,
    /// The rows of the file table, in no order.
    pub parts: Vec<table::Part>,
}

/// A directory that waits for its entries; it is there, and empty.
#[derive(Debug)]
pub struct Task {
    /// Relative to the host's root, and to the base.
    pub path: PathBuf,
    /// How its entries come into the base.
    pub part: Part,
}

/// Makes the base.
///
/// # Errors
/// When something of the host cannot be read or something of the base cannot be made, with its path and cause.
pub fn walk(plan: &Plan<'_>) -> Result<Walked> {
    let stack = Stack::new(Task {
        path: PathBuf::new(),
        part: Part::Top,
    });
    let entries = AtomicU64::new(0);
    let results: Vec<_> = thread::scope(|scope| {
        let walkers: Vec<_> = (1..WALKERS)
            .map(|_| scope.spawn(|| run(plan, &stack, &entries)))
            .collect();
        let mut results = vec![run(plan, &stack, &entries)];
        // A panic of a walker goes on in the one that waits for it.
        results.extend(walkers.into_iter().map(|walker| {
            walker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }));
        results
    });
    let mut walked = Walked::default();
    for result in results {
        let part = result?;
        walked.counts.add(part.counts);
        walked.parts.extend(part.parts);
    }
    Ok(walked)
}

fn run(plan: &Plan<'_>, stack: &Stack, entries: &AtomicU64) -> Result<Walked> {
    let mut walker = Walker::new(plan);
    while let Some(task) = stack.take() {
        let result = walker
            .directory(&task)
            .and_then(|()| super::count::within_bounds(entries.load(Ordering::Relaxed)));
        entries.fetch_add(walker.take_entries(), Ordering::Relaxed);
        stack.done(walker.take_tasks(), result.is_err());
        result?;
    }
    Ok(walker.into_walked())
}

/// Directories to be done. The last found is done first, which keeps the stack short.
struct Stack {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    tasks: Vec<Task>,
    /// Walkers at work, who may find more.
    working: usize,
    failed: bool,
}

impl Stack {
    fn new(first: Task) -> Self {
        Self {
            state: Mutex::new(State {
                tasks: vec![first],
                working: 0,
                failed: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A walker that panicked changed nothing while it held the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next directory; `None` once all are done, or one has failed.
    fn take(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.failed {
                return None;
            }
            if let Some(task) = state.tasks.pop() {
                state.working += 1;
                return Some(task);
            }
            if state.working == 0 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, found: Vec<Task>, failed: bool) {
        let mut state = self.lock();
        state.working -= 1;
        state.failed |= failed;
        state.tasks.extend(found);
        drop(state);
        self.changed.notify_all();
    }
}
