//! Filesystems mounted inside the base: the kernel's mount table in, those that a container's root must carry over out.
//!
//! An overlay on `/` shows the directory *under* a mount point, usually an empty one. A separate `/usr` or `/opt/app`
//! therefore needs an overlay of its own in the container's root; one that is out of sight anyway needs nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::mask::Mask;

/// Mount points of a mount table in the form of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)), in its order. Lines that
/// do not parse are left out: the kernel writes none.
pub fn parse_mount_points(mountinfo: &[u8]) -> Vec<PathBuf> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|field| PathBuf::from(unescape(field)))
        .collect()
}

/// The mount points below the tree `/` that `mask` leaves in sight, relative to it, outermost first, each once.
pub fn in_sight(mount_points: &[PathBuf], mask: &Mask) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = mount_points
        .iter()
        .filter_map(|point| point.strip_prefix("/").ok())
        .filter(|point| !point.as_os_str().is_empty() && !mask.covers(point))
        .map(Path::to_path_buf)
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Undoes the kernel's `\040` for blanks, tabs, newlines and backslashes.
pub fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|digits| digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        match octal {
            Some(digits) if byte == b'\\' => {
                let value = digits
                    .iter()
                    .fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
                // Three octal digits after a backslash come from one byte.
                bytes.push((value & 0xff) as u8);
                rest = &after[3..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

/// The directory that holds the upper and work of a submount, in the container's own `state`.
pub fn state(state: &Path, point: &Path) -> PathBuf {
    state.join("submounts").join(state_name(point))
}

/// One name for the whole path: `opt-app` for `/opt/app`.
fn state_name(point: &Path) -> OsString {
    let mut name = Vec::new();
    for byte in point.as_os_str().as_bytes() {
        match byte {
            b'/' => name.push(b'-'),
            b'-' | b'\\' => name.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            _ => name.push(*byte),
        }
    }
    OsString::from_vec(name)
}

/// The mount point that a name in `submounts` stands for.
pub fn point(name: &OsStr) -> PathBuf {
    let mut point = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match (byte, after) {
            (b'-', _) => (b'/', after),
            (b'\\', [b'x', b'2', b'd', after @ ..]) => (b'-', after),
            (b'\\', [b'x', b'5', b'c', after @ ..]) => (b'\\', after),
            _ => (byte, after),
        };
        point.push(byte);
        rest = after;
    }
    PathBuf::from(OsString::from_vec(point))
}

#[cfg(test)]
mod tests {
    use super::super::mask::{Entry, Owner};
    use super::*;

    #[test]
    fn only_mounts_in_sight_are_carried_over() {
        let mountinfo = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            23 22 0:5 / /proc rw - proc proc rw\n\
            24 22 8:2 / /opt/with\\040blank rw - ext4 /dev/sda2 rw\n\
            25 22 8:3 / /usr rw - ext4 /dev/sda3 rw\n\
            26 25 8:4 / /usr/local rw - ext4 /dev/sda4 rw\n\
            27 22 8:5 / /data rw - ext4 /dev/sda5 rw\n\
            28 22 8:3 / /usr rw - ext4 /dev/sda3 rw\n\
            broken\n";
        let mut mask = Mask::default();
        mask.insert(
            "proc",
            Entry::Opaque(Owner {
                mode: 0o555,
                uid: 0,
                gid: 0,
            }),
        );
        mask.insert("data", Entry::Whiteout);
        let points = parse_mount_points(mountinfo);
        assert_eq!(
            in_sight(&points, &mask),
            ["opt/with blank", "usr", "usr/local"].map(PathBuf::from)
        );
    }

    #[test]
    fn two_submounts_never_share_a_state_directory() {
        let points = ["opt/a", "opt-a", "opt\\a", "opt/a-b", "opt/a/b"];
        let names: Vec<_> = points.map(|p| state_name(Path::new(p))).into();
        assert_eq!(
            names,
            ["opt-a", "opt\\x2da", "opt\\x5ca", "opt-a\\x2db", "opt-a-b"]
        );
        let back: Vec<_> = names.iter().map(|name| point(name)).collect();
        assert_eq!(back, points.map(PathBuf::from));
    }
}
