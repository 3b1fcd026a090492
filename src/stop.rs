//! `lodgerd stop`: the main process of a container in; nothing left of the container out (`ExecStop=` of its unit).
//!
//! systemd could stop the service by itself, but not well enough in two cases that are usual here:
//! - With `PrivatePIDs=` systemd 257 mostly takes the main process for "not our child", because it asks for its parent
//!   before the executor in between has ended. Such a process it does not wait for: SIGKILL follows SIGTERM at once, and
//!   the next start begins while the old process is still dying (measured: 70 of 80 restarts). A payload would never
//!   get to shut down.
//! - A payload that is PID 1 of its namespace and has no handler for the stop signal does not get it at all
//!   (pid_namespaces(7)), and each stop would take the whole stop timeout.
//!
//! This has to come before the signal is sent, and so in each stop, where it costs about as much as a start. In a refresh one process
//! does it for all containers ([`crate::stops`]), because lodgerd orders those stops. One that hears of all stops as systemd begins
//! them would kill programs at their work: many take their handler away when the signal comes, so that a second one ends them, and
//! look then like those that never had one.
//!
//! Once PID 1 of a PID namespace has ended, the kernel has ended everything in it, so waiting for that one is enough.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::cgroup;
use crate::main_process::MainProcess;
use crate::pidfd::PidFd;
use crate::signal::SignalNumber;

pub mod lost_start;
mod taken;

/// How long the kernel may take to end a process after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// How often to look whether a PID 1 without a handler is the only process left.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Ends the process `main` and all in its PID namespace: with `signal` first, with SIGKILL after `limit`.
///
/// # Errors
/// When it cannot be signalled, or is still there after SIGKILL.
pub fn stop(main: &MainProcess, signal: SignalNumber, limit: Duration) -> Result<()> {
    let is_taken = taken::is_taken(main.pid, signal).unwrap_or_else(|cause| {
        // Whoever has a handler must get to use it.
        tracing::warn!("{cause:#}; it gets {signal} all the same");
        true
    });
    let ended = if is_taken {
        send(&main.handle, signal)?;
        main.handle.wait(limit)?
    } else {
        stop_the_others(main, signal, limit)?
    };
    if !ended {
        send(&main.handle, SignalNumber::KILL)?;
        if !main.handle.wait(KILL_LIMIT)? {
            bail!(
                "process {} is still there {} s after SIGKILL",
                main.pid,
                KILL_LIMIT.as_secs()
            );
        }
    }
    Ok(())
}

/// Sends `signal` to everything but `main`, which would not get it, and waits until that has ended (a shell does after
/// its last child) or is alone. Returns whether it has ended.
fn stop_the_others(main: &MainProcess, signal: SignalNumber, limit: Duration) -> Result<bool> {
    let others = others_in_cgroup(main.pid)?;
    for other in &others {
        match PidFd::open(*other).and_then(|other| other.signal(signal)) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(cause) => {
                return Err(cause).with_context(|| format!("cannot signal process {other}"));
            }
        }
    }
    let end = Instant::now() + limit;
    while !others_in_cgroup(main.pid)?.is_empty() && Instant::now() < end {
        if main.handle.wait(LOOK_AGAIN)? {
            return Ok(true);
        }
    }
    // A shell needs a moment to notice that its last child is gone.
    let patience = if others.is_empty() {
        Duration::ZERO
    } else {
        LOOK_AGAIN * 5
    };
    Ok(main.handle.wait(patience)?)
}

fn send(process: &PidFd, signal: SignalNumber) -> Result<()> {
    match process.signal(signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(cause) => {
            Err(cause).with_context(|| format!("cannot send {signal} to the main process"))
        }
    }
}

/// The processes in the control group of `main`, without `main` and without this one, which systemd runs there too.
fn others_in_cgroup(main: i32) -> Result<Vec<i32>> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let Some(group) = cgroup::of(&main.to_string())? else {
        return Ok(Vec::new());
    };
    let mut others = cgroup::processes(&group, usize::MAX)?;
    others.retain(|pid| *pid != main && *pid != own);
    Ok(others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    /// Runs `script` and waits until it has set itself up and said so.
    fn shell(script: &str) -> Child {
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        await_two_bytes(&mut child);
        child
    }

    fn await_two_bytes(child: &mut Child) {
        use std::io::Read;
        let output = child.stdout.as_mut().unwrap();
        output.read_exact(&mut [0; 2]).unwrap();
    }

    fn main_process(child: &Child) -> MainProcess {
        let pid = i32::try_from(child.id()).unwrap();
        MainProcess::open(pid).unwrap().unwrap()
    }

    #[test]
    fn a_process_with_a_handler_gets_to_use_it() {
        let mut child = shell("trap 'exit 7' TERM; echo ok; while :; do sleep 0.01; done");
        let limit = Duration::from_secs(60);
        stop(&main_process(&child), SignalNumber::TERM, limit).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }

    #[test]
    fn the_signal_is_the_one_asked_for() {
        let script =
            "trap 'exit 7' TERM; trap 'exit 8' RTMIN+3; echo ok; while :; do sleep 0.01; done";
        let mut child = Command::new("/bin/bash")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        await_two_bytes(&mut child);
        let signal = SignalNumber::parse("SIGRTMIN+3").unwrap();
        stop(&main_process(&child), signal, Duration::from_secs(60)).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(8));
    }

    #[test]
    fn a_process_that_catches_and_goes_on_is_killed_after_the_limit() {
        use std::os::unix::process::ExitStatusExt;
        let mut child = shell("trap : TERM; echo ok; while :; do sleep 0.01; done");
        let limit = Duration::from_millis(50);
        stop(&main_process(&child), SignalNumber::TERM, limit).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn a_process_that_has_ended_is_stopped() {
        let mut child = shell("echo ok");
        let main = main_process(&child);
        child.wait().unwrap();
        stop(&main, SignalNumber::TERM, Duration::from_secs(60)).unwrap();
    }
}
