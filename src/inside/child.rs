//! The process that becomes a command inside a container: where to go in; the command in its place out.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{chdir, chroot, execvpe, fchdir};

use super::READY;
use super::rights::Rights;
use crate::main_process::MainProcess;

/// All that the child needs, read outside.
pub struct Entry {
    /// Whose namespaces.
    pub main: MainProcess,
    /// Which of them, without the PID namespace: the child is born in that.
    pub namespaces: CloneFlags,
    /// The main process's root directory.
    pub root: OwnedFd,
    /// What it may do.
    pub rights: Rights,
    /// The program, which is looked up in `$PATH` if there is no "/" in it, and its arguments.
    pub command: Vec<CString>,
    /// Its environment.
    pub environment: Vec<CString>,
    /// The `cgroup.procs` of the control group to go to, if it is another.
    pub group: Option<File>,
}

impl Entry {
    /// Becomes the command. Says through `tell` when all is done but that, and waits for a word through `go`.
    pub fn execute(&self, tell: OwnedFd, go: OwnedFd) -> ! {
        let mut tell = File::from(tell);
        let Err(error) = self.become_command(&mut tell, go);
        // If nobody is left to read it, nobody is left to tell.
        let _ = write!(tell, "{error:#}");
        std::process::exit(1)
    }

    fn become_command(&self, tell: &mut File, go: OwnedFd) -> Result<Infallible> {
        if let Some(mut group) = self.group.as_ref() {
            // This process, whatever its number.
            let joined = group.write_all(b"0");
            joined.context("cannot join the container's control group")?;
        }
        setns(&self.main.handle, self.namespaces).context("cannot enter the container")?;
        fchdir(&self.root)
            .and_then(|()| chroot("."))
            .and_then(|()| chdir("/"))
            .context("cannot enter the container's root")?;
        keep_only_standard_streams().context("cannot close descriptors")?;
        self.rights.take_on()?;
        // A change of rights would reset it. What is killed when the command takes too long is the parent.
        prctl::set_pdeathsig(Signal::SIGKILL).context("cannot bind the command to its parent")?;
        tell.write_all(&[READY])?;
        if File::from(go).read(&mut [0])? == 0 {
            bail!("the parent has ended");
        }
        let Some(program) = self.command.first() else {
            bail!("no command");
        };
        execvpe(program, &self.command, &self.environment).with_context(|| {
            let program = program.to_string_lossy();
            format!("cannot execute '{program}' in the container")
        })
    }
}

/// All others are closed when the command is executed.
#[allow(unsafe_code, reason = "nix 0.31 has no close_range(2)")]
fn keep_only_standard_streams() -> Result<(), Errno> {
    // SAFETY: takes integers; marks descriptors, and closes none that is in use here.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            libc::STDERR_FILENO + 1,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    Errno::result(result).map(drop)
}
