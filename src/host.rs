//! A root in; what of that host decides how units are written, out, without running anything.

use std::fmt::Write as _;
use std::fs;

use crate::place;
use crate::prefix::Prefix;
use crate::systemd_version::{self, systemd_version};

/// What of the host's /etc a container on a pinned base has as it is at its start, because people change it without dpkg.
const LIVE: [&str; 4] = ["passwd", "group", "hosts", "resolv.conf"];

/// What units depend on besides the container's own file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The version of its systemd.
    pub systemd: u32,
    /// Who writes its `/etc/resolv.conf`.
    pub resolver: Resolver,
    /// What of its /etc containers have as it is.
    pub live: Live,
}

/// Files of /etc, in the words of two directives. "-": none of them has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Files, for `BindPaths=`: from where they are mounted read-only already. For each of `BindReadOnlyPaths=` systemd reads
    /// the whole mount table twice.
    pub files: String,
    /// Links, for `BindReadOnlyPaths=`: they lead somewhere from /etc only.
    pub links: String,
}

/// Who writes `/etc/resolv.conf`, which is then a link into `/run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// Whoever wants to: it is a file.
    File,
    /// systemd-resolved(8), which also has a socket there for programs that ask it directly.
    Resolved,
    /// resolvconf(8).
    Resolvconf,
}

impl Host {
    /// The one whose root is `prefix`.
    pub fn read(prefix: &Prefix) -> Self {
        Self {
            systemd: systemd_version(prefix),
            resolver: Resolver::of(prefix),
            live: Live::of(prefix),
        }
    }
}

impl Default for Host {
    /// With the oldest systemd, and a file.
    fn default() -> Self {
        Self {
            systemd: systemd_version::OLDEST,
            resolver: Resolver::File,
            live: Live::new(|_| false),
        }
    }
}

impl Live {
    fn of(prefix: &Prefix) -> Self {
        let is_link = |path: &str| {
            let found = fs::symlink_metadata(prefix.at(path));
            found.is_ok_and(|found| found.is_symlink())
        };
        Self::new(is_link)
    }

    fn new(is_link: impl Fn(&str) -> bool) -> Self {
        let (mut files, mut links) = (String::new(), String::new());
        for name in LIVE {
            let target = format!("/etc/{name}");
            // Writing to a string does not fail.
            let _ = match is_link(&target) {
                true => write!(links, " -{target}"),
                false => write!(files, " -{}/{name}:{target}", place::ETC_OF_HOST),
            };
        }
        Self {
            files: files.trim_start().to_owned(),
            links: links.trim_start().to_owned(),
        }
    }
}

impl Resolver {
    fn of(prefix: &Prefix) -> Self {
        let Ok(target) = fs::read_link(prefix.at("/etc/resolv.conf")) else {
            return Resolver::File;
        };
        let goes_through = |name: &str| target.components().any(|part| part.as_os_str() == name);
        if goes_through("systemd") && goes_through("resolve") {
            Resolver::Resolved
        } else if goes_through("resolvconf") {
            Resolver::Resolvconf
        } else {
            Resolver::File
        }
    }

    /// Its directory in `/run`.
    pub fn directory(self) -> Option<&'static str> {
        match self {
            Resolver::File => None,
            Resolver::Resolved => Some("/run/systemd/resolve"),
            Resolver::Resolvconf => Some("/run/resolvconf"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_resolver_is_told_by_where_its_file_leads() {
        let root = tempfile::tempdir().unwrap();
        let prefix = Prefix::under(root.path().as_os_str());
        assert_eq!(Host::read(&prefix), Host::default());
        fs::create_dir(root.path().join("etc")).unwrap();
        let file = root.path().join("etc/resolv.conf");
        fs::write(&file, "nameserver 192.0.2.1\n").unwrap();
        assert_eq!(Resolver::of(&prefix), Resolver::File);
        for (target, resolver) in [
            (
                "../run/systemd/resolve/stub-resolv.conf",
                Resolver::Resolved,
            ),
            ("/run/systemd/resolve/resolv.conf", Resolver::Resolved),
            ("resolvconf/run/resolv.conf", Resolver::Resolvconf),
            ("/run/resolvconf/resolv.conf", Resolver::Resolvconf),
            ("resolv.conf.own", Resolver::File),
            ("/srv/resolve/resolv.conf", Resolver::File),
        ] {
            fs::remove_file(&file).unwrap();
            symlink(target, &file).unwrap();
            assert_eq!(Resolver::of(&prefix), resolver, "{target}");
        }
    }
}
