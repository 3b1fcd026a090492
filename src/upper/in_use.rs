//! A container's state directory in; a process that has it mounted out.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::root::submounts::unescape;
use crate::threads;

/// A process in whose mount table the directory, or something in it, is the upper of an overlay or the root of a mount;
/// `None` if there is no such process.
///
/// # Errors
/// When a mount table cannot be read: then nobody knows.
pub fn user_of(state: &Path) -> Result<Option<i32>> {
    let mut seen = HashSet::new();
    for process in fs::read_dir("/proc").context("cannot read '/proc'")? {
        let process = process.context("cannot read '/proc'")?;
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // Thousands of processes share a few tables. The link takes more rights than the table.
        let mut look = |process: &Path| {
            let namespace = fs::read_link(process.join("ns/mnt")).ok();
            let is_known = |namespace| seen.contains(namespace);
            if namespace.as_ref().is_some_and(is_known) {
                return Ok(false);
            }
            let is_in_use = is_in_use(&fs::read(process.join("mountinfo"))?, state);
            if !is_in_use {
                seen.extend(namespace);
            }
            Ok(is_in_use)
        };
        let failed = || format!("cannot read the mounts of process {pid}");
        if threads::of_living(&process.path(), &mut look).with_context(failed)? == Some(true) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

/// Whether a mount table (proc_pid_mountinfo(5)) has something of `state`. The root of a mount is told from the top of its
/// filesystem, so only the end of the path is compared: rather once too often than overlooked.
fn is_in_use(mountinfo: &[u8], state: &Path) -> bool {
    let mut end = state.components().rev().take(2).collect::<Vec<_>>();
    end.reverse();
    let end: std::path::PathBuf = end.into_iter().collect();
    let needle = [b"/", end.as_os_str().as_encoded_bytes(), b"/"].concat();
    let has = |field: &[u8]| {
        let field = unescape(field);
        // A mount of the directory itself has no slash after it.
        let field = [field.as_encoded_bytes(), b"/"].concat();
        field.windows(needle.len()).any(|part| part == needle)
    };
    mountinfo.split(|byte| *byte == b'\n').any(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let root = fields.nth(3);
        let options = fields.next_back().unwrap_or_default();
        // systemd calls an overlay by the directory that it has stacked, and its upper as nobody else sees it.
        let source = fields.next_back();
        root.is_some_and(has) || source.is_some_and(has) || is_overlay_with(options, has)
    })
}

fn is_overlay_with(options: &[u8], has: impl Fn(&[u8]) -> bool) -> bool {
    options
        .split(|byte| *byte == b',')
        .filter_map(|option| option.strip_prefix(b"upperdir="))
        .any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uppers_and_mounted_directories_are_in_use_and_their_namesakes_not() {
        let state = Path::new("/var/lib/lodger/containers/web");
        let table =
            |line: &str| format!("1 0 8:1 / / rw - ext4 /dev/sda rw\n{line}\n").into_bytes();
        for (line, used) in [
            (
                "2 1 0:9 / /r rw - overlay lodger-web rw,lowerdir=/m:/,upperdir=/var/lib/lodger/containers/web/upper,workdir=/w",
                true,
            ),
            (
                "2 1 0:9 / /r rw - overlay x rw,upperdir=/var/lib/lodger/containers/web/ephemeral/submounts/opt/upper,workdir=/w",
                true,
            ),
            // /var is a filesystem of its own.
            (
                "2 1 8:2 /lib/lodger/containers/web/var /var rw shared:1 - ext4 /dev/sdb rw",
                true,
            ),
            (
                "2 1 8:2 /lib/lodger/containers/web /x rw - ext4 /dev/sdb rw",
                true,
            ),
            (
                "2 1 0:9 / /r rw - overlay x rw,upperdir=/var/lib/lodger/containers/web2/upper,workdir=/w",
                false,
            ),
            (
                "2 1 0:9 / /r rw - overlay x rw,upperdir=/var/lib/lodger/containers/my-web/upper,workdir=/w",
                false,
            ),
            (
                "2 1 0:9 / /r rw - overlay x rw,lowerdir=/var/lib/lodger/containers/web/upper",
                false,
            ),
            (
                "2 1 8:1 /var/lib/lodger/volumes/web /x rw - ext4 /dev/sda rw",
                false,
            ),
        ] {
            assert_eq!(is_in_use(&table(line), state), used, "{line}");
        }
    }

    #[test]
    fn nothing_uses_what_is_not_there() {
        let state = Path::new("/nonexistent/containers/none");
        assert_eq!(user_of(state).unwrap(), None);
    }
}
