//! A control group by its path in the hierarchy (`ControlGroup=` of a unit) in; the processes in it out.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Where the control groups are.
const HIERARCHY: &str = "/sys/fs/cgroup";

/// The most groups below one that are looked at.
const MOST_GROUPS: usize = 10_000;
/// How much is read at once; the kernel gives no more than a page.
const STEP: usize = 4096;

/// The processes in the control group `group`, by their numbers on the host; at most `most`. None if it has no processes,
/// and so is not there: empty ones are removed. A unit that is not running has the group "".
///
/// # Errors
/// When it is there and cannot be read.
pub fn processes(group: &str, most: usize) -> Result<Vec<i32>> {
    Group::of(group).own_processes(most)
}

/// Whether there is a control group of this path.
pub fn is_there(group: &str) -> bool {
    Path::new(HIERARCHY).join(group.trim_matches('/')).is_dir()
}

/// A control group whose processes are listed, again and again.
#[derive(Debug)]
pub struct Group {
    /// `None` for the group of a unit that is not running.
    directory: Option<PathBuf>,
    /// Its list, once it was open.
    list: Option<File>,
}

impl Group {
    /// The group of this path in the hierarchy.
    pub fn of(group: &str) -> Self {
        let group = group.trim_matches('/');
        Self {
            directory: (!group.is_empty()).then(|| Path::new(HIERARCHY).join(group)),
            list: None,
        }
    }

    /// The processes in the groups below it, which a container with the right to may make; at most `most`, or some more.
    ///
    /// # Errors
    /// When a group is there and cannot be read, or there are very many.
    pub fn processes_below(&self, most: usize) -> Result<Vec<i32>> {
        let mut found = Vec::new();
        let mut groups: Vec<PathBuf> = self.directory.iter().cloned().collect();
        let mut count = 0;
        while let Some(directory) = groups.pop() {
            for directory in subdirectories(&directory).with_context(|| unreadable(&directory))? {
                count += 1;
                if count > MOST_GROUPS {
                    bail!("there are more than {MOST_GROUPS} control groups");
                }
                if found.len() >= most {
                    return Ok(found);
                }
                let mut below = Self {
                    directory: Some(directory.clone()),
                    list: None,
                };
                found.extend(below.own_processes(most)?);
                groups.push(directory);
            }
        }
        Ok(found)
    }

    /// The processes in the group itself.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn own_processes(&mut self, most: usize) -> Result<Vec<i32>> {
        let Some(directory) = &self.directory else {
            return Ok(Vec::new());
        };
        let list = directory.join("cgroup.procs");
        let pids = match &self.list {
            Some(list) => read_list(list, most),
            None => File::open(&list).and_then(|file| read_list(self.list.insert(file), most)),
        };
        match pids {
            Ok(pids) => Ok(pids),
            Err(cause) if is_gone(&cause) => Ok(Vec::new()),
            // Of a group of threads; its processes are told by the group above (cgroup-v2.rst, "Threads").
            Err(cause) if cause.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => Ok(Vec::new()),
            Err(cause) => Err(cause).with_context(|| unreadable(&list)),
        }
    }
}

fn unreadable(path: &Path) -> String {
    format!("cannot read '{}'", path.display())
}

/// From the start of the file, wherever it was read before.
fn read_list(list: &File, most: usize) -> io::Result<Vec<i32>> {
    let (mut pids, mut number, mut offset) = (Vec::new(), 0i32, 0);
    let mut text = [0; STEP];
    while pids.len() < most {
        let count = list.read_at(&mut text, offset)?;
        if count == 0 {
            break;
        }
        offset += count as u64;
        for byte in &text[..count] {
            match byte {
                b'0'..=b'9' => number = number.wrapping_mul(10) + i32::from(byte - b'0'),
                // 0 is a process that this pid namespace does not see.
                _ if number > 0 => {
                    pids.push(number);
                    number = 0;
                }
                _ => number = 0,
            }
        }
    }
    pids.truncate(most);
    Ok(pids)
}

/// None of a group that has none, told by its links (they are counted as those of directories are), or that has gone.
fn subdirectories(group: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::metadata(group) {
        Ok(metadata) if metadata.nlink() <= 2 => return Ok(Vec::new()),
        Ok(_) => {}
        Err(cause) if is_gone(&cause) => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    }
    let entries = match fs::read_dir(group) {
        Ok(entries) => entries,
        Err(cause) if is_gone(&cause) => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    };
    let mut directories = Vec::new();
    for entry in entries {
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
    fn a_list_is_read_whole_and_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cgroup.procs");
        let pids: Vec<i32> = (1..5000).map(|number| number * 800).collect();
        let text: Vec<String> = pids.iter().map(|pid| format!("{pid}\n")).collect();
        fs::write(&path, text.concat() + "0\n").unwrap();
        fs::create_dir(directory.path().join("below")).unwrap();
        fs::write(directory.path().join("below/cgroup.procs"), "7\n").unwrap();
        let mut group = Group {
            directory: Some(directory.path().to_path_buf()),
            list: None,
        };
        for _ in 0..2 {
            assert_eq!(group.own_processes(10_000).unwrap(), pids);
        }
        assert_eq!(group.own_processes(3).unwrap(), pids[..3]);
        assert_eq!(group.processes_below(10_000).unwrap(), [7]);
    }

    #[test]
    fn no_group_is_not_the_root_of_the_hierarchy() {
        for group in ["", "/", "/lodger.slice/no-such.service"] {
            assert!(processes(group, 10).unwrap().is_empty(), "{group}");
        }
    }
}
