//! A process in; the regular files that it has open, as their descriptors tell, and those of them that the host no longer has, out.
//!
//! Nothing is opened or asked of the files themselves but for those on the container's own root: one on a filesystem that the
//! container serves could keep whoever asks waiting for ever.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use anyhow::Result;
use nix::dir::Dir;
use nix::libc;

use super::look::Sight;
use super::maps::{self, Mapping};
use super::process::{Buffer, Process};
use super::{MOST_DESCRIPTORS, Scanner, Subject};

/// The most descriptors that are looked for without a list.
const MOST_WITHOUT_LIST: usize = 1024;

/// The open files of one process, by the numbers of their descriptors.
pub struct OpenFiles<'a>(&'a Process);

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
    pub fn of(process: &'a Process) -> Self {
        Self(process)
    }

    /// How many there are, as far as the kernel tells: 0 if it does not (before 6.2; proc_pid_fd(5)).
    ///
    /// # Errors
    /// When the process has ended.
    pub fn count(&self) -> Result<usize> {
        Ok(usize::try_from(self.0.status("fd")?.st_size).unwrap_or(0))
    }

    /// The descriptors from `first` on, at most `most`, and whether those are all. The kernel looks at every number that the
    /// process could use, and that takes longer than all else.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn descriptors(&self, first: u32, most: usize) -> Result<(Vec<u32>, bool)> {
        let mut directory = Dir::from_fd(self.0.directory("fd")?)?;
        let mut descriptors = Vec::new();
        for entry in directory.iter() {
            let number = entry?
                .file_name()
                .to_str()
                .ok()
                .and_then(|name| name.parse().ok());
            let Some(number) = number.filter(|number| *number >= first) else {
                continue;
            };
            if descriptors.len() == most {
                return Ok((descriptors, false));
            }
            descriptors.push(number);
        }
        Ok((descriptors, true))
    }

    /// What the kernel calls the file; `None` if it is closed by now.
    pub fn name(&self, descriptor: u32) -> Option<Vec<u8>> {
        // Closed, or the process has ended: then it does not have the file open.
        let name = self.0.link(&format!("fd/{descriptor}")).ok()?;
        Some(name.into_vec())
    }

    /// Where the file is; `None` if it is closed by now.
    pub fn place(&self, descriptor: u32, buffer: &mut Buffer) -> Option<Place> {
        self.0.read(&format!("fdinfo/{descriptor}"), buffer).ok()?;
        parse_place(buffer.text())
    }

    /// Whether it is a regular file. Only for what lies on the container's root.
    pub fn is_regular(&self, descriptor: u32) -> bool {
        let stat = self.0.status(&format!("fd/{descriptor}"));
        stat.is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG)
    }
}

impl Scanner {
    /// Adds what the process has open and the host no longer has like that.
    ///
    /// # Errors
    /// When the process has ended, or something cannot be looked up.
    pub(super) fn look_at_open_files(
        &mut self,
        subject: &mut Subject<'_>,
        sight: &Sight<'_>,
    ) -> Result<()> {
        let files = OpenFiles::of(sight.process);
        let count = files.count()?;
        // Most processes have them from 0 on without a gap: then nothing has to be listed.
        let mut next = 0;
        while (next as usize) < count.min(MOST_WITHOUT_LIST) {
            let Some(name) = files.name(next) else { break };
            self.look_at_open_file(subject, sight, &files, next, &name)?;
            next += 1;
        }
        subject.descriptors += next as usize;
        if count > 0 && next as usize == count {
            return Ok(());
        }
        let most = MOST_DESCRIPTORS.saturating_sub(subject.descriptors);
        let (descriptors, is_all) = files.descriptors(next, most)?;
        subject.descriptors += descriptors.len();
        if !is_all {
            let why = "too many open files to look at".to_owned();
            let program = sight.process.program().ok();
            subject.found.add_undecided(sight.pid, program, why);
        }
        for descriptor in descriptors {
            if let Some(name) = files.name(descriptor) {
                self.look_at_open_file(subject, sight, &files, descriptor, &name)?;
            }
        }
        Ok(())
    }

    fn look_at_open_file(
        &mut self,
        subject: &mut Subject<'_>,
        sight: &Sight<'_>,
        files: &OpenFiles<'_>,
        descriptor: u32,
        name: &[u8],
    ) -> Result<()> {
        if !maps::may_be_seen(name) {
            return Ok(());
        }
        if let Some(path) = self.stale_open_file(subject, sight, files, descriptor, name)? {
            subject.found.add_open(sight.pid, path);
        }
        Ok(())
    }

    fn stale_open_file(
        &mut self,
        subject: &mut Subject<'_>,
        sight: &Sight<'_>,
        files: &OpenFiles<'_>,
        descriptor: u32,
        name: &[u8],
    ) -> Result<Option<PathBuf>> {
        let Some(place) = files.place(descriptor, &mut self.text) else {
            return Ok(None);
        };
        let view = self.view(subject, sight)?;
        let mut mounts = view.mounts.iter();
        let Some(mount) = mounts.find(|mount| mount.id == place.mount) else {
            return Ok(None);
        };
        let mapping = Mapping {
            device: mount.device,
            inode: place.inode,
            name,
        };
        // A directory of a base is never that of another one.
        let path = self.stale_path(sight.process, &view, &mapping)?;
        let path = path.filter(|_| files.is_regular(descriptor));
        Ok(match path.is_some() && self.is_member(subject, sight)? {
            true => path,
            false => None,
        })
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
        let open = OpenFiles::of(&process);
        let descriptor = u32::try_from(file.as_raw_fd()).unwrap();
        let (all, is_all) = open.descriptors(0, 100_000).unwrap();
        assert!(is_all && all.contains(&descriptor));
        assert!(!open.descriptors(0, 1).unwrap().1);
        let (others, _) = open.descriptors(descriptor + 1, 100_000).unwrap();
        assert!(!others.contains(&descriptor));
        assert_eq!(
            open.name(descriptor).unwrap(),
            path.as_os_str().as_encoded_bytes()
        );
        assert!(open.is_regular(descriptor));
        let mut buffer = Buffer::new(1 << 16);
        let place = open.place(descriptor, &mut buffer).unwrap();
        assert_eq!(place.inode, file.metadata().unwrap().ino());
        drop(file);
        assert_eq!(open.name(u32::MAX), None);
    }
}
