//! dpkg's locks: who holds them, and waiting until nobody does.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// apt, unattended-upgrades and dpkg itself hold the first from start to end; the second is dpkg's own, for front ends
/// that take only that.
const LOCKS: [&str; 2] = ["lock-frontend", "lock"];
/// The kernel tells nobody when another process lets go of a lock, short of waiting for it with one's own, which would
/// make the next apt fail. So the locks are looked at, and only while dpkg runs.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits until no front end is at work on the database below `admindir`. There is no limit: an upgrade takes as long as
/// it takes.
///
/// # Errors
/// When a lock cannot be looked at.
pub fn wait_until_free(admindir: &Path) -> Result<()> {
    while is_held(admindir)? {
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// Whether some process holds one of the locks.
///
/// # Errors
/// When a lock cannot be looked at.
pub fn is_held(admindir: &Path) -> Result<bool> {
    for name in LOCKS {
        let path = admindir.join(name);
        let held = holds_write_lock(&path)
            .with_context(|| format!("cannot look at the lock '{}'", path.display()))?;
        if held {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Asks with `F_GETLK`, which takes nothing: a read lock would conflict with the write lock that front ends take.
fn holds_write_lock(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        // No front end has run yet.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(cause) => return Err(cause),
    };
    let mut lock = libc::flock {
        // Both constants are 0 or 1.
        l_type: libc::F_RDLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock))?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_and_its_end_too() {
        let admindir = tempfile::tempdir().unwrap();
        assert!(!is_held(admindir.path()).unwrap());
        let path = admindir.path().join("lock-frontend");
        std::fs::write(&path, "").unwrap();
        assert!(!is_held(admindir.path()).unwrap());
        // A lock of an open file description conflicts with the process's own, as another process's would.
        let holder = File::options().write(true).open(&path).unwrap();
        let lock = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(&holder, FcntlArg::F_OFD_SETLK(&lock)).unwrap();
        assert!(is_held(admindir.path()).unwrap());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait_until_free(admindir.path()));
            drop(holder);
            waiting.join().unwrap().unwrap();
        });
        assert!(!is_held(admindir.path()).unwrap());
    }
}
