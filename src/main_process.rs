//! The number of a service's main process in, `$MAINPID` or systemd's word, or its control group; that process, held by a
//! descriptor, out.
//!
//! A payload can tell systemd which of its processes is the main one (`MAINPID=` in sd_notify(3)), and from a payload that
//! is root systemd takes any process of the host. What is not in the service's own control group is therefore refused:
//! it would be stopped, or its namespaces entered, in the container's name.

use std::fs;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::cgroup::{self, is_gone};
use crate::pidfd::PidFd;

/// The main process is the oldest, and so one of the first.
const MOST_PROCESSES: usize = 64;

/// The main process of a service.
#[derive(Debug)]
pub struct MainProcess {
    /// Its number on the host. It means this process as long as `handle` says that it has not ended.
    pub pid: i32,
    /// The process itself.
    pub handle: PidFd,
}

impl MainProcess {
    /// That of the service this command belongs to; `None` if it has ended, or systemd knows of none.
    ///
    /// # Errors
    /// When `$MAINPID` is no process number or names a process of another control group.
    pub fn of_this_service() -> Result<Option<Self>> {
        Self::of_service(&own_group()?)
    }

    /// `$MAINPID`, of the service with the control group `service`; `None` if it has ended, or there is none.
    ///
    /// # Errors
    /// When `$MAINPID` is no process number or names a process of another control group.
    pub fn of_service(service: &str) -> Result<Option<Self>> {
        let Ok(text) = std::env::var("MAINPID") else {
            return Ok(None);
        };
        let pid = text.parse().ok().filter(|pid| *pid > 1);
        let pid = pid.with_context(|| format!("$MAINPID is '{text}'"))?;
        Self::in_service(pid, service)
    }

    /// The process with this number, of the service with the control group `service`; `None` if it has ended.
    ///
    /// # Errors
    /// When it is a process of another control group.
    pub fn in_service(pid: i32, service: &str) -> Result<Option<Self>> {
        let Some(main) = Self::open(pid)? else {
            return Ok(None);
        };
        let Some(group) = cgroup::of(&pid.to_string())? else {
            return Ok(None);
        };
        if !is_of_service(&group, service) {
            bail!("process {pid} is one of '{group}' and no main process of '{service}'");
        }
        Ok(Some(main))
    }

    /// Process 1 of the PID namespace of the service this command belongs to, whatever systemd knows of it; `None` if it has none.
    ///
    /// # Errors
    /// When its processes cannot be looked at.
    pub fn of_own_namespace() -> Result<Option<Self>> {
        Self::of_namespace(service_of(&own_group()?))
    }

    /// Process 1 of a PID namespace among those of the service with the control group `service`; `None` if it has none.
    ///
    /// # Errors
    /// When they cannot be looked at.
    pub fn of_namespace(service: &str) -> Result<Option<Self>> {
        for pid in cgroup::processes(service, MOST_PROCESSES)? {
            match fs::read_to_string(format!("/proc/{pid}/status")) {
                Ok(status) if is_process_1(&status) => return Self::in_service(pid, service),
                Ok(_) => {}
                Err(cause) if is_gone(&cause) => {}
                Err(cause) => {
                    return Err(cause).with_context(|| format!("cannot look at process {pid}"));
                }
            }
        }
        Ok(None)
    }

    /// Holds the process with this number; `None` if there is none.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open(pid: i32) -> Result<Option<Self>> {
        match PidFd::open(pid) {
            Ok(handle) => Ok(Some(Self { pid, handle })),
            Err(Errno::ESRCH) => Ok(None),
            Err(cause) => Err(cause).with_context(|| format!("cannot hold on to process {pid}")),
        }
    }
}

/// Whether a process with this `/proc/PID/status` has the number 1 in its own PID namespace, and another one here
/// (proc_pid_status(5), "NSpid").
fn is_process_1(status: &str) -> bool {
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let mut numbers = numbers.unwrap_or_default().split_ascii_whitespace();
    let here = numbers.next();
    here.is_some() && numbers.next_back() == Some("1")
}

/// The control group of this process.
fn own_group() -> Result<String> {
    cgroup::of("self")?.context("this process has no control group")
}

/// The control group of the service one of whose commands runs in `own`. systemd puts commands in `.control` where the service
/// manages its control group itself (`Delegate=`).
fn service_of(own: &str) -> &str {
    own.strip_suffix("/.control").unwrap_or(own)
}

/// Whether a process in the control group `group` belongs to the service one of whose commands runs in `own`.
fn is_of_service(group: &str, own: &str) -> bool {
    let service = service_of(own);
    // In the root of the hierarchy is no service.
    let below = group.strip_prefix(service.trim_end_matches('/'));
    service.len() > 1 && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processes_of_the_service_are_its_own() {
        let web = "/lodger.slice/lodger-web.service";
        for (group, own, expected) in [
            (web, web, true),
            ("/lodger.slice/lodger-web.service/sub", web, true),
            (web, "/lodger.slice/lodger-web.service/.control", true),
            ("/lodger.slice/lodger-web.service2", web, false),
            ("/lodger.slice/lodger-db.service", web, false),
            ("/system.slice/ssh.service", web, false),
            ("/lodger.slice", web, false),
            ("/", web, false),
            ("/", "/", false),
            ("/system.slice/ssh.service", "/", false),
        ] {
            assert_eq!(is_of_service(group, own), expected, "{group} {own}");
        }
    }

    #[test]
    fn process_1_is_told_by_its_numbers() {
        for (expected, status) in [
            (true, "Name:\tx\nNSpid:\t4711\t1\n"),
            (true, "NSpid:\t4711\t12\t1\n"),
            (false, "NSpid:\t4711\t12\n"),
            (false, "NSpid:\t1\n"),
            (false, "NSpid:\t1\t\n"),
            (false, "Name:\tNSpid:\n"),
            (false, ""),
        ] {
            assert_eq!(is_process_1(status), expected, "{status}");
        }
    }

    #[test]
    fn a_process_that_has_ended_is_none() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        assert!(MainProcess::open(pid).unwrap().is_none());
    }
}
