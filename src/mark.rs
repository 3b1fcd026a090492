//! Waiting for the mark that dpkg's hooks leave.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::refresh::Places;

/// Waits until a refresh is due; `false` if none is within `limit`.
///
/// # Errors
/// When the state directory cannot be watched.
pub fn wait(places: &Places, limit: Duration) -> Result<bool> {
    let end = Instant::now() + limit;
    let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
        .context("cannot use inotify")?;
    let events = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    watch
        .add_watch(&places.state, events)
        .with_context(|| format!("cannot watch '{}'", places.state.display()))?;
    loop {
        // Looked at after the watch began, so that no mark falls in between.
        if places.is_refresh_due() {
            return Ok(true);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let timeout =
            PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
        match poll(
            &mut [PollFd::new(watch.as_fd(), PollFlags::POLLIN)],
            timeout,
        ) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(cause) => return Err(cause).context("cannot wait for a mark"),
        }
        match watch.read_events() {
            Ok(_) | Err(Errno::EAGAIN) => {}
            Err(cause) => return Err(cause).context("cannot read inotify events"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_ends_the_wait_and_its_absence_too() {
        let state = tempfile::tempdir().unwrap();
        let places = Places {
            state: state.path().into(),
            ..Places::default()
        };
        assert!(!wait(&places, Duration::from_millis(1)).unwrap());
        let marker = std::thread::spawn({
            let places = places.clone();
            move || places.mark()
        });
        assert!(wait(&places, Duration::from_secs(60)).unwrap());
        marker.join().unwrap().unwrap();
        assert!(wait(&places, Duration::ZERO).unwrap());
    }
}
