//! The text of `/proc/PID/mountinfo` in; mount lines, and the overlays of a container among them, out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::container::Name;
use crate::root::submounts;
use crate::root::writable::Writable;
use crate::service::mstack;

/// A line of a mount table (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountLine {
    /// The number by which `/proc/PID/fdinfo` names it.
    pub id: u64,
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

/// The lines of a mount table, in its order. Those that do not parse are left out: the kernel writes none.
pub fn mount_lines(mountinfo: &[u8]) -> Vec<MountLine> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines.filter_map(parse_mount_line).collect()
}

fn parse_mount_line(line: &[u8]) -> Option<MountLine> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = parse_number(fields.next()?)?;
    let device = parse_device(fields.nth(1)?, 10)?;
    let root = PathBuf::from(submounts::unescape(fields.next()?));
    let at = PathBuf::from(submounts::unescape(fields.next()?));
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    Some(MountLine {
        id,
        device,
        root,
        at,
        kind: fields.next()?.to_vec(),
        source: submounts::unescape(fields.next()?),
        options: fields.next().unwrap_or_default().to_vec(),
    })
}

/// The overlays of the container `name` in a mount table: lodgerd calls them `lodger-NAME`, systemd by the directory that it
/// stacks. In a user namespace of its own a container can mount others and call them so; those have no upper that is lodger's.
pub fn overlay_mounts(mountinfo: &[u8], name: &Name) -> Vec<OverlayMount> {
    overlays(&mount_lines(mountinfo), name)
}

/// The same of lines.
pub fn overlays(lines: &[MountLine], name: &Name) -> Vec<OverlayMount> {
    let (own, stack) = (name.overlay(), mstack::stack(name));
    let overlays = lines
        .iter()
        .filter(|line| line.is_whole_overlay())
        .filter_map(|line| {
            if line.source == *own {
                let overlay = overlay_mount(line);
                let state = name.state();
                let is_own = |upper: &PathBuf| upper.starts_with(&state);
                overlay.upper.as_ref().is_none_or(is_own).then_some(overlay)
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

fn overlay_mount(line: &MountLine) -> OverlayMount {
    let mut options = line.options.split(|byte| *byte == b',');
    let upper = options.find_map(|option| option.strip_prefix(b"upperdir="));
    OverlayMount {
        lowers: lowers(&line.options),
        upper: upper.map(|upper| PathBuf::from(submounts::unescape(upper))),
        device: line.device,
        at: line.at.clone(),
    }
}

/// The lower layers in the options of an overlay: one option for all, or one for each where the newer mount calls were used
/// (overlayfs.rst, "Multiple lower layers").
pub fn lowers(options: &[u8]) -> Vec<PathBuf> {
    let options = options.split(|byte| *byte == b',');
    let layers = options.flat_map(|option| {
        let all = option.strip_prefix(b"lowerdir=");
        let one = option.strip_prefix(b"lowerdir+=");
        let all = all
            .into_iter()
            .flat_map(|all| all.split(|byte| *byte == b':'));
        all.chain(one)
    });
    layers
        .filter(|layer| !layer.is_empty())
        .map(|layer| PathBuf::from(submounts::unescape(layer)))
        .collect()
}

/// The mount on which `path` lies: the deepest mount point counts, and of those at the same place the last.
pub fn covering<'m>(mounts: &'m [MountLine], path: &Path) -> Option<&'m MountLine> {
    let is_above = |mount: &&MountLine| path.starts_with(&mount.at);
    let above = mounts.iter().filter(is_above);
    above.max_by_key(|mount| mount.at.components().count())
}

/// Whether what lies at `path` comes from the tree that is the root of this mount table, and not from something mounted inside.
pub fn is_of_root(mounts: &[MountLine], path: &Path) -> bool {
    let Some(covering) = covering(mounts, path) else {
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
pub(super) fn parse_device(field: &[u8], radix: u32) -> Option<(u32, u32)> {
    let (major, minor) = std::str::from_utf8(field).ok()?.split_once(':')?;
    Some((
        u32::from_str_radix(major, radix).ok()?,
        u32::from_str_radix(minor, radix).ok()?,
    ))
}

pub(super) fn parse_number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_containers_own_overlays_count() {
        let mountinfo =
            b"218 126 0:53 / / rw,nosuid shared:66 - overlay lodger-web rw,lowerdir=/x:/y\\040z,upperdir=/var/lib/lodger/containers/web/upper,workdir=/w\n\
            230 218 0:53 /usr /usr ro shared:67 - overlay lodger-web rw,lowerdir=/x\n\
            231 218 0:56 / /dev ro shared:68 master:1 - tmpfs tmpfs rw\n\
            232 218 0:57 / /opt/a\\040b rw - overlay lodger-web rw,lowerdir+=/m,lowerdir+=/n\n\
            233 218 0:58 / /mnt rw - overlay lodger-web2 rw\n\
            234 218 0:59 / /mnt rw - tmpfs lodger-web rw\n\
            235 218 0:60 / /srv rw - overlay lodger-web rw,lowerdir=/x,upperdir=/run/systemd/inaccessible/fifo,workdir=/w\n\
            236 218 0:61 / /srv rw - overlay lodger-web rw,lowerdir=/x,upperdir=/var/lib/lodger/containers/web2/upper,workdir=/w\n";
        assert_eq!(
            overlay_mounts(mountinfo, &Name::parse("web").unwrap()),
            [
                OverlayMount {
                    device: (0, 53),
                    at: "/".into(),
                    lowers: vec!["/x".into(), "/y z".into()],
                    upper: Some("/var/lib/lodger/containers/web/upper".into())
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
