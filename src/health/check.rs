//! A running container in; whether its health command succeeds inside it, within its time, out. Nothing that the command has
//! started is left then.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::dup2_stdin;

use super::Answer;
use super::group::Group;
use crate::container::{Container, Health};
use crate::diagnostic::printable;
use crate::inside::{Inside, Variables, execute_clone};
use crate::main_process::MainProcess;
use crate::pidfd::PidFd;
use crate::place;

/// The names that the parts of the work have on the command line.
pub const COMMAND: &str = "health-command";
/// The second part, which runs from where no container can write to it.
pub const SECOND_HALF: &str = "health-command-from-clone";

/// What a command may say on standard error. More says nothing, and takes the host's time to read.
const MOST_MESSAGES: usize = 64 << 10;
/// What is kept of it, its end.
const KEPT: usize = 4096;
/// Characters of the line that is told.
const LONGEST_LINE: usize = 200;
/// How long lodgerd itself may take to end once the command has been killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command of `health` in `container`, whose main process is `main` and whose control group is `control_group`.
///
/// # Errors
/// When it cannot be run, or cannot be ended.
pub fn check(
    container: &Container,
    health: &Health,
    main: &MainProcess,
    control_group: &str,
) -> Result<Answer> {
    let end = Instant::now() + health.timeout;
    let group = Group::of(control_group);
    group.make()?;
    let (messages, writer) = io::pipe().context("cannot make a pipe")?;
    let spawned = command(container, health, main, control_group)
        .and_then(|mut command| Ok(command.stderr(writer).spawn()?))
        .context("cannot start a health check");
    let watched = spawned.and_then(|mut child| {
        let mut messages = Messages::of(messages)?;
        let outcome = watch(&child, &mut messages, end);
        // Whatever has come of it: nothing is left, not even where the command hides from its parent.
        let killed = group.kill();
        let status = wait(&mut child)?;
        killed?;
        Ok(answer(outcome?, status, &messages.last_line(), health))
    });
    let ended = group.end();
    let answer = watched?;
    ended.map(|()| answer)
}

/// What has become of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ended,
    TooLate,
    TooMuch,
}

fn answer(outcome: Outcome, status: ExitStatus, line: &str, health: &Health) -> Answer {
    let why = match outcome {
        Outcome::Ended if status.success() => return Answer::Healthy,
        Outcome::Ended => match status.code() {
            Some(code) => format!("exit status {code}"),
            None => status.to_string(),
        },
        Outcome::TooLate => {
            let timeout = humantime::format_duration(health.timeout);
            format!("it took longer than {timeout}")
        }
        Outcome::TooMuch => format!("it wrote more than {} KiB of messages", MOST_MESSAGES >> 10),
    };
    Answer::Unhealthy(match line {
        "" => why,
        line => format!("{why}: {line}"),
    })
}

/// This program once more, to run the command inside. Its own environment, by which programs on the host can be led astray, has
/// nothing of the container's; that comes over standard input.
fn command(
    container: &Container,
    health: &Health,
    main: &MainProcess,
    control_group: &str,
) -> Result<Command> {
    let variables = variables(container, main.pid);
    let mut environment = File::from(
        memfd_create(c"environment", MFdFlags::MFD_CLOEXEC)
            .context("cannot make a file in memory")?,
    );
    for (name, value) in &variables {
        let parts = [name.as_bytes(), b"=", value.as_bytes(), b"\0"];
        environment.write_all(&parts.concat())?;
    }
    environment.rewind()?;
    let search = variables.iter().find(|(name, _)| name == "PATH");
    let search = search.map_or_else(OsString::new, |(_, path)| path.clone());
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("lodgerd")
        .args([COMMAND, "--group", control_group, "--"])
        .args(&health.exec)
        .env_clear()
        .env("MAINPID", main.pid.to_string())
        // Where the program is looked for, inside.
        .env("PATH", search)
        .stdin(environment)
        .stdout(Stdio::null());
    Ok(command)
}

/// What the command finds in its environment: what the container's file says, and what systemd gives every service that a
/// command may need.
fn variables(container: &Container, main: i32) -> Variables {
    let mut variables: Variables = vec![("PATH".into(), place::SEARCH_PATH.join(":").into())];
    if !container.credentials.is_empty() {
        let directory = format!("/run/credentials/{}", container.name.service());
        variables.push(("CREDENTIALS_DIRECTORY".into(), directory.into()));
    }
    for (name, value) in &container.environment {
        variables.retain(|(known, _)| known != name.as_str());
        variables.push((name.into(), value.into()));
    }
    variables.retain(|(name, _)| name != "MAINPID");
    variables.push(("MAINPID".into(), main.to_string().into()));
    variables
}

/// Waits for the end of the command, or of its time, and collects what it says meanwhile.
fn watch(child: &Child, messages: &mut Messages, end: Instant) -> Result<Outcome> {
    let process = PidFd::open(i32::try_from(child.id())?).context("cannot hold the check")?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Outcome::TooLate);
        }
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        let mut fds = vec![PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        if let Some(pipe) = &messages.pipe {
            fds.push(PollFd::new(pipe.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(cause) => return Err(cause).context("cannot wait for the check"),
        }
        let has_ended = fds[0].any().unwrap_or(false);
        drop(fds);
        if messages.read()? {
            return Ok(Outcome::TooMuch);
        }
        if has_ended {
            return Ok(Outcome::Ended);
        }
    }
}

/// The status of the child, which has no more to wait for.
fn wait(child: &mut Child) -> Result<ExitStatus> {
    let process = PidFd::open(i32::try_from(child.id())?).context("cannot hold the check")?;
    if !process.wait(PATIENCE)? {
        child.kill().context("cannot end the check")?;
    }
    child.wait().context("cannot wait for the check")
}

/// What a command says, as far as it is kept.
#[derive(Debug)]
struct Messages {
    /// `None` once nobody can write any more.
    pipe: Option<PipeReader>,
    end: Vec<u8>,
    length: usize,
}

impl Messages {
    /// None yet.
    fn of(pipe: PipeReader) -> Result<Self> {
        let nonblocking = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
        fcntl(&pipe, nonblocking).context("cannot change a pipe")?;
        Ok(Self {
            pipe: Some(pipe),
            end: Vec::new(),
            length: 0,
        })
    }

    /// Reads what there is; whether it is more than anybody wants to read.
    fn read(&mut self) -> Result<bool> {
        let mut part = [0; 4096];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut part) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    self.length += length;
                    self.end.extend(&part[..length]);
                    let over = self.end.len().saturating_sub(KEPT);
                    self.end.drain(..over);
                    if self.length > MOST_MESSAGES {
                        return Ok(true);
                    }
                }
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => break,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause).context("cannot read what the check says"),
            }
        }
        Ok(false)
    }

    /// The last line that is none of blanks, fit to be shown.
    fn last_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.end);
        let lines = text.lines().map(str::trim);
        let line = lines
            .rev()
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        match line.char_indices().nth(LONGEST_LINE) {
            Some((at, _)) => printable(&line[..at]) + "...",
            None => printable(line),
        }
    }
}

/// `lodgerd health-command`: executes the second half; returns only if that fails.
///
/// # Errors
/// When it cannot be executed.
pub fn start(group: &str, command: &[CString]) -> Result<()> {
    let words = [SECOND_HALF, "--group", group, "--"].map(CString::new);
    let words: Vec<_> = words.into_iter().collect::<Result<_, _>>()?;
    execute_clone(&[words.as_slice(), command].concat())
}

/// The second half: runs the command in the container whose main process is `$MAINPID`, below its control group `group`, with the
/// environment that it finds on standard input. Its exit status.
///
/// # Errors
/// When the container has ended, or cannot be entered.
pub fn run(group: &str, command: Vec<CString>) -> Result<u8> {
    let main = MainProcess::of_service(group)?.context("the container has ended")?;
    let mut environment = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut environment);
    read.context("cannot read the environment")?;
    let nothing = File::open("/dev/null").context("cannot open '/dev/null'")?;
    dup2_stdin(&nothing).context("cannot let go of standard input")?;
    let inside = Inside {
        main,
        command,
        variables: parse_variables(&environment)?,
        group: Some(Group::of(group).processes()?),
    };
    inside.run()
}

fn parse_variables(environment: &[u8]) -> Result<Variables> {
    let variables = environment.split(|byte| *byte == 0);
    let variables = variables.filter(|variable| !variable.is_empty());
    variables
        .map(|variable| {
            let Some(at) = variable.iter().position(|byte| *byte == b'=') else {
                bail!("a variable without a value");
            };
            let part = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
            Ok((part(&variable[..at]), part(&variable[at + 1..])))
        })
        .collect()
}

#[cfg(test)]
mod tests;
