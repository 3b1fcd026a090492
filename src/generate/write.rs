//! Units in; their files and links below a directory out.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{linkat, symlinkat};

use super::Made;
use crate::place::WANTS;

/// Writes units and links below `directory`, which must be there; what fails does not stop the rest.
///
/// Each file gets its name when it is whole, so that neither PID 1 nor a second generator ever sees half of one. It is not
/// synced: the directory is a tmpfs that is emptied before each run.
pub fn write(units: impl Iterator<Item = Made>, directory: &Path) -> Result<(), Vec<Error>> {
    // Said once, and not for each file.
    let mut output = Output::open(directory)
        .with_context(|| format!("cannot write to {}", directory.display()))
        .map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    for made in units {
        let path = &made.unit.file_name;
        let written = output.write_file(path, made.unit.text());
        let cannot = || format!("cannot write {}", directory.join(path).display());
        errors.extend(written.with_context(cannot).err());
        if let Some(wanted) = made.wanted() {
            let linked = output.place_wanted(wanted);
            let linked = linked.and_then(|place| place.make_link(&made.target()));
            let link = || directory.join(WANTS).join(wanted);
            let cannot = || format!("cannot make the link {}", link().display());
            errors.extend(linked.with_context(cannot).err());
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// The directory that is written to.
struct Output<'a> {
    path: &'a Path,
    directory: OwnedFd,
    /// That of the links, once there is one.
    wants: Option<OwnedFd>,
}

impl<'a> Output<'a> {
    fn open(path: &'a Path) -> io::Result<Self> {
        let directory = open_directory(AT_FDCWD, path)?;
        Ok(Self {
            path,
            directory,
            wants: None,
        })
    }

    /// Makes the file `path`, which may be a drop-in in a directory of its own.
    fn write_file(&self, path: &str, text: &str) -> io::Result<()> {
        let made;
        let (below, name, directory) = match path.split_once('/') {
            None => ("", path, self.directory.as_fd()),
            Some((below, name)) => {
                made = self.make_directory(below)?;
                (below, name, made.as_fd())
            }
        };
        let place = Place {
            directory,
            name,
            output: self.path,
            below,
        };
        place.write_file(text)
    }

    /// Where the link `name` is to be, in a directory that is made if it is not there. The output directory itself is
    /// systemd's to make.
    fn place_wanted<'p>(&'p mut self, name: &'p str) -> io::Result<Place<'p>> {
        let wants = match self.wants.take() {
            Some(wants) => wants,
            None => self.make_directory(WANTS)?,
        };
        let wants: &OwnedFd = self.wants.insert(wants);
        Ok(Place {
            directory: wants.as_fd(),
            name,
            output: self.path,
            below: WANTS,
        })
    }

    fn make_directory(&self, name: &str) -> io::Result<OwnedFd> {
        match mkdirat(&self.directory, name, Mode::from_bits_truncate(0o777)) {
            Ok(()) | Err(Errno::EEXIST) => open_directory(&self.directory, Path::new(name)),
            Err(error) => Err(error.into()),
        }
    }
}

fn open_directory(at: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(openat(at, path, flags, Mode::empty())?)
}

/// The name of a file or link to come.
struct Place<'a> {
    directory: BorrowedFd<'a>,
    name: &'a str,
    /// Where temporary names are made: in a `.wants` they would be links to what is no unit.
    output: &'a Path,
    /// The directory of the name, below that.
    below: &'a str,
}

impl Place<'_> {
    fn path(&self) -> PathBuf {
        self.output.join(self.below).join(self.name)
    }

    fn write_file(&self, text: &str) -> io::Result<()> {
        // Whatever the reason: the other way works wherever a file can be made at all, and tells what is wrong.
        self.link_file(text).or_else(|_| self.rename_file(text))
    }

    /// A file without a name is filled, then named. Nothing of it stays behind when the generator is killed. Not every file
    /// system has such files, older kernels give them a name for root only, and a name cannot be given twice.
    fn link_file(&self, text: &str) -> io::Result<()> {
        let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(0o644);
        let mut file = File::from(openat(self.directory, ".", flags, mode)?);
        file.write_all(text.as_bytes())?;
        Ok(linkat(
            &file,
            "",
            self.directory,
            self.name,
            AtFlags::AT_EMPTY_PATH,
        )?)
    }

    fn rename_file(&self, text: &str) -> io::Result<()> {
        let mut file = temporary()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(self.output)?;
        file.write_all(text.as_bytes())?;
        let persisted = file.persist(self.path());
        persisted.map(drop).map_err(|error| error.error)
    }

    fn make_link(&self, target: &str) -> io::Result<()> {
        match symlinkat(target, self.directory, self.name) {
            Err(Errno::EEXIST) if !self.is_link_to(target) => self.rename_link(target),
            Err(error) if error != Errno::EEXIST => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn is_link_to(&self, target: &str) -> bool {
        readlinkat(self.directory, self.name).is_ok_and(|found| found == target)
    }

    fn rename_link(&self, target: &str) -> io::Result<()> {
        let link = temporary().make_in(self.output, |path| symlink(target, path))?;
        let persisted = link.into_temp_path().persist(self.path());
        persisted.map_err(|error| error.error)
    }
}

/// A name that no unit can have, made exclusively.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lodger-generator-").suffix(".tmp");
    builder
}
