//! The texts of `/proc/PID/maps` and `/proc/PID/mountinfo` in, file mappings and overlay mounts out.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::container::Name;
use crate::root::submounts;
use crate::root::writable::Writable;
use crate::service::mstack;

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

/// A line of a mount table (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountLine {
    /// Major and minor number of the filesystem.
    pub device: (u32, u32),
    /// Which of its directories is mounted.
    pub root: PathBuf,
    /// Mount point.
    pub at: PathBuf,
    /// Type of the filesystem.
    pub kind: Vec<u8>,
    /// Its source.
    pub source: OsString,
    /// Its own options.
    pub options: Vec<u8>,
}

/// One of a container's overlays, as one of its processes sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayMount {
    /// Major and minor number.
    pub device: (u32, u32),
    /// Mount point.
    pub at: PathBuf,
    /// The trees underneath, on the host.
    pub lowers: Vec<PathBuf>,
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

/// The lines of a mount table, in its order. Those that do not parse are left out: the kernel writes none.
pub fn mount_lines(mountinfo: &[u8]) -> Vec<MountLine> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines.filter_map(parse_mount_line).collect()
}

fn parse_mount_line(line: &[u8]) -> Option<MountLine> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = parse_device(fields.nth(2)?, 10)?;
    let root = PathBuf::from(submounts::unescape(fields.next()?));
    let at = PathBuf::from(submounts::unescape(fields.next()?));
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    Some(MountLine {
        device,
        root,
        at,
        kind: fields.next()?.to_vec(),
        source: submounts::unescape(fields.next()?),
        options: fields.next().unwrap_or_default().to_vec(),
    })
}

/// The overlays of the container `name` in a mount table: lodgerd calls them `lodger-NAME`, systemd by the directory that it
/// stacks.
pub fn overlay_mounts(mountinfo: &[u8], name: &Name) -> Vec<OverlayMount> {
    let (own, stack) = (name.overlay(), mstack::stack(name));
    let lines = mount_lines(mountinfo).into_iter();
    let overlays = lines
        .filter(MountLine::is_whole_overlay)
        .filter_map(|line| {
            if line.source == *own {
                Some(overlay_mount(line))
            } else if line.source == *stack.as_os_str() {
                // The layers that it names are those of a place that only systemd has seen.
                Some(OverlayMount {
                    lowers: Vec::new(),
                    upper: Some(Writable::of(&name.state()).upper),
                    ..overlay_mount(line)
                })
            } else {
                None
            }
        });
    overlays.collect()
}

impl MountLine {
    /// A bind mount of part of an overlay (ProtectSystem=) does not have "/" for its root.
    fn is_whole_overlay(&self) -> bool {
        self.kind == b"overlay" && self.root == Path::new("/")
    }
}

fn overlay_mount(line: MountLine) -> OverlayMount {
    let options: Vec<&[u8]> = line.options.split(|byte| *byte == b',').collect();
    let option = |name: &'static [u8]| {
        let options = options.iter();
        options.filter_map(move |option| option.strip_prefix(name))
    };
    // One option for all, or one for each where the newer mount calls were used (overlayfs.rst, "Multiple lower layers").
    let lowers = option(b"lowerdir=").chain(option(b"lowerdir+="));
    let lowers = lowers.flat_map(|lowers| {
        let lowers = lowers.split(|byte| *byte == b':').filter(|l| !l.is_empty());
        lowers.map(|lower| PathBuf::from(submounts::unescape(lower)))
    });
    let lowers = lowers.collect();
    let upper = option(b"upperdir=").next();
    OverlayMount {
        lowers,
        upper: upper.map(|upper| PathBuf::from(submounts::unescape(upper))),
        device: line.device,
        at: line.at,
    }
}

/// Whether what lies at `path` comes from the tree that is the root of this mount table, and not from something mounted inside.
pub fn is_of_root(mounts: &[MountLine], path: &Path) -> bool {
    let is_above = |mount: &&MountLine| path.starts_with(&mount.at);
    // The deepest mount point counts, and of those at the same place the last.
    let Some(covering) = mounts
        .iter()
        .filter(is_above)
        .max_by_key(|mount| mount.at.components().count())
    else {
        return false;
    };
    let Some(root) = mounts.iter().rfind(|mount| mount.at == Path::new("/")) else {
        return false;
    };
    let within = covering.at.strip_prefix("/").unwrap_or(&covering.at);
    let expected: PathBuf = root.root.join(within).components().collect();
    covering.device == root.device && covering.root == expected
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
            b"218 126 0:53 / / rw,nosuid shared:66 - overlay lodger-web rw,lowerdir=/x:/y\\040z,upperdir=/u\\040v/upper,workdir=/w\n\
            230 218 0:53 /usr /usr ro shared:67 - overlay lodger-web rw,lowerdir=/x\n\
            231 218 0:56 / /dev ro shared:68 master:1 - tmpfs tmpfs rw\n\
            232 218 0:57 / /opt/a\\040b rw - overlay lodger-web rw,lowerdir+=/m,lowerdir+=/n\n\
            233 218 0:58 / /mnt rw - overlay lodger-web2 rw\n\
            234 218 0:59 / /mnt rw - tmpfs lodger-web rw\n";
        assert_eq!(
            overlay_mounts(mountinfo, &Name::parse("web").unwrap()),
            [
                OverlayMount {
                    device: (0, 53),
                    at: "/".into(),
                    lowers: vec!["/x".into(), "/y z".into()],
                    upper: Some("/u v/upper".into())
                },
                OverlayMount {
                    device: (0, 57),
                    at: "/opt/a b".into(),
                    lowers: vec!["/m".into(), "/n".into()],
                    upper: None
                },
            ]
        );
    }

    #[test]
    fn what_is_mounted_in_a_shared_root_is_told_from_it() {
        let mounts = mount_lines(
            b"1 0 254:1 /var/lib/lodger/bases/4 / ro - ext4 /dev/vda rw\n\
            2 1 254:1 /var/lib/lodger/containers/web/var /var rw - ext4 /dev/vda rw\n\
            3 1 254:1 /var/lib/lodger/bases/4/usr /usr ro - ext4 /dev/vda rw\n\
            4 3 254:1 /opt /usr/local rw - ext4 /dev/vda rw\n\
            5 1 0:5 / /dev rw - tmpfs tmpfs rw\n",
        );
        for (path, expected) in [
            ("/etc/x", true),
            ("/usr/lib/libc.so.6", true),
            ("/usr/local/lib/x.so", false),
            ("/var/lib/x", false),
            ("/dev/x", false),
            ("/variable", true),
        ] {
            assert_eq!(is_of_root(&mounts, Path::new(path)), expected, "{path}");
        }
    }
}
