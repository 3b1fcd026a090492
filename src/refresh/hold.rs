//! Containers that refreshes are to leave for a while: the operator's word in; whether it stands, out.
//!
//! It is about refreshes alone: whoever restarts the container gets the present code, as always.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::pending::Pending;
use super::places::Places;
use crate::container::Name;
use crate::root::overlay::make_directory;
use crate::state_file;

/// `lodger hold`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Until when, RFC 3339; `None` for until it is taken off.
    pub until: Option<String>,
}

impl Hold {
    /// One that ends at `until`.
    pub fn until(until: Option<SystemTime>) -> Self {
        let until = until.map(|until| humantime::format_rfc3339_seconds(until).to_string());
        Self { until }
    }

    /// Whether it stands at `now`. One whose end cannot be read stands: somebody wanted it.
    pub fn stands(&self, now: SystemTime) -> bool {
        match &self.until {
            Some(until) => humantime::parse_rfc3339(until).map_or(true, |until| now < until),
            None => true,
        }
    }
}

/// Where the hold of a container is, or that of all.
pub fn path(places: &Places, name: Option<&Name>) -> PathBuf {
    match name {
        Some(name) => places.state_of(name).join("hold.json"),
        None => places.state.join("hold.json"),
    }
}

/// The hold that stands for a container: its own or that of all, whichever is longer. A file that makes no sense is one without
/// an end: somebody wanted it, and it stops no refresh of others.
///
/// # Errors
/// When one cannot be read just now.
pub fn of(places: &Places, name: &Name, now: SystemTime) -> Result<Option<Hold>> {
    let read = |path: &Path| -> Result<Option<Hold>> {
        let hold = match state_file::read::<Hold>(path) {
            Err(cause) if state_file::is_unusable(&cause) => {
                tracing::error!("it counts as a hold without an end: {cause:#}");
                Some(Hold { until: None })
            }
            hold => hold?,
        };
        Ok(hold.filter(|hold| hold.stands(now)))
    };
    let own = read(&path(places, Some(name)))?;
    let all = read(&path(places, None))?;
    Ok(match (own, all) {
        (Some(own), Some(all)) => Some(longer(own, all)),
        (own, all) => own.or(all),
    })
}

fn longer(one: Hold, two: Hold) -> Hold {
    let end = |hold: &Hold| {
        let until = hold.until.as_deref();
        until.and_then(|until| humantime::parse_rfc3339(until).ok())
    };
    match (end(&one), end(&two)) {
        (Some(first), Some(second)) if first < second => two,
        (Some(_), None) => two,
        _ => one,
    }
}

/// Holds a container, or all. If it is due, a refresh takes note of when the hold ends.
///
/// # Errors
/// When that cannot be written.
pub fn put(places: &Places, name: Option<&Name>, hold: &Hold) -> Result<()> {
    let path = path(places, name);
    if let Some(directory) = path.parent() {
        make_directory(directory, 0o700)
            .with_context(|| format!("cannot make '{}'", directory.display()))?;
    }
    state_file::write(&path, hold)?;
    let is_due = Pending::may_be_due(places, name);
    // Only a refresh starts the timer that ends it.
    match is_due && hold.until.is_some() {
        true => places.mark(),
        false => Ok(()),
    }
}

/// Takes a hold off; whether there was one.
///
/// # Errors
/// When it stays.
pub fn take_off(places: &Places, name: Option<&Name>) -> Result<bool> {
    let path = path(places, name);
    let was_there = path.exists();
    state_file::remove(&path)?;
    Ok(was_there)
}

/// Notes that a container leaves the base it is held on: what it was started on until now is not what the host has.
///
/// # Errors
/// When that cannot be written.
pub fn release(places: &Places, name: &Name) -> Result<()> {
    state_file::write(&places.state_of(name).join(RELEASED), &Moment::now()?)
}

/// When a container last left a base that it was held on, if that was in this boot; now, if what was written makes no sense.
///
/// # Errors
/// When what was written cannot be read just now.
pub fn released(places: &Places, name: &Name, boot: &str) -> Result<Option<Moment>> {
    let moment = match state_file::read::<Moment>(&places.state_of(name).join(RELEASED)) {
        Err(cause) if state_file::is_unusable(&cause) => {
            tracing::error!("{name} counts as let go from a base just now: {cause:#}");
            Some(Moment::now()?)
        }
        moment => moment?,
    };
    Ok(moment.filter(|moment| moment.boot == boot))
}

/// In a container's state: when it last left a base.
const RELEASED: &str = "released.json";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_longer_hold_counts_and_each_ends() {
        let state = tempfile::tempdir().unwrap();
        let places = Places {
            state: state.path().into(),
            ..Places::default()
        };
        let web = Name::parse("web").unwrap();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let found = |seconds| {
            let hold = of(&places, &web, at(seconds)).unwrap();
            hold.map(|hold| hold.until.unwrap_or_default())
        };
        assert_eq!(found(0), None);
        put(&places, Some(&web), &Hold::until(Some(at(100)))).unwrap();
        put(&places, None, &Hold::until(Some(at(50)))).unwrap();
        assert_eq!(found(10).as_deref(), Some("1970-01-01T00:01:40Z"));
        assert_eq!(found(60).as_deref(), Some("1970-01-01T00:01:40Z"));
        assert_eq!(found(100), None);
        put(&places, None, &Hold::until(None)).unwrap();
        assert_eq!(found(100).as_deref(), Some(""));
        assert_eq!(found(10).as_deref(), Some(""));
        assert!(take_off(&places, None).unwrap());
        assert!(!take_off(&places, None).unwrap());
        assert_eq!(found(100), None);
    }
}
