//! A process held by a file descriptor, so that its number cannot come to mean another one (pidfd_open(2)).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::signal::SignalNumber;

/// One process.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl PidFd {
    /// Holds the process with this number in the caller's PID namespace.
    ///
    /// # Errors
    /// `ESRCH` if there is none.
    #[allow(unsafe_code, reason = "nix 0.31 has no pidfd_open(2)")]
    pub fn open(pid: i32) -> Result<Self, Errno> {
        // SAFETY: takes two integers and returns a new descriptor or -1.
        let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
        let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
        // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// `ESRCH` if the process has ended.
    #[allow(unsafe_code, reason = "nix 0.31 has no pidfd_send_signal(2)")]
    pub fn signal(&self, signal: SignalNumber) -> Result<(), Errno> {
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open, and a null siginfo asks the kernel to fill one in as kill(2) does.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal.number(),
                none,
                0,
            )
        };
        Errno::result(sent).map(drop)
    }

    /// Waits until the process has ended; `false` if it has not within `limit`.
    ///
    /// # Errors
    /// When poll(2) fails.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Rounded up, so that the last wait is not a busy loop; i32::MAX ms are 24 days, and the loop goes on.
            let milliseconds = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match poll(
                &mut fds,
                PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX),
            ) {
                Ok(0) if left.is_zero() => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(cause) => return Err(cause.into()),
            }
        }
    }
}
