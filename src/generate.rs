//! What is installed in; a tree of unit files and links, as data and then on disk, out.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Error};

use crate::container::Start;
use crate::container::installed::Installed;
use crate::place;
use crate::service::{service, stub, stub_units_to_start};

/// Files and symbolic links, by their paths below one directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitTree {
    /// Text by path.
    pub files: BTreeMap<String, String>,
    /// Target by path.
    pub links: BTreeMap<String, String>,
}

/// All units of `installed`, and the links through which the target starts them.
pub fn tree(installed: &Installed) -> UnitTree {
    let mut tree = UnitTree::default();
    for container in installed.containers() {
        let unit = service(container);
        if container.start == Start::Boot {
            tree.want(&unit.file_name, &unit.file_name);
        }
        tree.files.insert(unit.file_name.clone(), unit.to_string());
    }
    for refused in &installed.refused {
        for (unit, start) in stub(refused).into_iter().zip(stub_units_to_start(refused)) {
            if !installed.existing.contains(&unit.file_name) {
                // Whatever the file says: a boot must show that it is broken.
                tree.want(&start, &unit.file_name);
                tree.files.insert(unit.file_name.clone(), unit.to_string());
            }
        }
    }
    tree
}

impl UnitTree {
    fn want(&mut self, unit: &str, file: &str) {
        self.links.insert(
            format!("{}.wants/{unit}", place::TARGET),
            format!("../{file}"),
        );
    }

    /// The links that lead to `file`, with their targets.
    pub fn links_to<'a>(&'a self, file: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let links = self
            .links
            .iter()
            .map(|(path, target)| (path.as_str(), target.as_str()));
        links.filter(move |(_, target)| target.strip_prefix("../") == Some(file))
    }

    /// Writes everything below `directory`, which must be there; what fails does not stop the rest.
    ///
    /// Each file gets its name when it is whole, so that neither PID 1 nor a second generator ever sees half of one. It is not
    /// synced: the directory is a tmpfs that is emptied before each run.
    pub fn write(&self, directory: &Path) -> Result<(), Vec<Error>> {
        // Said once, and not for each file.
        if let Err(error) = fs::read_dir(directory) {
            let cannot = format!("cannot write to {}", directory.display());
            return Err(vec![Error::new(error).context(cannot)]);
        }
        let files = self
            .files
            .iter()
            .map(|(path, text)| write_file(directory, path, text));
        let links = self
            .links
            .iter()
            .map(|(path, target)| write_link(directory, path, target));
        let errors: Vec<_> = files.chain(links).filter_map(Result::err).collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

fn write_file(directory: &Path, path: &str, text: &str) -> Result<(), Error> {
    let path = directory.join(path);
    let write = || -> io::Result<()> {
        let mut file = temporary()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.persist(&path).map(drop).map_err(|error| error.error)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn write_link(directory: &Path, path: &str, target: &str) -> Result<(), Error> {
    let path = directory.join(path);
    let write = || -> io::Result<()> {
        // One level: the output directory itself is systemd's to make.
        match path.parent().map(fs::create_dir) {
            Some(Err(error)) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let link = temporary().make_in(directory, |temporary| symlink(target, temporary))?;
        link.into_temp_path()
            .persist(&path)
            .map_err(|error| error.error)
    };
    write().with_context(|| format!("cannot make the link {}", path.display()))
}

/// A name that no unit can have, made exclusively.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lodger-generator-").suffix(".tmp");
    builder
}
