//! Many containers in; what a look at each tells, in their order, out.
//!
//! A look is mostly the kernel's work, for one process after the other, and a container knows nothing of another. So several
//! threads share them, each with a scanner of its own.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, anyhow};

use super::Scanner;

/// Each may have to hold as much text as one process can make it.
const MOST_THREADS: usize = 4;

/// Looks at each of `containers` with a scanner of the bases in `bases`.
///
/// # Errors
/// When `/` or the bases cannot be opened.
pub fn look_at_each<C: Sync, F: Send>(
    bases: &Path,
    containers: &[C],
    look: impl Fn(&mut Scanner, &C) -> F + Sync,
) -> Result<Vec<F>> {
    let cpus = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = cpus.min(MOST_THREADS).min(containers.len()).max(1);
    let next = AtomicUsize::new(0);
    let look_at_some = || -> Result<Vec<(usize, F)>> {
        let mut scanner = Scanner::new(bases)?;
        let mut found = Vec::new();
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(container) = containers.get(at)
        {
            found.push((at, look(&mut scanner, container)));
        }
        Ok(found)
    };
    let found = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(look_at_some)).collect();
        let own = look_at_some();
        let ended = |_| anyhow!("a thread that looked at containers did not end as it should");
        let others = others.into_iter().map(|other| other.join().map_err(ended)?);
        others.chain([own]).collect::<Result<Vec<_>>>()
    })?;
    let mut found: Vec<(usize, F)> = found.into_iter().flatten().collect();
    found.sort_unstable_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_looked_at_once_and_told_of_in_its_place() {
        let bases = tempfile::tempdir().unwrap();
        let containers: Vec<usize> = (0..1000).collect();
        let looks = AtomicUsize::new(0);
        let found = look_at_each(bases.path(), &containers, |_, container| {
            looks.fetch_add(1, Ordering::Relaxed);
            container * 2
        });
        assert_eq!(
            found.unwrap(),
            (0..1000).map(|at| at * 2).collect::<Vec<_>>()
        );
        assert_eq!(looks.into_inner(), 1000);
        let none = look_at_each(bases.path(), &[], |_, (): &()| ());
        assert_eq!(none.unwrap().len(), 0);
    }
}
