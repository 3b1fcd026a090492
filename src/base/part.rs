//! A path of the host and what it is in; what a base has in its place out.
//!
//! The lists are those of [`seen`], so that a container sees no more of a base than of the live host.

use std::path::Path;

use super::row::Why;
use crate::root::seen;

/// How the entries of a directory come into the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The top of the host: only what is known is taken.
    Top,
    /// Packages own it: hard links.
    Linked,
    /// People edit it in place: copies.
    Copied,
    /// Some of it is of packages, and people edit the rest in place.
    Mixed,
    /// `/var`: directories only, this deep.
    Skeleton(usize),
}

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    Directory,
    File,
    Symlink,
    Special,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A directory, with what is in it.
    Enter(Part),
    /// A directory with nothing in it.
    Empty,
    /// The same symbolic link.
    Symlink,
    /// The same file.
    Link,
    /// The same file if a package owns it, else a copy.
    LinkPackaged,
    /// A copy of the file.
    Copy,
    /// Left out, and said so.
    LeftOut(Why),
    /// Not there, as everything of its kind.
    Absent,
}

/// What becomes of the entry at `path`, relative to the host's root, in a directory of this part.
pub fn fate(part: Part, path: &Path, kind: Type) -> Fate {
    let is_one_of = |list: &[&str]| list.iter().any(|known| path == Path::new(known));
    match (part, kind) {
        (Part::Top, Type::Directory) if is_one_of(&seen::EMPTY) => Fate::Empty,
        (Part::Top, Type::Directory) if path == Path::new("var") => Fate::Enter(Part::Skeleton(1)),
        (Part::Top, Type::Directory) if path == Path::new("etc") => Fate::Enter(Part::Copied),
        (Part::Top, Type::Directory) if path == Path::new("opt") => Fate::Enter(Part::Mixed),
        (Part::Top, Type::Directory) if is_one_of(&seen::SEEN) => Fate::Enter(Part::Linked),
        (Part::Top, Type::Symlink) if is_one_of(&seen::SEEN) => Fate::Symlink,
        (Part::Top, _) => Fate::Absent,

        (Part::Copied, _) if is_one_of(&seen::OWN) => Fate::LeftOut(Why::Own),
        (Part::Linked, Type::Directory) if path == Path::new("usr/local") => {
            Fate::Enter(Part::Copied)
        }
        (Part::Linked | Part::Copied | Part::Mixed, Type::Directory) => Fate::Enter(part),
        (Part::Linked | Part::Copied | Part::Mixed, Type::Symlink) => Fate::Symlink,
        (Part::Linked | Part::Copied | Part::Mixed, Type::Special) => Fate::LeftOut(Why::Special),
        (Part::Linked, Type::File) => Fate::Link,
        (Part::Mixed, Type::File) => Fate::LinkPackaged,
        (Part::Copied, Type::File) => Fate::Copy,

        (Part::Skeleton(1), Type::Symlink) => Fate::Symlink,
        (Part::Skeleton(_), Type::Directory) if path == Path::new("var/tmp") => Fate::Empty,
        (Part::Skeleton(_), Type::Directory) if path == Path::new("var/lib/lodger") => Fate::Absent,
        (Part::Skeleton(depth), Type::Directory) if depth < seen::SKELETON_DEPTH => {
            Fate::Enter(Part::Skeleton(depth + 1))
        }
        (Part::Skeleton(_), Type::Directory) => Fate::Empty,
        (Part::Skeleton(_), _) => Fate::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_fate() {
        use Type::{Directory, File, Special, Symlink};
        for (part, path, kind, expected) in [
            (Part::Top, "usr", Directory, Fate::Enter(Part::Linked)),
            (Part::Top, "opt", Directory, Fate::Enter(Part::Mixed)),
            (Part::Top, "etc", Directory, Fate::Enter(Part::Copied)),
            (Part::Top, "var", Directory, Fate::Enter(Part::Skeleton(1))),
            (Part::Top, "lib64", Symlink, Fate::Symlink),
            (Part::Top, "home", Directory, Fate::Empty),
            (Part::Top, "home", Symlink, Fate::Absent),
            (Part::Top, "vmlinuz", Symlink, Fate::Absent),
            (Part::Top, "data", Directory, Fate::Absent),
            (Part::Top, "usr", File, Fate::Absent),
            (
                Part::Linked,
                "usr/local",
                Directory,
                Fate::Enter(Part::Copied),
            ),
            (Part::Linked, "usr/local", Symlink, Fate::Symlink),
            (
                Part::Mixed,
                "opt/usr/local",
                Directory,
                Fate::Enter(Part::Mixed),
            ),
            (Part::Mixed, "opt/x", File, Fate::LinkPackaged),
            (Part::Mixed, "opt/x", Symlink, Fate::Symlink),
            (Part::Mixed, "opt/x", Special, Fate::LeftOut(Why::Special)),
            (Part::Linked, "usr/bin/ls", File, Fate::Link),
            (Part::Linked, "usr/x", Special, Fate::LeftOut(Why::Special)),
            (Part::Copied, "etc/fstab", File, Fate::Copy),
            (
                Part::Copied,
                "etc/lodger",
                Directory,
                Fate::LeftOut(Why::Own),
            ),
            (Part::Copied, "etc/lodger", Symlink, Fate::LeftOut(Why::Own)),
            (
                Part::Copied,
                "etc/lodger.toml",
                File,
                Fate::LeftOut(Why::Own),
            ),
            (Part::Skeleton(1), "var/run", Symlink, Fate::Symlink),
            (Part::Skeleton(2), "var/lib/x", Symlink, Fate::Absent),
            (
                Part::Skeleton(1),
                "var/lib",
                Directory,
                Fate::Enter(Part::Skeleton(2)),
            ),
            (
                Part::Skeleton(2),
                "var/lib/nginx",
                Directory,
                Fate::Enter(Part::Skeleton(3)),
            ),
            (
                Part::Skeleton(3),
                "var/lib/nginx/body",
                Directory,
                Fate::Empty,
            ),
            (Part::Skeleton(1), "var/tmp", Directory, Fate::Empty),
            (Part::Skeleton(2), "var/lib/lodger", Directory, Fate::Absent),
            (Part::Skeleton(2), "var/lib/x", File, Fate::Absent),
        ] {
            assert_eq!(
                fate(part, Path::new(path), kind),
                expected,
                "{part:?} {path} {kind:?}"
            );
        }
    }
}
