//! A control group by its path in the hierarchy (`ControlGroup=` of a unit) in; the processes in it out.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

/// The processes in the control group `group`, by their numbers on the host; at most `most`. None if it has no processes,
/// and so is not there: empty ones are removed. A unit that is not running has the group "".
///
/// # Errors
/// When it is there and cannot be read.
pub fn processes(group: &str, most: usize) -> Result<Vec<i32>> {
    let group = group.trim_start_matches('/');
    if group.is_empty() {
        return Ok(Vec::new());
    }
    let path = Path::new("/sys/fs/cgroup").join(group).join("cgroup.procs");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text
            .lines()
            .filter_map(|line| line.parse().ok())
            .take(most)
            .collect()),
        Err(cause) if is_gone(&cause) => Ok(Vec::new()),
        Err(cause) => Err(cause).with_context(|| format!("cannot read '{}'", path.display())),
    }
}

/// The control group of the process `pid` ("self" for this one) in the unified hierarchy; `None` if it has ended.
///
/// # Errors
/// When it cannot be read.
pub fn of(pid: &str) -> Result<Option<String>> {
    match fs::read_to_string(format!("/proc/{pid}/cgroup")) {
        Ok(text) => Ok(text
            .lines()
            .find_map(|line| line.strip_prefix("0::"))
            .map(str::to_owned)),
        Err(cause) if is_gone(&cause) => Ok(None),
        Err(cause) => {
            Err(cause).with_context(|| format!("cannot read the control group of process {pid}"))
        }
    }
}

/// What the kernel says of a process, or of a control group, that has just gone.
pub fn is_gone(cause: &io::Error) -> bool {
    matches!(
        cause.raw_os_error(),
        Some(nix::libc::ENOENT | nix::libc::ESRCH)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_group_is_not_the_root_of_the_hierarchy() {
        for group in ["", "/", "/lodger.slice/no-such.service"] {
            assert!(processes(group, 10).unwrap().is_empty(), "{group}");
        }
    }
}
