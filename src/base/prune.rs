//! The bases and who needs which in; those that nobody needs any more, removed, out.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::create::sweep;
use super::in_use::InUse;
use super::{Bases, Number, RECORD, REMOVING};

/// What a [`prune()`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// The bases that are gone.
    pub removed: Vec<Number>,
    /// The bases that would have gone.
    pub needed: Vec<Needed>,
}

/// A base that somebody needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Which.
    pub number: Number,
    /// Who, in words.
    pub why: String,
}

/// Removes all bases but the newest `keep`, the current one, those that a process uses, and those that a container is held on;
/// and what an interrupted call has left.
///
/// # Errors
/// When it cannot be told who uses what, or something cannot be removed.
pub fn prune(bases: &Bases, keep: NonZeroUsize, containers: &Path, proc: &Path) -> Result<Pruned> {
    let _lock = bases.lock()?;
    let pruned = take_away(bases, keep, containers, proc)?;
    // No start can come upon them any more: containers need not wait while tens of thousands of files are unlinked.
    sweep(bases)?;
    Ok(pruned)
}

/// Takes their numbers from the bases that go, while no container starts.
fn take_away(bases: &Bases, keep: NonZeroUsize, containers: &Path, proc: &Path) -> Result<Pruned> {
    let _starts = bases.lock_starts()?;
    let numbers = bases.numbers()?;
    let current = bases.current()?;
    let old = &numbers[..numbers.len().saturating_sub(keep.get())];
    let old = old
        .iter()
        .copied()
        .filter(|number| Some(*number) != current);
    let old: Vec<_> = old.collect();
    let mut pruned = Pruned::default();
    if old.is_empty() {
        return Ok(pruned);
    }
    let in_use = InUse::look(bases, containers, proc)?;
    for number in old {
        match in_use.needs(number) {
            Some(why) => pruned.needed.push(Needed { number, why }),
            None => {
                take_number(bases, number)?;
                pruned.removed.push(number);
            }
        }
    }
    Ok(pruned)
}

impl InUse {
    /// Who needs a base, in words; `None` if nobody does.
    pub fn needs(&self, number: Number) -> Option<String> {
        let list = |who: Option<&std::collections::BTreeSet<String>>| {
            who.map(|who| who.iter().cloned().collect::<Vec<_>>().join(", "))
        };
        let by = list(self.by.get(&number)).map(|who| format!("used by {who}"));
        let held = list(self.held.get(&number)).map(|who| format!("held by {who}"));
        let undecided = self
            .undecided
            .first()
            .map(|why| format!("perhaps used: {why}"));
        let all: Vec<_> = [by, held, undecided].into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// What has lost its number is never taken for a base, nor is a half of it: what is left of one, a later call removes.
fn take_number(bases: &Bases, number: Number) -> Result<()> {
    let removing = |end: &str| bases.directory.join(format!("{REMOVING}{number}{end}"));
    for (from, to) in [
        (bases.tree(number), removing("")),
        (bases.record_directory(number), removing(RECORD)),
    ] {
        fs::rename(&from, &to).with_context(|| format!("cannot remove '{}'", from.display()))?;
    }
    Ok(())
}
