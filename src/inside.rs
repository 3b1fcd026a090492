//! A command and the main process of a container in; the same run inside that container, with the rights of its main process and
//! no others, and its exit status out.
//!
//! `nsenter` would run it as root of the host that happens to be inside. Here it gets the main process's namespaces, root
//! directory, user, groups and capabilities, as the kernel tells them, and may do what the payload may do itself:
//!
//! ```text
//! lodgerd ...           executes itself from a read-only mount (inside::clone)
//!   outside             reads the rights; forks into the PID namespace; lets the child go on once they are the same
//!     child             other namespaces, root, rights; executes the command
//! ```
//!
//! Until it executes the command, no process of the container can look into the child or its descriptors: it is not
//! dumpable (ptrace(2)). seccomp filters cannot be taken on from another process; of what lodger's own forbid, all but
//! personality(2) also takes capabilities that containers do not have.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2};

use crate::main_process::MainProcess;

mod child;
mod clone;
mod rights;

use child::Entry;
use rights::Rights;

/// Namespaces that the command shares with the main process (namespaces(7)), and what to enter them with.
const NAMESPACES: [(&str, CloneFlags); 6] = [
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("net", CloneFlags::CLONE_NEWNET),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
];

/// What the child says when it has taken on the rights; anything else is why it could not.
const READY: u8 = 0;
/// The longest that is read of that.
const LONGEST_ERROR: u64 = 4096;

/// Environment variables.
pub type Variables = Vec<(OsString, OsString)>;

/// What is to be run, and where.
#[derive(Debug)]
pub struct Inside {
    /// The container's main process.
    pub main: MainProcess,
    /// The program, which is looked up inside if there is no "/" in it, and its arguments.
    pub command: Vec<CString>,
    /// Its environment; `MAINPID` becomes the number that the main process has inside.
    pub variables: Variables,
    /// The `cgroup.procs` of the control group that it is to run in; this process's own without.
    pub group: Option<File>,
}

/// Executes this program anew, from where no container can write to it, with these arguments; returns only if that fails. Whoever
/// calls [`Inside::run`] has to have been started in this way.
///
/// # Errors
/// When it cannot be executed.
pub fn execute_clone(arguments: &[CString]) -> Result<()> {
    let name = [c"lodgerd".to_owned()];
    let arguments: Vec<_> = name.into_iter().chain(arguments.iter().cloned()).collect();
    clone::execute(&arguments, &environment(std::env::vars_os(), None)?)
}

impl Inside {
    /// Runs the command, and waits for it. Its exit status, or 128 and the number of the signal that ended it.
    ///
    /// # Errors
    /// When the container has ended, is none, or its rights cannot be had.
    pub fn run(self) -> Result<u8> {
        let main = self.main;
        let proc = |file: &str| format!("/proc/{}/{file}", main.pid);
        let status =
            fs::read_to_string(proc("status")).context("cannot read the container's rights")?;
        let rights = Rights::parse(&status)?;
        let root = File::open(proc("root")).context("cannot open the container's root")?;
        let namespaces = namespaces_to_enter(&main)?;
        // The number meant this process all the time: it has not ended.
        if main.handle.wait(Duration::ZERO)? {
            bail!("the container has ended");
        }
        // Also for the child, before the container can see it.
        prctl::set_dumpable(false).context("cannot hide from the container")?;
        setns(&main.handle, CloneFlags::CLONE_NEWPID).context("cannot enter the PID namespace")?;
        let entry = Entry {
            environment: environment(self.variables, Some(rights.pid_inside))?,
            root: root.into(),
            namespaces: namespaces - CloneFlags::CLONE_NEWPID,
            command: self.command,
            group: self.group,
            main,
            rights,
        };
        fork_and_wait(&entry)
    }
}

/// The namespaces of the main process that are not this process's.
fn namespaces_to_enter(main: &MainProcess) -> Result<CloneFlags> {
    let link = |pid: &str, namespace: &str| {
        let link = format!("/proc/{pid}/ns/{namespace}");
        fs::read_link(&link).with_context(|| format!("cannot read '{link}'"))
    };
    let pid = main.pid.to_string();
    for namespace in ["mnt", "pid"] {
        if link(&pid, namespace)? == link("1", namespace)? {
            bail!("process {pid} is in no container: it has the host's {namespace} namespace");
        }
    }
    if link(&pid, "user")? != link("self", "user")? {
        bail!("the container has a user namespace of its own, which cannot be entered yet");
    }
    let mut flags = CloneFlags::empty();
    for (namespace, flag) in NAMESPACES {
        if link(&pid, namespace)? != link("self", namespace)? {
            flags |= flag;
        }
    }
    Ok(flags)
}

#[allow(unsafe_code, reason = "fork(2) is unsafe in programs with threads")]
fn fork_and_wait(entry: &Entry) -> Result<u8> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).context("cannot make a pipe");
    let (told, tell) = pipe()?;
    let (go, let_go) = pipe()?;
    // SAFETY: nothing in this program has started a thread before a command such as this one.
    match unsafe { fork() }.context("cannot start a process in the container")? {
        ForkResult::Child => {
            drop((told, let_go));
            entry.execute(tell, go)
        }
        ForkResult::Parent { child } => {
            drop((tell, go));
            let outcome = supervise(entry, child, told, let_go);
            // Without the pipes, a child that was not let go has ended or is about to.
            let status = waitpid(child, None).context("cannot wait for the command")?;
            outcome?;
            exit_status(status)
        }
    }
}

/// Lets the child execute the command once its rights are the container's; an error says why it did not.
fn supervise(entry: &Entry, child: Pid, told: OwnedFd, let_go: OwnedFd) -> Result<()> {
    let mut told = File::from(told).take(LONGEST_ERROR);
    let mut first = [READY];
    if told.read(&mut first)? == 0 {
        bail!("the process in the container has ended before it could run the command");
    }
    let mut error = Vec::new();
    if first == [READY] {
        let status = fs::read_to_string(format!("/proc/{child}/status"))
            .context("cannot read the rights of the command")?;
        entry.rights.require_same(&Rights::parse(&status)?)?;
        File::from(let_go).write_all(&[READY])?;
    } else {
        error.extend(first);
    }
    // Ends when the command is executed, for then the pipe is closed.
    told.read_to_end(&mut error)?;
    if !error.is_empty() {
        bail!("{}", String::from_utf8_lossy(&error));
    }
    Ok(())
}

/// As a shell has it in `$?`.
fn exit_status(status: WaitStatus) -> Result<u8> {
    match status {
        // The kernel keeps eight bits.
        WaitStatus::Exited(_, status) => Ok((status & 0xff) as u8),
        WaitStatus::Signaled(_, signal, _) => Ok(128 + signal as u8),
        other => bail!("the command has neither exited nor been killed: {other:?}"),
    }
}

/// Variables as execve(2) takes them, with the number that the main process has where the command runs, if it runs inside.
fn environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    pid_inside: Option<i32>,
) -> Result<Vec<CString>> {
    let mut environment = Vec::new();
    for (name, mut value) in variables {
        match (name.as_bytes(), pid_inside) {
            // Of the host's process, for those who know pidfds by their inode.
            (b"MAINPIDFDID", Some(_)) => continue,
            (b"MAINPID", Some(pid)) => value = pid.to_string().into(),
            _ => {}
        }
        let mut variable = name.into_vec();
        variable.push(b'=');
        variable.extend(value.into_vec());
        environment.push(CString::new(variable).context("a variable with NUL in it")?);
    }
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::Signal;

    #[test]
    fn the_exit_status_is_the_commands() {
        let pid = Pid::from_raw(1);
        for (status, expected) in [
            (WaitStatus::Exited(pid, 0), 0),
            (WaitStatus::Exited(pid, 255), 255),
            (WaitStatus::Signaled(pid, Signal::SIGKILL, false), 137),
        ] {
            assert_eq!(exit_status(status).unwrap(), expected);
        }
        assert!(exit_status(WaitStatus::StillAlive).is_err());
    }
}
