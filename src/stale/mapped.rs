//! A process's open `maps` in; whether it maps nothing but files that are known to be current, by their inodes alone, out.
//!
//! Of what a look at a process takes, the kernel spends most on writing the paths of its mappings. It can be asked for the
//! inodes without them (PROCMAP_QUERY, Linux 6.11 and newer, `linux/fs.h`).

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

use crate::refresh::interpreter;

/// The most inodes that are remembered.
const MOST_REMEMBERED: usize = 200_000;
/// The most mappings of one process that are asked for; where there are more, their text is read faster.
const MOST_ASKED: usize = 1000;
/// `PROCMAP_QUERY_COVERING_OR_NEXT_VMA | PROCMAP_QUERY_FILE_BACKED_VMA`
const NEXT_FILE: u64 = 0x10 | 0x20;

/// `struct procmap_query`
#[repr(C)]
#[derive(Debug, Default)]
struct Query {
    size: u64,
    flags: u64,
    address: u64,
    start: u64,
    end: u64,
    rights: u64,
    page_size: u64,
    offset: u64,
    inode: u64,
    major: u32,
    minor: u32,
    name_size: u32,
    build_id_size: u32,
    name: u64,
    build_id: u64,
}

nix::ioctl_readwrite!(
    #[allow(unsafe_code)]
    /// PROCMAP_QUERY
    procmap_query,
    b'f',
    17,
    Query
);

/// Inodes on the filesystem of the pinned bases that the host and the current base have now.
#[derive(Debug, Default)]
pub struct CurrentInodes {
    /// The path of one that is the library of an interpreter.
    libraries: HashMap<u64, Option<PathBuf>>,
    /// Whether the kernel does not know the question.
    is_refused: bool,
}

impl CurrentInodes {
    /// Both have this inode at `path`.
    pub fn add(&mut self, inode: u64, path: &Path) {
        if self.libraries.len() >= MOST_REMEMBERED {
            self.libraries.clear();
        }
        let library = self.libraries.entry(inode).or_default();
        if library.is_none() && interpreter::is_library(path) {
            *library = Some(path.to_path_buf());
        }
    }

    /// The libraries of interpreters among the files of the device that the process maps, if all that it maps are files of that
    /// device that are known to be current. `None` if not, or if that cannot be told: then its text has to be looked at.
    pub fn libraries_mapped(&mut self, maps: impl AsFd, device: u64) -> Option<Vec<PathBuf>> {
        let mut libraries = Vec::new();
        let (mut address, mut last) = (0, 0);
        if self.is_refused || self.libraries.is_empty() {
            return None;
        }
        for asked in 0..MOST_ASKED {
            let found = match next_file(&maps, address) {
                Ok(found) => found,
                // There is no more.
                Err(Errno::ENOENT) => return (asked > 0).then_some(libraries),
                Err(cause) => {
                    self.is_refused = matches!(cause, Errno::ENOTTY | Errno::EINVAL);
                    return None;
                }
            };
            if (found.major, found.minor) != (libc::major(device), libc::minor(device)) {
                return None;
            }
            if found.inode != last {
                let library = self.libraries.get(&found.inode)?;
                libraries.extend(library.clone());
                last = found.inode;
            }
            address = found.end;
        }
        None
    }
}

/// The first mapping of a file that ends after `address`.
fn next_file(maps: impl AsFd, address: u64) -> Result<Query, Errno> {
    let mut query = Query {
        size: size_of::<Query>() as u64,
        flags: NEXT_FILE,
        address,
        ..Query::default()
    };
    // SAFETY: it is what the kernel expects, tells its own size, and asks for neither name nor build id.
    #[allow(unsafe_code)]
    unsafe { procmap_query(maps.as_fd().as_raw_fd(), &raw mut query) }?;
    Ok(query)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, File};
    use std::io::{Read, Write};
    use std::process::{Child, Command, Stdio};

    use super::super::maps::mappings;
    use super::*;

    /// A process that has started, and maps what is in /usr.
    struct Cat(Child);

    impl Cat {
        fn start() -> Self {
            let mut cat = Command::new("/bin/cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            cat.stdin.as_mut().unwrap().write_all(b"x").unwrap();
            let mut answer = [0];
            cat.stdout
                .as_mut()
                .unwrap()
                .read_exact(&mut answer)
                .unwrap();
            Self(cat)
        }

        fn maps(&self) -> String {
            format!("/proc/{}/maps", self.0.id())
        }

        /// Device and inode of each file, by its text.
        fn mapped(&self) -> BTreeSet<((u32, u32), u64)> {
            let text = fs::read(self.maps()).unwrap();
            mappings(&text)
                .map(|mapping| (mapping.device, mapping.inode))
                .collect()
        }
    }

    impl Drop for Cat {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn the_kernel_tells_of_the_same_files_as_its_text() {
        let cat = Cat::start();
        let maps = File::open(cat.maps()).unwrap();
        let (mut found, mut address) = (BTreeSet::new(), 0);
        loop {
            match next_file(&maps, address) {
                Ok(query) => {
                    assert!(query.end > address);
                    found.insert(((query.major, query.minor), query.inode));
                    address = query.end;
                }
                Err(Errno::ENOENT) => break,
                // Linux 6.10 and older.
                Err(cause) => return assert_eq!(cause, Errno::ENOTTY),
            }
        }
        assert_eq!(found, cat.mapped());
    }

    #[test]
    fn one_file_that_is_not_known_is_enough() {
        let cat = Cat::start();
        let mapped = cat.mapped();
        let (major, minor) = mapped.first().unwrap().0;
        assert!(mapped.len() > 1 && mapped.iter().all(|file| file.0 == (major, minor)));
        let device = libc::makedev(major, minor);
        let inodes = mapped.iter().map(|(_, inode)| *inode);
        let known = |inodes: &mut dyn Iterator<Item = u64>, name: &str| {
            let mut known = CurrentInodes::default();
            inodes.for_each(|inode| known.add(inode, Path::new(name)));
            known
        };
        let ask = |mut known: CurrentInodes, device| {
            let libraries = known.libraries_mapped(File::open(cat.maps()).unwrap(), device);
            // Linux 6.10 and older.
            (!known.is_refused).then_some(libraries)
        };
        let library = "/usr/lib/libpython3.13.so";
        let all_but_one = ask(known(&mut inodes.clone().skip(1), library), device);
        let Some(all_but_one) = all_but_one else {
            return;
        };
        assert_eq!(all_but_one, None);
        let of = |name: &str, device| ask(known(&mut inodes.clone(), name), device).unwrap();
        assert_eq!(of("/usr/bin/x", device), Some(Vec::new()));
        assert_eq!(of("/usr/bin/x", device + 1), None);
        let libraries = of(library, device).unwrap();
        assert!(libraries.len() >= mapped.len());
        assert!(libraries.iter().all(|path| path == Path::new(library)));
        assert_eq!(ask(CurrentInodes::default(), device), Some(None));
    }

    #[test]
    fn what_the_kernel_does_not_know_is_asked_once() {
        let mut inodes = CurrentInodes::default();
        inodes.add(1, Path::new("/usr/bin/x"));
        let file = File::open("/dev/null").unwrap();
        assert_eq!(inodes.libraries_mapped(&file, 0), None);
        assert!(inodes.is_refused);
    }
}
