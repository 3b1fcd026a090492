//! `lodgerd stop`: the main process of a container in; nothing left of the container out (`ExecStop=` of its unit).
//!
//! systemd could stop the service by itself, but not well enough in two cases that are usual here:
//! - With `PrivatePIDs=` systemd 257 mostly takes the main process for "not our child", because it asks for its parent
//!   before the executor in between has ended. Such a process it does not wait for: SIGKILL follows SIGTERM at once, and
//!   the next start begins while the old process is still dying (measured: 70 of 80 restarts). A payload would never
//!   get to shut down.
//! - A payload that is PID 1 of its namespace and has no handler for SIGTERM does not get it at all
//!   (pid_namespaces(7)), and each stop would take the whole stop timeout.
//!
//! Once PID 1 of a PID namespace has ended, the kernel has ended everything in it, so waiting for that one is enough.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::cgroup::{self, is_gone};
use crate::pidfd::PidFd;

/// How long the kernel may take to end a process after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// How often to look whether a PID 1 without a handler is the only process left.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Ends the process `main` and all in its PID namespace: politely first, with SIGKILL after `limit`.
///
/// # Errors
/// When it cannot be signalled, or is still there after SIGKILL.
pub fn stop(main: i32, limit: Duration) -> Result<()> {
    let process = match PidFd::open(main) {
        Ok(process) => process,
        Err(Errno::ESRCH) => return Ok(()),
        Err(cause) => {
            return Err(cause).with_context(|| format!("cannot hold on to process {main}"));
        }
    };
    let ended = if catches_sigterm(main)? {
        signal(&process, Signal::SIGTERM)?;
        process.wait(limit)?
    } else {
        stop_the_others(main, &process, limit)?
    };
    if !ended {
        signal(&process, Signal::SIGKILL)?;
        if !process.wait(KILL_LIMIT)? {
            bail!(
                "process {main} is still there {} s after SIGKILL",
                KILL_LIMIT.as_secs()
            );
        }
    }
    Ok(())
}

/// Sends SIGTERM to everything but `main`, which would not get it, and waits until that has ended (a shell does after
/// its last child) or is alone. Returns whether it has ended.
fn stop_the_others(main: i32, process: &PidFd, limit: Duration) -> Result<bool> {
    let others = others_in_cgroup(main)?;
    for other in &others {
        match PidFd::open(*other).and_then(|other| other.signal(Signal::SIGTERM)) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(cause) => {
                return Err(cause).with_context(|| format!("cannot signal process {other}"));
            }
        }
    }
    let end = Instant::now() + limit;
    while !others_in_cgroup(main)?.is_empty() && Instant::now() < end {
        if process.wait(LOOK_AGAIN)? {
            return Ok(true);
        }
    }
    // A shell needs a moment to notice that its last child is gone.
    let patience = if others.is_empty() {
        Duration::ZERO
    } else {
        LOOK_AGAIN * 5
    };
    Ok(process.wait(patience)?)
}

fn signal(process: &PidFd, signal: Signal) -> Result<()> {
    match process.signal(signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(cause) => {
            Err(cause).with_context(|| format!("cannot send {signal} to the main process"))
        }
    }
}

/// Whether the process has a handler for SIGTERM (`SigCgt:` in proc_pid_status(5)). One that has ended has none.
fn catches_sigterm(pid: i32) -> Result<bool> {
    match fs::read_to_string(format!("/proc/{pid}/status")) {
        Ok(status) => Ok(caught_signals(&status) & (1 << (Signal::SIGTERM as u64 - 1)) != 0),
        Err(cause) if is_gone(&cause) => Ok(false),
        Err(cause) => {
            Err(cause).with_context(|| format!("cannot read the signals of process {pid}"))
        }
    }
}

/// The mask of caught signals in the text of `/proc/PID/status`; none if it has no such line.
fn caught_signals(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// The processes in the control group of `main`, without `main` and without this one, which systemd runs there too.
fn others_in_cgroup(main: i32) -> Result<Vec<i32>> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let group = match fs::read_to_string(format!("/proc/{main}/cgroup")) {
        Ok(text) => text,
        Err(cause) if is_gone(&cause) => return Ok(Vec::new()),
        Err(cause) => {
            return Err(cause)
                .with_context(|| format!("cannot read the control group of process {main}"));
        }
    };
    let Some(group) = group.lines().find_map(|line| line.strip_prefix("0::")) else {
        return Ok(Vec::new());
    };
    let mut others = cgroup::processes(group, usize::MAX)?;
    others.retain(|pid| *pid != main && *pid != own);
    Ok(others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    /// Runs `script` and waits until it has set itself up and said so.
    fn shell(script: &str) -> Child {
        use std::io::Read;
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut [0; 2])
            .unwrap();
        child
    }

    fn pid(child: &Child) -> i32 {
        i32::try_from(child.id()).unwrap()
    }

    #[test]
    fn the_mask_of_caught_signals_is_read() {
        assert_eq!(
            caught_signals("Name:\tx\nSigCgt:\t0000000000004002\n"),
            0x4002
        );
        assert_eq!(caught_signals("Name:\tSigCgt:\n"), 0);
    }

    #[test]
    fn a_process_with_a_handler_gets_to_use_it() {
        let mut child = shell("trap 'exit 7' TERM; echo ok; while :; do sleep 0.01; done");
        stop(pid(&child), Duration::from_secs(60)).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }

    #[test]
    fn a_process_that_catches_and_goes_on_is_killed_after_the_limit() {
        use std::os::unix::process::ExitStatusExt;
        let mut child = shell("trap : TERM; echo ok; while :; do sleep 0.01; done");
        stop(pid(&child), Duration::from_millis(50)).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn a_process_that_has_ended_is_stopped() {
        let mut child = shell("echo ok");
        let pid = pid(&child);
        child.wait().unwrap();
        stop(pid, Duration::from_secs(60)).unwrap();
    }
}
