//! One process: its number in, texts of its directory in /proc out.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::read;

use crate::cgroup::is_gone;

/// How much is read at once at least; the kernel gives about a page of maps a time.
const STEP: usize = 16 << 10;

/// What was read last, in memory that is used again.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    most: usize,
}

impl Buffer {
    /// For texts of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            filled: 0,
            most,
        }
    }

    /// What was read.
    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Whether there was more, which was not read.
    pub fn is_full(&self) -> bool {
        self.filled >= self.most
    }

    pub fn fill(&mut self, file: impl AsFd) -> Result<()> {
        self.filled = 0;
        while !self.is_full() {
            if self.bytes.len() < self.filled + STEP {
                // By at least half, or long texts would be copied again and again.
                let larger = self.bytes.len() + self.bytes.len() / 2;
                self.bytes.resize(larger.max(self.filled + STEP), 0);
            }
            match read(&file, &mut self.bytes[self.filled..]) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(Errno::EINTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }
}

/// A process pinned by its directory in /proc: once it has ended, reads fail, and never tell of another.
pub struct Process {
    directory: OwnedFd,
    root: Identity,
}

impl Process {
    /// The process with this number. Once its first thread has ended, its directory tells nothing any more, however many others go
    /// on (pthread_exit(3)): then that of one of those.
    ///
    /// # Errors
    /// When there is none, or all its threads have ended: [`has_ended`].
    pub fn open(pid: i32) -> Result<Self> {
        let directory = open_directory(&format!("/proc/{pid}"))?;
        match identity_at(&directory, "root", AtFlags::empty()) {
            Err(cause) if has_ended(&cause) => Self::open_thread(pid, &directory),
            root => Ok(Self {
                root: root?,
                directory,
            }),
        }
    }

    /// One of its threads that has not ended.
    fn open_thread(pid: i32, directory: &OwnedFd) -> Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let threads = openat(directory, "task", flags, Mode::empty())?;
        for entry in Dir::from_fd(threads)?.iter() {
            let entry = entry?;
            let Ok(thread) = entry.file_name().to_str().unwrap_or("").parse::<i32>() else {
                continue;
            };
            let Ok(directory) = open_directory(&format!("/proc/{pid}/task/{thread}")) else {
                continue;
            };
            if let Ok(root) = identity_at(&directory, "root", AtFlags::empty()) {
                return Ok(Self { directory, root });
            }
        }
        Err(Errno::ESRCH.into())
    }

    pub fn file(&self, name: &str) -> Result<OwnedFd> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Ok(openat(&self.directory, name, flags, Mode::empty())?)
    }

    pub fn read(&self, name: &str, buffer: &mut Buffer) -> Result<()> {
        buffer.fill(self.file(name)?)
    }

    /// A directory of its, to be listed.
    pub fn directory(&self, name: &str) -> Result<OwnedFd> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(openat(&self.directory, name, flags, Mode::empty())?)
    }

    /// Whether it is in the control group `cgroup`, or in one below. Its number may have come to another process between
    /// listing and opening.
    pub fn is_in(&self, cgroup: &str, buffer: &mut Buffer) -> Result<bool> {
        self.read("cgroup", buffer)?;
        let lines = buffer.text().split(|byte| *byte == b'\n');
        let mut groups = lines.filter_map(|line| line.strip_prefix(b"0::"));
        Ok(groups.any(|group| {
            group
                .strip_prefix(cgroup.as_bytes())
                .is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
        }))
    }

    /// Its root, to look below it.
    pub fn root_directory(&self) -> Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(openat(&self.directory, "root", flags, Mode::empty())?)
    }

    /// Device and inode of its root, as it was when it was opened.
    pub fn root(&self) -> Identity {
        self.root
    }

    /// Device and inode of what is at the path below its root, a link itself; `None` if there is nothing. A directory that an
    /// overlay merges has the number that it has in the lower, if all layers are on one filesystem.
    pub fn below_root(&self, path: &str) -> Option<Identity> {
        let path = format!("root/{path}");
        identity_at(&self.directory, &path, AtFlags::AT_SYMLINK_NOFOLLOW).ok()
    }

    /// Its mount namespace.
    pub fn mounts(&self) -> Result<Identity> {
        identity_at(&self.directory, "ns/mnt", AtFlags::empty())
    }

    /// What a link of its directory says.
    pub fn link(&self, name: &str) -> Result<OsString> {
        Ok(readlinkat(&self.directory, name)?)
    }

    /// The path of its program, as it sees it. What lies there may be something else.
    pub fn program(&self) -> Result<PathBuf> {
        let program = self.link("exe")?.into_vec();
        let path = program.strip_suffix(b" (deleted)").unwrap_or(&program);
        Ok(PathBuf::from(OsString::from_vec(path.to_vec())))
    }

    /// The page faults of children that have ended, and that it has waited for (`cminflt`, proc_pid_stat(5)). `None` if that
    /// cannot be told. A child that runs the smallest program leaves more than 70.
    pub fn faults_of_children(&self, buffer: &mut Buffer) -> Result<Option<u64>> {
        self.read("stat", buffer)?;
        Ok(faults_of_children(buffer.text()))
    }

    /// Whether it is process 1 of a pid namespace of its own.
    pub fn is_first(&self, buffer: &mut Buffer) -> Result<bool> {
        self.read("status", buffer)?;
        Ok(is_first(buffer.text()))
    }

    /// Of what the path in its directory leads to.
    pub fn status(&self, path: &str) -> Result<FileStat> {
        Ok(fstatat(&self.directory, path, AtFlags::empty())?)
    }
}

fn open_directory(path: &str) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(Path::new(path), flags, Mode::empty())?)
}

fn identity_at(directory: &OwnedFd, path: &str, flags: AtFlags) -> Result<Identity> {
    let stat = fstatat(directory, path, flags)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// `cminflt` and `cmajflt`. The name of the program comes before, in brackets, and may hold anything.
fn faults_of_children(stat: &[u8]) -> Option<u64> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(&stat[end + 1..]).ok()?;
    let mut fields = fields.split_ascii_whitespace().skip(8);
    let minor: u64 = fields.next()?.parse().ok()?;
    let major: u64 = fields.nth(1)?.parse().ok()?;
    Some(minor + major)
}

/// `NSpid:` has its number in each pid namespace, from the outermost on.
fn is_first(status: &[u8]) -> bool {
    let mut lines = status.split(|byte| *byte == b'\n');
    let numbers = lines.find_map(|line| line.strip_prefix(b"NSpid:"));
    let numbers = numbers.and_then(|numbers| str::from_utf8(numbers).ok());
    let mut numbers = numbers.unwrap_or_default().split_ascii_whitespace();
    numbers.clone().count() > 1 && numbers.next_back() == Some("1")
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
    use crate::threads::tests::WithoutFirst;
    use std::fs::File;

    fn own() -> Process {
        Process::open(i32::try_from(std::process::id()).unwrap()).unwrap()
    }

    #[test]
    fn a_process_on_the_hosts_own_root_is_not_the_payload() {
        let root: OwnedFd = File::open("/").unwrap().into();
        let other: OwnedFd = File::open(std::env::temp_dir()).unwrap().into();
        assert_eq!(own().root(), identity(&root).unwrap());
        assert_ne!(own().root(), identity(&other).unwrap());
    }

    #[test]
    fn a_process_goes_on_without_its_first_thread() {
        let process = WithoutFirst::start();
        let found = Process::open(process.pid()).unwrap();
        assert_eq!(found.root(), own().root());
        assert_eq!(found.program().unwrap(), own().program().unwrap());
        let mut maps = Buffer::new(1 << 20);
        found.read("maps", &mut maps).unwrap();
        assert_ne!(maps.text(), b"");
        process.end();
        assert!(has_ended(&Process::open(process.pid()).err().unwrap()));
    }

    #[test]
    fn children_that_have_ended_leave_their_page_faults() {
        let stat = b"7 (a) b\n) S 1 2 3 4 5 6 100 %1 0 %2 9 9\n";
        let stat = |minor: &str, major: &str| {
            let text = String::from_utf8_lossy(stat).replace("%1", minor);
            faults_of_children(text.replace("%2", major).as_bytes())
        };
        assert_eq!(stat("0", "0"), Some(0));
        assert_eq!(stat("3", "1"), Some(4));
        assert_eq!(stat("x", "0"), None);
        assert_eq!(faults_of_children(b"7 (a"), None);
        std::process::Command::new("/bin/true").status().unwrap();
        let faults = own().faults_of_children(&mut Buffer::new(1 << 16));
        assert!(faults.unwrap().is_some_and(|faults| faults > 0));
    }

    #[test]
    fn the_first_process_of_a_namespace_is_known() {
        assert!(is_first(
            b"Name:\tsh\nPid:\t7\nNSpid:\t70\t7\t1\nNSpgid:\t7\n"
        ));
        assert!(!is_first(b"Name:\tsh\nNSpid:\t70\t12\n"));
        // The host's own.
        assert!(!is_first(b"NSpid:\t1\n"));
        assert!(!is_first(b"Name:\tsh\n"));
    }

    #[test]
    fn long_texts_are_read_whole_and_too_long_ones_to_the_limit() {
        let text: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &text).unwrap();
        let mut buffer = Buffer::new(1 << 20);
        for _ in 0..2 {
            buffer.fill(File::open(file.path()).unwrap()).unwrap();
            assert_eq!(buffer.text(), text);
            assert!(!buffer.is_full());
        }
        let mut small = Buffer::new(1000);
        small.fill(File::open(file.path()).unwrap()).unwrap();
        assert!(small.is_full() && text.starts_with(small.text()));
        buffer.fill(File::open("/dev/null").unwrap()).unwrap();
        assert_eq!(buffer.text(), b"");
    }

    #[test]
    fn a_process_is_in_its_group_and_in_those_above() {
        let mut buffer = Buffer::new(1 << 20);
        let group = crate::cgroup::of("self").unwrap();
        let Some(group) = group else { return };
        assert!(own().is_in(&group, &mut buffer).unwrap());
        assert!(
            !own()
                .is_in(&format!("{group}/no-such"), &mut buffer)
                .unwrap()
        );
        let shorter = &group[..group.len() - 1];
        if !shorter.is_empty() {
            assert!(!own().is_in(shorter, &mut buffer).unwrap(), "{shorter}");
        }
    }
}
