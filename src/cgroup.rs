//! A control group by its path in the hierarchy (`ControlGroup=` of a unit) in; the processes in it out.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where the control groups are.
const HIERARCHY: &str = "/sys/fs/cgroup";

/// The processes in the control group `group`, by their numbers on the host; at most `most`. None if it has no processes,
/// and so is not there: empty ones are removed. A unit that is not running has the group "".
///
/// # Errors
/// When it is there and cannot be read.
pub fn processes(group: &str, most: usize) -> Result<Vec<i32>> {
    let group = group.trim_start_matches('/');
    match group.is_empty() {
        true => Ok(Vec::new()),
        false => processes_of(Path::new(group), most),
    }
}

fn processes_of(group: &Path, most: usize) -> Result<Vec<i32>> {
    let path = Path::new(HIERARCHY).join(group).join("cgroup.procs");
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

/// The same with those in the groups below `group`, which a container with the right to may make.
///
/// # Errors
/// As for one group.
pub fn processes_below(group: &str, most: usize) -> Result<Vec<i32>> {
    let mut found = processes(group, most)?;
    if found.is_empty() && group.trim_matches('/').is_empty() {
        return Ok(found);
    }
    let top = Path::new(HIERARCHY).join(group.trim_start_matches('/'));
    let mut groups = vec![top];
    while let Some(directory) = groups.pop() {
        let below = subdirectories(&directory)
            .with_context(|| format!("cannot read '{}'", directory.display()))?;
        for directory in below {
            let group = directory.strip_prefix(HIERARCHY).unwrap_or(&directory);
            // Names of units are ASCII, and what the container called its groups is taken as it is.
            found.extend(processes_of(group, most.saturating_sub(found.len()))?);
            groups.push(directory);
        }
    }
    Ok(found)
}

/// None of a group that has none, told by its links (they are counted as those of directories are), or that has gone.
fn subdirectories(group: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::metadata(group) {
        Ok(metadata) if metadata.nlink() <= 2 => return Ok(Vec::new()),
        Ok(_) => {}
        Err(cause) if is_gone(&cause) => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    }
    let mut directories = Vec::new();
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            directories.push(entry.path());
        }
    }
    Ok(directories)
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
