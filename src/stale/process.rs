//! One process: its number in, texts of its directory in /proc out.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::Result;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};

use super::MOST_BYTES;
use crate::cgroup::is_gone;

/// A process pinned by its directory in /proc: once it has ended, reads fail, and never tell of another.
pub struct Process(OwnedFd);

impl Process {
    pub fn open(pid: i32) -> Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(nix::fcntl::open(
            Path::new(&format!("/proc/{pid}")),
            flags,
            Mode::empty(),
        )?))
    }

    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let file = openat(
            &self.0,
            name,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        let mut text = Vec::new();
        File::from(file).take(MOST_BYTES).read_to_end(&mut text)?;
        Ok(text)
    }

    /// Its number may have come to another process between listing and opening.
    pub fn is_in(&self, cgroup: &str) -> Result<bool> {
        let text = self.read("cgroup")?;
        Ok(text
            .split(|byte| *byte == b'\n')
            .any(|line| line.strip_prefix(b"0::") == Some(cgroup.as_bytes())))
    }

    /// Device and inode of its root.
    pub fn root(&self) -> Result<Identity> {
        self.identity_of("root", OFlag::O_PATH)
    }

    /// The inode of its /usr. A directory that an overlay merges keeps the number that it has in the lower.
    pub fn usr(&self) -> Result<u64> {
        let (_, inode) = self.identity_of("root/usr", OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
        Ok(inode)
    }

    fn identity_of(&self, path: &str, flags: OFlag) -> Result<Identity> {
        identity(&openat(
            &self.0,
            path,
            flags | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?)
    }
}

/// Device and inode number of a directory.
pub type Identity = (u64, u64);

/// Those of an open one.
pub fn identity(directory: &OwnedFd) -> Result<Identity> {
    let stat = fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}

pub fn has_ended(cause: &anyhow::Error) -> bool {
    match cause.downcast_ref::<Errno>() {
        Some(errno) => is_gone(&io::Error::from(*errno)),
        None => cause.downcast_ref::<io::Error>().is_some_and(is_gone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_on_the_hosts_own_root_is_not_the_payload() {
        let own = Process::open(i32::try_from(std::process::id()).unwrap()).unwrap();
        let root: OwnedFd = File::open("/").unwrap().into();
        let other: OwnedFd = File::open(std::env::temp_dir()).unwrap().into();
        assert_eq!(own.root().unwrap(), identity(&root).unwrap());
        assert_ne!(own.root().unwrap(), identity(&other).unwrap());
    }
}
