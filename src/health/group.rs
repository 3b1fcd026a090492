//! The control group of a service in; one below it for what must not outlive a health check, out.
//!
//! There the container's limits, devices and firewall hold for the check as for the container itself, and everything that the
//! check has started, however it hides, can be ended at once (cgroups(7), `cgroup.kill`).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Its name below the service's.
const NAME: &str = "lodgerd-health";
/// How long the kernel may take to end what has been killed.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// The control group of a check.
#[derive(Debug)]
pub struct Group(PathBuf);

impl Group {
    /// That below `service`, a path in the hierarchy of control groups.
    pub fn of(service: &str) -> Self {
        Self::below(Path::new("/sys/fs/cgroup"), service)
    }

    fn below(hierarchy: &Path, service: &str) -> Self {
        Self(hierarchy.join(service.trim_start_matches('/')).join(NAME))
    }

    /// Makes it, without anything in it: what an earlier check has left there is killed.
    ///
    /// # Errors
    /// When it cannot be made, or what is in it cannot be killed.
    pub fn make(&self) -> Result<()> {
        match fs::create_dir(&self.0) {
            Ok(()) => Ok(()),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => self.kill(),
            Err(cause) => Err(cause).with_context(|| format!("cannot make '{}'", self.0.display())),
        }
    }

    /// To write the number of a process to that shall go there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn processes(&self) -> Result<File> {
        let path = self.0.join("cgroup.procs");
        let file = OpenOptions::new().write(true).open(&path);
        file.with_context(|| format!("cannot open '{}'", path.display()))
    }

    /// Kills everything in it and waits for the end of that. One that is gone, with its service, is no error.
    ///
    /// # Errors
    /// When something does not end.
    pub fn kill(&self) -> Result<()> {
        let failed = || format!("cannot end what is in '{}'", self.0.display());
        let kill = OpenOptions::new()
            .write(true)
            .open(self.0.join("cgroup.kill"));
        match kill.and_then(|mut kill| io::Write::write_all(&mut kill, b"1")) {
            Ok(()) => self.wait_until_empty().with_context(failed),
            Err(cause) if is_gone(&cause) => Ok(()),
            Err(cause) => Err(cause).with_context(failed),
        }
    }

    /// The same, and then removes it.
    ///
    /// # Errors
    /// When something does not end, or it cannot be removed.
    pub fn end(&self) -> Result<()> {
        self.kill()?;
        match fs::remove_dir(&self.0) {
            Err(cause) if !is_gone(&cause) => {
                Err(cause).with_context(|| format!("cannot remove '{}'", self.0.display()))
            }
            _ => Ok(()),
        }
    }

    fn wait_until_empty(&self) -> Result<()> {
        let end = Instant::now() + KILL_LIMIT;
        loop {
            // Opened each time: the kernel tells a descriptor of what has changed since it was read.
            let path = self.0.join("cgroup.events");
            let (events, text) = match File::open(&path).and_then(|events| {
                let text = io::read_to_string(&events)?;
                Ok((events, text))
            }) {
                Ok(read) => read,
                Err(cause) if is_gone(&cause) => return Ok(()),
                Err(cause) => return Err(cause.into()),
            };
            if text.lines().any(|line| line == "populated 0") {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("it is still there {} s after SIGKILL", KILL_LIMIT.as_secs());
            }
            let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
            match poll(
                &mut [PollFd::new(events.as_fd(), PollFlags::POLLPRI)],
                timeout,
            ) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
    }
}

/// What the kernel says of a control group that has just been removed.
fn is_gone(cause: &io::Error) -> bool {
    crate::cgroup::is_gone(cause) || cause.raw_os_error() == Some(nix::libc::ENODEV)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_gone_is_no_error() {
        let group = Group::of("/lodger.slice/lodger-no-such.service");
        assert!(group.0.ends_with("lodger-no-such.service/lodgerd-health"));
        group.kill().unwrap();
        group.end().unwrap();
        assert!(group.make().is_err());
    }

    #[test]
    fn what_does_not_end_is_waited_for() {
        let hierarchy = tempfile::tempdir().unwrap();
        fs::create_dir(hierarchy.path().join("web.service")).unwrap();
        let group = Group::below(hierarchy.path(), "/web.service");
        group.make().unwrap();
        // As in a control group: a file that takes the order, and one that tells what has become of it.
        fs::write(group.0.join("cgroup.kill"), "").unwrap();
        fs::write(group.0.join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
        group.kill().unwrap();
        assert_eq!(fs::read(group.0.join("cgroup.kill")).unwrap(), b"1");
    }
}
