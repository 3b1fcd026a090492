//! The containers that have a /var of their own, and a base, in; in each the directories that packages of that base count on, out.
//!
//! Starts wait for this, and a refresh does, where a thousand containers may run. So it is on disk for which base it was done
//! last, and only what that base had not is made: mostly nothing.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

use super::skeleton::{self, Entry};
use crate::base::{Bases, Number};
use crate::place;
use crate::state_file;

/// In the state: the number of the base whose directories every container has.
const DONE: &str = "own-vars.json";

/// Completes the /var of every container in `state` by that of base `number` in `bases`; `is_new` if it has just been made.
///
/// # Errors
/// When the base cannot be read, or something cannot be made. What is left out then is made by the next call.
pub fn complete_all(state: &Path, bases: &Bases, number: Number, is_new: bool) -> Result<()> {
    let done = state.join(DONE);
    let last = state_file::read::<Number>(&done).unwrap_or_else(|cause| {
        tracing::warn!("{cause:#}");
        None
    });
    // Another one of this number may have been there, if somebody has removed all of them.
    let last = last.filter(|last| !is_new || *last != number);
    if last == Some(number) {
        return Ok(());
    }
    let missing = missing(bases, last, number)?;
    if !missing.is_empty() {
        complete_each(&state.join("containers"), &missing)?;
    }
    state_file::write(&done, &number)
}

/// Completes the /var of the container with this `state`, if it has one, by that of the base whose tree is `base`.
///
/// # Errors
/// When the base cannot be read, or something cannot be made.
pub fn complete(state: &Path, base: &Path) -> Result<()> {
    let own = state.join(place::OWN_VAR);
    match own.is_dir() {
        true => skeleton::complete(&own, &skeleton::read(&base.join("var"))?),
        false => Ok(()),
    }
}

/// What base `number` has, and the `last` one had not; all of it if that one is gone.
fn missing(bases: &Bases, last: Option<Number>, number: Number) -> Result<Vec<Entry>> {
    let read = |number| skeleton::read(&bases.tree(number).join("var"));
    let mut entries = read(number)?;
    // It may be removed at this moment, and then it tells nothing.
    if let Some(Ok(had)) = last.map(read) {
        let had: HashSet<Entry> = had.into_iter().collect();
        entries.retain(|entry| !had.contains(entry));
    }
    Ok(entries)
}

fn complete_each(containers: &Path, entries: &[Entry]) -> Result<()> {
    let failed = || format!("cannot read '{}'", containers.display());
    let found = match fs::read_dir(containers) {
        Ok(found) => found,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(cause).with_context(failed),
    };
    for container in found {
        let own = container.with_context(failed)?.path().join(place::OWN_VAR);
        if own.is_dir() {
            skeleton::complete(&own, entries)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct State(tempfile::TempDir);

    impl State {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn bases(&self) -> Bases {
            Bases::at(self.0.path().join("bases"))
        }

        fn base(&self, number: &str, directories: &[&str]) {
            for directory in directories {
                let path = self.0.path().join("bases").join(number).join("var");
                fs::create_dir_all(path.join(directory)).unwrap();
            }
        }

        fn complete(&self, number: &str, is_new: bool) {
            let number = number.parse().unwrap();
            complete_all(self.0.path(), &self.bases(), number, is_new).unwrap();
        }

        fn own(&self, path: &str) -> std::path::PathBuf {
            self.0.path().join("containers/web/var").join(path)
        }

        fn has(&self, path: &str) -> bool {
            self.own(path).is_dir()
        }
    }

    #[test]
    fn what_the_last_base_had_not_is_made_and_nothing_else() {
        let state = State::new();
        fs::create_dir_all(state.own("")).unwrap();
        fs::create_dir_all(state.0.path().join("containers/overlay")).unwrap();
        state.base("1", &["lib/nginx", "cache/man"]);
        state.base("2", &["lib/nginx/body", "cache/man"]);

        state.complete("1", true);
        assert!(state.has("lib/nginx") && state.has("cache/man"));
        fs::remove_dir(state.own("cache/man")).unwrap();
        state.complete("1", false);
        state.complete("2", true);
        assert!(state.has("lib/nginx/body"));
        assert!(!state.has("cache/man"), "the container had removed it");
        assert!(!state.0.path().join("containers/overlay/var").exists());
    }

    #[test]
    fn all_is_made_that_a_call_cut_short_has_left_out() {
        let state = State::new();
        fs::create_dir_all(state.own("")).unwrap();
        state.base("1", &["lib/a"]);
        state.base("2", &["lib/a", "lib/b"]);
        state.complete("1", true);
        // Base 2 was made, and that was all.
        state.complete("2", false);
        assert!(state.has("lib/b"));
    }

    #[test]
    fn where_nothing_is_known_of_the_last_base_all_is_made() {
        let state = State::new();
        fs::create_dir_all(state.own("")).unwrap();
        state.base("1", &["lib/a"]);
        state.complete("1", true);
        fs::write(state.0.path().join(DONE), "torn").unwrap();
        fs::remove_dir(state.own("lib/a")).unwrap();
        state.complete("1", false);
        assert!(state.has("lib/a"), "the note made no sense");

        fs::remove_dir_all(state.0.path().join("bases/1")).unwrap();
        state.base("1", &["lib/a", "lib/b"]);
        state.complete("1", true);
        assert!(state.has("lib/b"), "another base with the same number");

        fs::remove_dir_all(state.0.path().join("bases/1")).unwrap();
        state.base("2", &["lib/a", "lib/c"]);
        state.complete("2", true);
        assert!(state.has("lib/c"), "the last base is gone");
    }

    #[test]
    fn one_container_is_completed_if_it_has_a_var() {
        let state = State::new();
        fs::create_dir_all(state.own("")).unwrap();
        state.base("1", &["lib/a"]);
        let base = state.0.path().join("bases/1");
        complete(&state.0.path().join("containers/web"), &base).unwrap();
        assert!(state.has("lib/a"));
        let other = state.0.path().join("containers/overlay");
        complete(&other, &base).unwrap();
        assert!(!other.exists());
    }
}
