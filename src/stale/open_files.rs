//! A process in; the regular files that it has open, as their descriptors tell, out.
//!
//! Nothing is opened or asked of the files themselves but for those on the container's own root: one on a filesystem that the
//! container serves could keep whoever asks waiting for ever.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStringExt;

use anyhow::Result;
use nix::dir::Dir;
use nix::fcntl::{AtFlags, readlinkat};
use nix::libc;
use nix::sys::stat::fstatat;

use super::process::{Buffer, Process};

/// The open files of one process.
pub struct OpenFiles<'a> {
    process: &'a Process,
    directory: Dir,
}

/// Which file it is, by `/proc/PID/fdinfo` (proc_pid_fdinfo(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of its mount.
    pub mount: u64,
    /// Its inode number.
    pub inode: u64,
}

impl<'a> OpenFiles<'a> {
    /// Those of `process`.
    ///
    /// # Errors
    /// When it has ended.
    pub fn of(process: &'a Process) -> Result<Self> {
        Ok(Self {
            process,
            directory: Dir::from_fd(process.directory("fd")?)?,
        })
    }

    /// The numbers of at most `most` descriptors, and whether those are all.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn descriptors(&mut self, most: usize) -> Result<(Vec<CString>, bool)> {
        let mut descriptors = Vec::new();
        for entry in self.directory.iter() {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            if descriptors.len() == most {
                return Ok((descriptors, false));
            }
            descriptors.push(name.to_owned());
        }
        Ok((descriptors, true))
    }

    /// What the kernel calls the file; `None` if it is closed by now.
    pub fn name(&self, descriptor: &CStr) -> Option<Vec<u8>> {
        // Closed, or the process has ended: then it does not have the file open.
        let name = readlinkat(&self.directory, descriptor).ok()?;
        Some(name.into_vec())
    }

    /// Where the file is; `None` if it is closed by now.
    pub fn place(&self, descriptor: &CStr, buffer: &mut Buffer) -> Option<Place> {
        let file = format!("fdinfo/{}", descriptor.to_str().ok()?);
        self.process.read(&file, buffer).ok()?;
        parse_place(buffer.text())
    }

    /// Whether it is a regular file. Only for what lies on the container's root.
    pub fn is_regular(&self, descriptor: &CStr) -> bool {
        let stat = fstatat(&self.directory, descriptor, AtFlags::empty());
        stat.is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG)
    }
}

fn parse_place(text: &[u8]) -> Option<Place> {
    let value = |key: &str| {
        let mut lines = text.split(|byte| *byte == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(key.as_bytes()))?;
        str::from_utf8(value).ok()?.trim().parse().ok()
    };
    Some(Place {
        mount: value("mnt_id:")?,
        inode: value("ino:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_place_of_a_file_is_read() {
        let text = b"pos:\t0\nflags:\t0100000\nmnt_id:\t29\nino:\t10019761\nlock:\t1: ino:\n";
        let place = Place {
            mount: 29,
            inode: 10_019_761,
        };
        assert_eq!(parse_place(text), Some(place));
        assert_eq!(parse_place(b"pos:\t0\nmnt_id:\t29\n"), None);
    }

    #[test]
    fn an_open_file_is_found_under_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a\nb (deleted)");
        std::fs::write(&path, "").unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let process = Process::open(i32::try_from(std::process::id()).unwrap()).unwrap();
        let mut open = OpenFiles::of(&process).unwrap();
        let descriptor = CString::new(file.as_raw_fd().to_string()).unwrap();
        let (all, is_all) = open.descriptors(100_000).unwrap();
        assert!(is_all && all.contains(&descriptor));
        assert!(!open.descriptors(1).unwrap().1);
        assert_eq!(
            open.name(&descriptor).unwrap(),
            path.as_os_str().as_encoded_bytes()
        );
        assert!(open.is_regular(&descriptor));
        let mut buffer = Buffer::new(1 << 16);
        let place = open.place(&descriptor, &mut buffer).unwrap();
        assert_eq!(place.inode, file.metadata().unwrap().ino());
        drop(file);
        assert_eq!(open.name(c"none"), None);
    }
}
