//! A mounted root and the programs that are to run in it in; nothing, or why systemd could not execute one of them, out.
//!
//! systemd would find out by itself, but too late: by then nobody may tell `systemctl status` any more (`--no-notify`).

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::place;

/// Where systemd is yet to mount something of its own.
const NOT_THERE_YET: [&str; 5] = ["/dev", "/proc", "/sys", "/run", "/tmp"];

/// Why a program cannot be executed.
const NOT_THERE: &str = "is not in the container's root";
const NO_FILE: &str = "is not a file";
const NOT_EXECUTABLE: &str = "may not be executed";

/// Makes sure that `program`, an absolute path or a bare name, is in the root mounted at `root` and may be executed.
///
/// # Errors
/// When it is not, or cannot be looked up.
pub fn require(root: &Path, program: &Path) -> Result<()> {
    let tree = File::open(root).with_context(|| format!("cannot open '{}'", root.display()))?;
    let places = if program.is_absolute() {
        if NOT_THERE_YET.iter().any(|place| program.starts_with(place)) {
            return Ok(());
        }
        vec![program.to_owned()]
    } else {
        let directories = place::SEARCH_PATH.map(Path::new).into_iter();
        directories.map(|above| above.join(program)).collect()
    };
    let mut reason = NOT_THERE;
    for place in places {
        match unfitness(&tree, &place)? {
            None => return Ok(()),
            Some(NOT_THERE) => {}
            Some(unfit) => reason = unfit,
        }
    }
    bail!("the program '{}' {reason}", program.display())
}

/// Why what is at `path` cannot be executed, if so. Links lead where they would lead inside.
fn unfitness(root: &File, path: &Path) -> Result<Option<&'static str>> {
    let cannot = || {
        let shown = path.display();
        format!("cannot look up '{shown}' in the container's root")
    };
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let file = match openat2(root.as_fd(), path, how) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(Some(NOT_THERE)),
        Err(cause) => return Err(cause).with_context(cannot),
    };
    let metadata = file.metadata().with_context(cannot)?;
    Ok(if !metadata.is_file() {
        Some(NO_FILE)
    } else if metadata.permissions().mode() & 0o111 == 0 {
        Some(NOT_EXECUTABLE)
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_program_is_looked_for_inside() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("usr/bin/directory")).unwrap();
        fs::create_dir_all(at("usr/local/bin")).unwrap();
        for (path, mode) in [
            ("usr/bin/good", 0o755),
            ("usr/bin/data", 0o644),
            ("usr/local/bin/both", 0o644),
            ("usr/bin/both", 0o700),
        ] {
            fs::write(at(path), "").unwrap();
            fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("usr/bin", at("bin")).unwrap();
        symlink("/usr/bin/good", at("usr/bin/absolute")).unwrap();
        symlink("../../../../../usr/bin/good", at("usr/bin/upwards")).unwrap();
        // What there is on the host, and not inside.
        symlink("/etc/passwd", at("usr/bin/outwards")).unwrap();
        symlink("loop", at("usr/bin/loop")).unwrap();

        let found = |program: &str| match require(root.path(), Path::new(program)) {
            Ok(()) => String::new(),
            Err(error) => format!("{error:#}"),
        };
        for good in [
            "/usr/bin/good",
            "/bin/good",
            "/usr/bin/absolute",
            "/usr/bin/upwards",
            "good",
            "both",
            "/run/x",
            "/tmp/x",
        ] {
            assert_eq!(found(good), "", "for {good}");
        }
        for (bad, message) in [
            (
                "/usr/bin/none",
                "the program '/usr/bin/none' is not in the container's root",
            ),
            (
                "/usr/bin/good/x",
                "the program '/usr/bin/good/x' is not in the container's root",
            ),
            (
                "/usr/bin/outwards",
                "the program '/usr/bin/outwards' is not in the container's root",
            ),
            (
                "/bin/sh",
                "the program '/bin/sh' is not in the container's root",
            ),
            ("none", "the program 'none' is not in the container's root"),
            (
                "/usr/bin/data",
                "the program '/usr/bin/data' may not be executed",
            ),
            ("data", "the program 'data' may not be executed"),
            ("directory", "the program 'directory' is not a file"),
            (
                "/usr/bin/loop",
                "cannot look up '/usr/bin/loop' in the container's root: ELOOP: Too many symbolic links encountered",
            ),
        ] {
            assert_eq!(found(bad), message);
        }
    }
}
