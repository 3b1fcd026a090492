//! The directory of a process in /proc in; what one of its threads tells that goes on, out.
//!
//! A process goes on when its first thread has ended and others have not (pthread_exit(3)). Its directory then tells nothing any
//! more, as that of one that has ended; those of its other threads do.

use std::fs;
use std::io;
use std::path::Path;

use crate::cgroup::is_gone;

/// What `look` makes of the directory of the process or, if its first thread has ended, of that of another; `None` if all have.
///
/// # Errors
/// Those of `look`, but for a thread that has ended.
pub fn of_living<T>(
    process: &Path,
    mut look: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<Option<T>> {
    match look(process) {
        Err(cause) if has_ended(&cause) => {}
        told => return told.map(Some),
    }
    let threads = match fs::read_dir(process.join("task")) {
        Err(cause) if is_gone(&cause) => return Ok(None),
        threads => threads?,
    };
    for thread in threads {
        let thread = match thread {
            Err(cause) if is_gone(&cause) => return Ok(None),
            thread => thread?,
        };
        match look(&thread.path()) {
            Err(cause) if has_ended(&cause) => {}
            told => return told.map(Some),
        }
    }
    Ok(None)
}

/// What has no mounts any more has an `EINVAL` for them.
fn has_ended(cause: &io::Error) -> bool {
    is_gone(cause) || cause.kind() == io::ErrorKind::InvalidInput
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;
    use std::thread;
    use std::time::Duration;

    use nix::libc;
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::waitpid;
    use nix::unistd::{ForkResult, Pid, fork};

    use super::*;

    /// A process whose first thread has ended and another has not; it ends when this is dropped.
    pub(crate) struct WithoutFirst(Pid);

    impl WithoutFirst {
        #[allow(unsafe_code)]
        pub(crate) fn start() -> Self {
            // SAFETY: what the child does after it, glibc's fork(2) prepares for: it allocates, and starts a thread.
            let child = match unsafe { fork() }.unwrap() {
                ForkResult::Parent { child } => Self(child),
                ForkResult::Child => {
                    thread::spawn(|| thread::sleep(Duration::from_secs(600)));
                    // SAFETY: it ends this thread, which nothing of is used after.
                    unsafe { libc::syscall(libc::SYS_exit, 0) };
                    unreachable!("the thread has ended");
                }
            };
            let has_ended = || fs::metadata(child.directory().join("root")).is_err();
            while !has_ended() {
                thread::yield_now();
            }
            child
        }

        pub(crate) fn pid(&self) -> i32 {
            self.0.as_raw()
        }

        pub(crate) fn directory(&self) -> PathBuf {
            PathBuf::from(format!("/proc/{}", self.0))
        }

        pub(crate) fn end(&self) {
            let _ = kill(self.0, Signal::SIGKILL);
            let _ = waitpid(self.0, None);
        }
    }

    impl Drop for WithoutFirst {
        fn drop(&mut self) {
            self.end();
        }
    }

    #[test]
    fn another_thread_tells_when_the_first_has_ended() {
        let process = WithoutFirst::start();
        let mounts = |directory: &Path| fs::read(directory.join("mountinfo"));
        assert!(mounts(&process.directory()).is_err());
        let told = of_living(&process.directory(), mounts).unwrap();
        assert_eq!(told, Some(fs::read("/proc/self/mountinfo").unwrap()));
        process.end();
        assert_eq!(of_living(&process.directory(), mounts).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_looked_at_is_no_end() {
        let denied = |_: &Path| io::Result::<()>::Err(io::ErrorKind::PermissionDenied.into());
        assert!(of_living(Path::new("/proc/self"), denied).is_err());
    }
}
