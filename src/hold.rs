//! Which base a container is to run on in; the link that says so, out.
//!
//! A container follows the current base unless its `base` link leads to another one: then each start is on that, whatever
//! packages bring, until it is let go. Nothing of what the container has written is touched.

use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::fcntl::FlockArg;

use crate::base::{Bases, Number};
use crate::place;
use crate::root::overlay::make_directory;
use crate::root::{prepare, sweep};

/// The base to go back to: the `wanted` one, or the newest that is older than the one the container runs on, or if it does not
/// run, than the current one.
///
/// # Errors
/// When there is no such base.
pub fn target(
    bases: &[Number],
    current: Option<Number>,
    runs_on: Option<Number>,
    wanted: Option<Number>,
) -> Result<Number> {
    let listed = || {
        let numbers: Vec<_> = bases.iter().map(Number::to_string).collect();
        match numbers.is_empty() {
            true => "there are none".to_owned(),
            false => format!("there are {}", numbers.join(", ")),
        }
    };
    if let Some(wanted) = wanted {
        if !bases.contains(&wanted) {
            bail!("there is no base {wanted}; {}", listed());
        }
        return Ok(wanted);
    }
    let from = runs_on.or(current).context("there is no base yet")?;
    let older = bases.iter().copied().filter(|number| *number < from).max();
    older.with_context(|| format!("there is no base older than {from}; {}", listed()))
}

/// Holds the container whose state is in `state` on a base of `bases`, from its next start on.
///
/// # Errors
/// When the base has gone meanwhile, or the link cannot be made.
pub fn hold(state: &Path, bases: &Bases, number: Number) -> Result<()> {
    // Whoever removes bases looks at the links with this lock.
    let _bases = bases.hold()?;
    if !bases.tree(number).is_dir() {
        bail!("base {number} has been removed meanwhile");
    }
    follow(state, Path::new(&number.to_string()))
}

/// Lets a container follow the current base again, from its next start on.
///
/// # Errors
/// When the link cannot be made.
pub fn let_go(state: &Path) -> Result<()> {
    follow(state, Path::new(place::CURRENT_BASE))
}

fn follow(state: &Path, base: &Path) -> Result<()> {
    make_directory(state, 0o700)?;
    let _lock = sweep::lock_directory(state, FlockArg::LockExclusive)?;
    prepare::follow(&state.join(place::HELD_BASE), base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u64) -> Number {
        number.to_string().parse().unwrap()
    }

    #[test]
    fn going_back_is_to_the_one_before_unless_one_is_named() {
        let bases = [2, 3, 5, 8].map(number);
        let found = |current, runs_on, wanted| {
            target(
                &bases,
                Some(number(current)),
                Option::<u64>::map(runs_on, number),
                Option::<u64>::map(wanted, number),
            )
            .map_err(|error| error.to_string())
        };
        assert_eq!(found(8, Some(8), None), Ok(number(5)));
        assert_eq!(found(8, Some(5), None), Ok(number(3)));
        assert_eq!(found(8, None, None), Ok(number(5)));
        assert_eq!(found(8, Some(4), None), Ok(number(3)), "its own is gone");
        assert_eq!(found(8, Some(2), Some(8)), Ok(number(8)));
        assert_eq!(
            found(8, Some(2), None),
            Err("there is no base older than 2; there are 2, 3, 5, 8".to_owned())
        );
        assert_eq!(
            found(8, None, Some(4)),
            Err("there is no base 4; there are 2, 3, 5, 8".to_owned())
        );
        assert_eq!(
            target(&[], None, None, None).unwrap_err().to_string(),
            "there is no base yet"
        );
    }

    #[test]
    fn what_is_let_go_is_held_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let bases = Bases::at(directory.path().join("bases"));
        std::fs::create_dir_all(bases.tree(number(3))).unwrap();
        let state = directory.path().join("web");
        let held = || crate::root::lower::held(&state).unwrap();
        hold(&state, &bases, number(3)).unwrap();
        assert_eq!(held().as_deref(), Some("3"));
        assert!(hold(&state, &bases, number(4)).is_err());
        assert_eq!(held().as_deref(), Some("3"));
        let_go(&state).unwrap();
        assert_eq!(held(), None);
        let_go(&state).unwrap();
    }
}
