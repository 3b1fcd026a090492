//! What the host's administrator changes without dpkg, and a pinned base would keep from containers until the next one is
//! made: the file in the base and on the host in, what has to cover the base's out.
//!
//! Users are added, names of hosts and time zones changed, and the next program started has to know. It is looked at when
//! a container starts; then it stays as it is, as everything else in its root does.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::mask::Entry;
use super::seen::owner;

/// The paths, relative to the host.
pub const PATHS: [&str; 7] = [
    "etc/group",
    "etc/hostname",
    "etc/hosts",
    "etc/localtime",
    "etc/passwd",
    "etc/resolv.conf",
    "etc/timezone",
];
/// The most that is taken over of one file; what is longer stays as the base has it.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Link(PathBuf),
    File(Vec<u8>),
    /// Nothing, or nothing that everybody may read.
    None,
}

/// The entry that shows what the host has at a path instead of what the base has; `None` if that is the same.
///
/// # Errors
/// When one of them cannot be read.
pub fn difference(in_base: &Path, on_host: &Path) -> Result<Option<Entry>> {
    let (base, host) = (content(in_base)?, content(on_host)?);
    if base == host {
        return Ok(None);
    }
    Ok(match host {
        Content::Link(target) => Some(Entry::Symlink(target)),
        Content::File(bytes) if bytes.len() as u64 > MOST_BYTES => None,
        Content::File(bytes) => {
            let metadata = fs::symlink_metadata(on_host)
                .with_context(|| format!("cannot look at '{}'", on_host.display()))?;
            Some(Entry::File(owner(&metadata), bytes))
        }
        Content::None => Some(Entry::Whiteout),
    })
}

fn content(path: &Path) -> Result<Content> {
    let refused = || format!("cannot read '{}'", path.display());
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(cause)
            if matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Content::None);
        }
        Err(cause) => return Err(cause).with_context(refused),
    };
    if metadata.is_symlink() {
        return Ok(Content::Link(fs::read_link(path).with_context(refused)?));
    }
    if !metadata.is_file() || metadata.mode() & 0o004 == 0 {
        return Ok(Content::None);
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .with_context(refused)?;
    Ok(Content::File(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_the_host_has_now_counts() {
        let directory = tempfile::tempdir().unwrap();
        let (base, host) = (directory.path().join("base"), directory.path().join("host"));
        let write = |path: &Path, text: &str, mode| {
            fs::write(path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let found = || difference(&base, &host).unwrap();
        assert_eq!(found(), None);
        write(&base, "a", 0o644);
        assert_eq!(found(), Some(Entry::Whiteout));
        write(&host, "a", 0o644);
        assert_eq!(found(), None);
        write(&host, "b", 0o644);
        let Some(Entry::File(owner, content)) = found() else {
            panic!("no file");
        };
        assert_eq!((owner.mode, content), (0o644, b"b".to_vec()));
        write(&host, "b", 0o640);
        assert_eq!(found(), Some(Entry::Whiteout), "others may not read it");
        write(&host, &"x".repeat(MOST_BYTES as usize + 1), 0o644);
        assert_eq!(found(), None, "too long");
        fs::remove_file(&host).unwrap();
        symlink("elsewhere", &host).unwrap();
        assert_eq!(found(), Some(Entry::Symlink("elsewhere".into())));
    }
}
