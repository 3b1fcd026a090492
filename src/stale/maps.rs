//! The texts of `/proc/PID/maps` and `/proc/PID/mountinfo` in, file mappings and overlay mounts out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::root::submounts;

/// A file that a process maps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mapping {
    /// Major and minor number of the filesystem.
    pub device: (u32, u32),
    /// Inode number there; on an overlay that of the layer the file comes from.
    pub inode: u64,
    /// Where, as the process sees it.
    pub path: PathBuf,
    /// Whether the path was unlinked on that filesystem itself.
    pub deleted: bool,
}

/// One of a container's overlays, as one of its processes sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayMount {
    /// Major and minor number.
    pub device: (u32, u32),
    /// Mount point.
    pub at: PathBuf,
    /// Its upper on the host, if it has one.
    pub upper: Option<PathBuf>,
}

/// The distinct file mappings (proc_pid_maps(5)). Anonymous ones have no inode and are left out.
pub fn parse_maps(text: &[u8]) -> BTreeSet<Mapping> {
    text.split(|byte| *byte == b'\n')
        .filter_map(parse_mapping)
        .collect()
}

fn parse_mapping(line: &[u8]) -> Option<Mapping> {
    // address perms offset dev inode, one blank each, then blanks and the path, which may hold blanks itself.
    let mut fields = line.splitn(6, |byte| *byte == b' ');
    let device = parse_device(fields.nth(3)?, 16)?;
    let inode = parse_number(fields.next()?).filter(|inode| *inode != 0)?;
    let path = fields.next()?.trim_ascii_start();
    if !path.starts_with(b"/") {
        return None;
    }
    let (path, deleted) = match path.strip_suffix(b" (deleted)") {
        Some(path) => (path, true),
        None => (path, false),
    };
    Some(Mapping {
        device,
        inode,
        path: PathBuf::from(submounts::unescape(path)),
        deleted,
    })
}

/// The overlays with this source (`lodger-NAME`) in a mount table (proc_pid_mountinfo(5)).
pub fn overlay_mounts(mountinfo: &[u8], source: &str) -> Vec<OverlayMount> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| parse_overlay(line, source))
        .collect()
}

fn parse_overlay(line: &[u8], source: &str) -> Option<OverlayMount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = parse_device(fields.nth(2)?, 10)?;
    // The root of a bind mount of part of the overlay (ProtectSystem=) is not "/".
    if fields.next()? != b"/" {
        return None;
    }
    let at = PathBuf::from(submounts::unescape(fields.next()?));
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let is_ours = fields.next()? == b"overlay" && OsStr::from_bytes(fields.next()?) == source;
    let mut options = fields
        .next()
        .unwrap_or_default()
        .split(|byte| *byte == b',');
    let upper = options
        .find_map(|option| option.strip_prefix(b"upperdir="))
        .map(|upper| PathBuf::from(submounts::unescape(upper)));
    is_ours.then_some(OverlayMount { device, at, upper })
}

/// `MAJOR:MINOR`, which maps has in hexadecimal and mountinfo in decimal.
fn parse_device(field: &[u8], radix: u32) -> Option<(u32, u32)> {
    let (major, minor) = std::str::from_utf8(field).ok()?.split_once(':')?;
    Some((
        u32::from_str_radix(major, radix).ok()?,
        u32::from_str_radix(minor, radix).ok()?,
    ))
}

fn parse_number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_mappings_are_told_from_the_rest() {
        let maps = b"7fa8d42ce000-7fa8d42f6000 r--p 00000000 00:36 10019761                   /usr/lib/libc.so.6\n\
            7fa8d42f6000-7fa8d4459000 r-xp 00028000 00:36 10019761                   /usr/lib/libc.so.6\n\
            7fa8d4459000-7fa8d44af000 rw-p 00000000 00:00 0 \n\
            7fa8d44af000-7fa8d44b3000 rw-p 00000000 00:00 0                          [heap]\n\
            7fa8d44b3000-7fa8d44b5000 rw-s 00000000 00:01 12                         /memfd:x (deleted)\n\
            7fa8d44b5000-7fa8d44b6000 r-xp 00000000 fd:10 7                          /opt/a b\\012c (deleted)\n\
            broken\n";
        let mapping = |device, inode, path: &str, deleted| Mapping {
            device,
            inode,
            path: path.into(),
            deleted,
        };
        assert_eq!(
            parse_maps(maps).into_iter().collect::<Vec<_>>(),
            [
                mapping((0, 1), 12, "/memfd:x", true),
                mapping((0, 0x36), 10_019_761, "/usr/lib/libc.so.6", false),
                mapping((0xfd, 0x10), 7, "/opt/a b\nc", true),
            ]
        );
    }

    #[test]
    fn only_the_containers_own_overlays_count() {
        let mountinfo =
            b"218 126 0:53 / / rw,nosuid shared:66 - overlay lodger-web rw,lowerdir=/x,upperdir=/u\\040v/upper,workdir=/w\n\
            230 218 0:53 /usr /usr ro shared:67 - overlay lodger-web rw,lowerdir=/x\n\
            231 218 0:56 / /dev ro shared:68 master:1 - tmpfs tmpfs rw\n\
            232 218 0:57 / /opt/a\\040b rw - overlay lodger-web rw\n\
            233 218 0:58 / /mnt rw - overlay lodger-web2 rw\n\
            234 218 0:59 / /mnt rw - tmpfs lodger-web rw\n";
        assert_eq!(
            overlay_mounts(mountinfo, "lodger-web"),
            [
                OverlayMount {
                    device: (0, 53),
                    at: "/".into(),
                    upper: Some("/u v/upper".into())
                },
                OverlayMount {
                    device: (0, 57),
                    at: "/opt/a b".into(),
                    upper: None
                },
            ]
        );
    }
}
