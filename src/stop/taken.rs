//! A process and a signal in; whether the process would get the signal if it were PID 1 of its namespace, out.
//!
//! To such a process the kernel delivers what it has a handler for, and what its first thread blocks: that is queued, for
//! the process may be about to take it with sigtimedwait(2) or signalfd(2), as tini and systemd do
//! (kernel/signal.c, `sig_ignored()`). A thread that is in sigtimedwait(2) at the moment has unblocked what it waits for,
//! so the masks in /proc say nothing of it; which signals those are is read where the call's argument says.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use nix::libc;

use crate::cgroup::is_gone;
use crate::signal::SignalNumber;

/// Between a look at the masks and one at the system call, a process may go from one to the other.
const LOOKS: usize = 5;

/// Whether `signal` has any effect on the process. One that has ended takes none.
///
/// # Errors
/// When it cannot be looked at.
pub fn is_taken(pid: i32, signal: SignalNumber) -> Result<bool> {
    // From outside its namespace SIGKILL reaches every process.
    if signal == SignalNumber::KILL {
        return Ok(true);
    }
    let look = || -> io::Result<bool> {
        for _ in 0..LOOKS {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let masks = mask(&status, "SigCgt:") | mask(&status, "SigBlk:");
            if masks & signal.bit() != 0 || awaited(pid)? & signal.bit() != 0 {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match look() {
        Err(cause) if is_gone(&cause) => Ok(false),
        looked => looked.with_context(|| format!("cannot read the signals of process {pid}")),
    }
}

/// A mask of signals in the text of `/proc/PID/status`; none if it has no such line.
fn mask(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// The signals that the first thread of a process waits for with sigtimedwait(2).
fn awaited(pid: i32) -> io::Result<u64> {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall"))?;
    match awaited_at(&call) {
        Some(address) => set_at(pid, address),
        None => Ok(0),
    }
}

/// Where the set of signals lies, from the text of `/proc/PID/syscall` (proc_pid_syscall(5)): the call's number, then its
/// arguments in hexadecimal. `None` in any other call, or in none ("running").
fn awaited_at(call: &str) -> Option<u64> {
    let (number, arguments) = call.split_once(' ')?;
    let number: libc::c_long = number.parse().ok()?;
    let first = arguments.split(' ').next()?.strip_prefix("0x")?;
    (number == libc::SYS_rt_sigtimedwait).then(|| u64::from_str_radix(first, 16).ok())?
}

/// The set of signals at `address` in the memory of a process: 64 bits for 64 signals.
fn set_at(pid: i32, address: u64) -> io::Result<u64> {
    let mut set = [0; size_of::<u64>()];
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    match memory.read_exact_at(&mut set, address) {
        Ok(()) => Ok(u64::from_ne_bytes(set)),
        // Nothing is mapped there: the process has gone on meanwhile. Nothing at all: it has ended.
        Err(cause)
            if cause.raw_os_error() == Some(libc::EIO)
                || cause.kind() == io::ErrorKind::UnexpectedEof =>
        {
            Ok(0)
        }
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn masks_are_read() {
        let status = "Name:\tSigCgt:\nSigBlk:\t0000000000000001\nSigCgt:\t8000000000004002\n";
        assert_eq!(mask(status, "SigCgt:"), 0x8000_0000_0000_4002);
        assert_eq!(mask(status, "SigBlk:"), 1);
        assert_eq!(mask("Name:\tSigCgt:\n", "SigCgt:"), 0);
    }

    #[test]
    fn the_argument_of_sigtimedwait_is_found() {
        let waiting = format!(
            "{} 0x7ffd0010 0x0 0x7ffd0020 0x8 0x0 0x0 0x7ffd0000 0x7f00\n",
            libc::SYS_rt_sigtimedwait
        );
        assert_eq!(awaited_at(&waiting), Some(0x7ffd_0010));
        let other = format!("{} 0x7ffd0010 0x0\n", libc::SYS_rt_sigtimedwait + 1);
        for call in [&other, "running\n", "-1 0x7ffd 0x7f00\n", ""] {
            assert_eq!(awaited_at(call), None, "{call}");
        }
    }

    #[test]
    fn a_set_is_read_from_memory_and_none_where_nothing_is_mapped() {
        let set = Box::new(0x4002_u64);
        let own = i32::try_from(std::process::id()).unwrap();
        let address = std::ptr::from_ref(&*set).addr() as u64;
        assert_eq!(set_at(own, address).unwrap(), 0x4002);
        assert_eq!(set_at(own, 8).unwrap(), 0);
    }

    #[test]
    fn what_is_blocked_is_taken_and_what_is_neither_is_not() {
        let mut child = Command::new("/usr/bin/env")
            .args(["--block-signal=QUIT", "sh", "-c", "echo; exec sleep 600"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The line shows that env has blocked it.
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 1]).unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let taken = |name| is_taken(pid, SignalNumber::parse(name).unwrap()).unwrap();
        let found = ["SIGQUIT", "SIGTERM", "SIGKILL"].map(taken);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [true, false, true]);
        assert!(!is_taken(pid, SignalNumber::TERM).unwrap());
    }
}
