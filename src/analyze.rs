//! A question for systemd-analyze(1) in; its answer, within bounds, out.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::pidfd::PidFd;

/// What knows calendars.
pub const ANALYZE: &str = "/usr/bin/systemd-analyze";
/// It answers in milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Its answers have a few lines.
const LONGEST_ANSWER: usize = 16 << 10;

/// The status and the output of the program, which has as long as `patience`.
///
/// # Errors
/// When it cannot be run, or does not answer in time.
pub fn run(program: &Path, patience: Duration, arguments: &[&str]) -> Result<(ExitStatus, String)> {
    let end = Instant::now() + patience;
    let (reader, writer) = io::pipe()?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    let answer = read_until(OwnedFd::from(reader), end).and_then(|answer| {
        wait_until(&child, end)?;
        Ok(answer)
    });
    if answer.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok((status, answer?))
}

fn read_until(reader: OwnedFd, end: Instant) -> Result<String> {
    let mut reader = File::from(reader);
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let milliseconds = PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX);
        match poll(
            &mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)],
            milliseconds,
        ) {
            Ok(0) => bail!("it does not answer"),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(cause) => return Err(cause.into()),
        }
        match reader.read(&mut part)? {
            0 => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            length => answer.extend(&part[..length]),
        }
        if answer.len() > LONGEST_ANSWER {
            bail!("it answers without an end");
        }
    }
}

fn wait_until(child: &Child, end: Instant) -> Result<()> {
    let pid = i32::try_from(child.id())?;
    let left = end.saturating_duration_since(Instant::now());
    if !PidFd::open(pid)?.wait(left)? {
        bail!("it does not end");
    }
    Ok(())
}
