//! Paths as people write them in; absolute, normal paths that mean what was written, or faults, out.

use std::path::PathBuf;

use crate::container::EnvironmentFile;
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Scalar, word};
use crate::unit::escape;

/// Where the container's own file systems are: systemd mounts them over whatever a path below would bring.
const OWN: [&str; 4] = ["/proc", "/sys", "/dev", "/tmp"];

/// What is lodger's to mount or to take away, whatever else is mounted there, and what it is.
const LODGERS: [(&str, &str); 4] = [
    ("/run/systemd/journal", "the way to the host's journal"),
    ("/run/systemd/notify", "where systemd listens to services"),
    ("/usr/lib/modules", "hidden from every container"),
    ("/lib/modules", "hidden from every container"),
];

/// An absolute path without `.` and `..`, written the shortest way.
pub fn absolute(scalar: Scalar) -> Result<PathBuf, Fault> {
    normal_of(scalar).map(PathBuf::from)
}

fn normal_of(scalar: Scalar) -> Result<String, Fault> {
    let written = word(scalar)?;
    normal(&written, &written)
}

/// Whether `path` is absolute, written the shortest way, and of printable ASCII, as far as a quick look tells.
pub fn is_normal(path: &str) -> bool {
    let mut after_slash = false;
    let is_plain = |byte: u8| {
        let is_odd = after_slash && matches!(byte, b'/' | b'.');
        after_slash = byte == b'/';
        byte.is_ascii_graphic() && !is_odd
    };
    path.len() <= 255 && path.starts_with('/') && !path.ends_with('/') && path.bytes().all(is_plain)
}

/// `path` the shortest way; `written` is what its user knows it by.
fn normal(path: &str, written: &str) -> Result<String, Fault> {
    if is_normal(path) {
        return Ok(path.to_owned());
    }
    let fault = |why: &str| Err(Fault::new(rule::PATH, format!("{} {why}", quote(written))));
    if !path.starts_with('/') {
        return fault("is not an absolute path");
    }
    if path.contains(char::is_control) || path.ends_with(char::is_whitespace) {
        return fault(
            "has control characters in it or a blank at its end, which a unit file cannot hold",
        );
    }
    let parts = || path.split('/').filter(|part| !part.is_empty());
    if parts().any(|part| matches!(part, "." | "..")) {
        return fault("has \".\" or \"..\" in it");
    }
    if parts().any(|part| part.len() > 255) || path.len() > 4095 {
        return fault("is longer than a path can be");
    }
    let mut normal = String::with_capacity(path.len());
    for part in parts() {
        normal.push('/');
        normal.push_str(part);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    Ok(normal)
}

/// `[root] hide`: something below `/`.
pub fn hidden(scalar: Scalar) -> Result<PathBuf, Fault> {
    let path = normal_of(scalar)?;
    if path == "/" {
        return Err(Fault::new(
            rule::PATH,
            "\"/\" cannot be hidden: nothing would be left",
        ));
    }
    if path == "/run" || OWN.contains(&path.as_str()) {
        let message = format!(
            "{} cannot be hidden: each container has its own",
            quote(&path)
        );
        return Err(Fault::new(rule::PATH, message).help("name something below it"));
    }
    Ok(PathBuf::from(path))
}

/// `[root] show`: something of the host, seen where it is.
pub fn shown(scalar: Scalar) -> Result<PathBuf, Fault> {
    let path = source_of(scalar)?;
    inside(&path)?;
    Ok(PathBuf::from(path))
}

/// A file or directory of the host that systemd binds or reads: its directives use `:` between two paths.
pub fn source(scalar: Scalar) -> Result<PathBuf, Fault> {
    source_of(scalar).map(PathBuf::from)
}

fn source_of(scalar: Scalar) -> Result<String, Fault> {
    let path = normal_of(scalar)?;
    bindable(&path)?;
    if path == "/" {
        let message = "\"/\" would be everything that the container must not see";
        return Err(Fault::new(rule::PATH, message));
    }
    Ok(path)
}

/// The place in a container where something is mounted.
pub fn target(written: &str) -> Result<PathBuf, Fault> {
    let path = normal(written, written)?;
    bindable(&path)?;
    inside(&path)?;
    // Whole trees of packages: their programs and libraries would be replaced for good.
    const WHOLE: [&str; 3] = ["/usr", "/etc", "/run"];
    if WHOLE.contains(&path.as_str()) {
        let message = format!("{} cannot be mounted over", quote(written));
        return Err(Fault::new(rule::PATH, message).help("name something below it"));
    }
    Ok(PathBuf::from(path))
}

/// Whether `path`, which is normal, is the container's to have.
fn inside(path: &str) -> Result<(), Fault> {
    if path == "/" {
        let message = "\"/\" is the container's root itself";
        return Err(Fault::new(rule::PATH, message));
    }
    let is_in = |own: &str| {
        let rest = path.strip_prefix(own);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some((_, what)) = LODGERS.iter().find(|(place, _)| is_in(place)) {
        let message = format!("{} cannot be mounted over: it is {what}", quote(path));
        return Err(Fault::new(rule::PATH, message));
    }
    match OWN.iter().find(|own| is_in(own)) {
        Some(own) => {
            let message = format!(
                "{} is in {own}, of which each container has its own",
                quote(path)
            );
            let fault = Fault::new(rule::PATH, message);
            Err(match *own {
                "/dev" => fault.help("for devices there is [isolation] devices"),
                _ => fault,
            })
        }
        None => Ok(()),
    }
}

/// Characters that systemd takes for something else in a list of paths, or that lodger's own command line would.
fn bindable(path: &str) -> Result<(), Fault> {
    let odd = |byte: &u8| matches!(byte, b':' | b'"' | b'\'' | b'\\');
    match path.as_bytes().iter().find(|byte| odd(byte)) {
        Some(byte) => {
            let message = format!(
                "{} has {} in it, which systemd cannot mount",
                quote(path),
                char::from(*byte)
            );
            Err(Fault::new(rule::PATH, message))
        }
        None => Ok(()),
    }
}

/// A file with a secret, which systemd reads on the host.
pub fn credential(scalar: Scalar) -> Result<PathBuf, Fault> {
    let path = source_of(scalar)?;
    match escape::credential("x", &path) {
        Ok(_) => Ok(PathBuf::from(path)),
        Err(why) => Err(Fault::new(rule::PATH, format!("{} {why}", quote(&path)))),
    }
}

/// `-` for a file that may be missing, and a path, which need not be absolute: where it begins is known later.
pub fn environment_file(scalar: Scalar) -> Result<EnvironmentFile, Fault> {
    let written = word(scalar)?;
    let (optional, path) = match written.strip_prefix('-') {
        Some(path) => (true, path),
        None => (false, &*written),
    };
    if path.is_empty() {
        return Err(Fault::new(
            rule::PATH,
            format!("{} names no file", quote(&written)),
        ));
    }
    // systemd.exec(5): EnvironmentFile= takes wildcards, and nothing can be put before them to take that away.
    if path.contains(['*', '?', '[', ']', '{', '}', '\\']) {
        let message = format!("{} has a wildcard or backslash in it", quote(&written));
        return Err(Fault::new(rule::PATH, message).help("name one file each"));
    }
    // What is relative is made absolute by the directory of the file it stands in, which is normal.
    let path = match path.strip_prefix('/') {
        Some(_) => normal(path, &written)?,
        None => {
            let mut below = normal(&format!("/{path}"), &written)?;
            below.remove(0);
            below
        }
    };
    Ok(EnvironmentFile {
        path: PathBuf::from(path),
        optional,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    #[test]
    fn paths_are_written_the_shortest_way() {
        for (written, meant) in [
            ("/", "/"),
            ("/srv", "/srv"),
            ("//srv//x/", "/srv/x"),
            ("/%n/é", "/%n/é"),
            ("/.x/..y", "/.x/..y"),
        ] {
            assert_eq!(absolute(of(written)), Ok(PathBuf::from(meant)));
        }
        for bad in [
            "",
            "srv",
            "./srv",
            "/../x",
            "/x/./y",
            "/x\ny",
            "/x ",
            "~/x",
            "%h/x",
            &format!("/{}", "a".repeat(256)),
            &"/a".repeat(2048),
        ] {
            assert!(absolute(of(bad)).is_err(), "for {bad:?}");
        }
    }

    #[test]
    fn what_would_be_mounted_over_or_taken_otherwise_is_refused() {
        for good in [
            "/srv/x",
            "/a b",
            "/run/postgresql",
            "/usr/share/x",
            "/x%y$",
            "/var/tmp",
        ] {
            assert_eq!(target(good), Ok(PathBuf::from(good)), "for {good:?}");
            assert_eq!(source(of(good)), Ok(PathBuf::from(good)), "for {good:?}");
        }
        for bad in [
            "/", "/usr", "/usr/", "/etc", "/proc/x", "/dev/sda", "/sys", "/tmp/x", "/a:b", "/a\"",
            "/a\\b", "x",
        ] {
            assert!(target(bad).is_err(), "for {bad:?}");
        }
        assert!(credential(of("/etc/credstore/a%b")).is_ok());
        assert!(credential(of("/etc/cred store/x")).is_err());
        assert!(shown(of("/proc/sys")).is_err());
        assert!(source(of("/")).is_err());
        assert!(hidden(of("/")).is_err());
    }

    #[test]
    fn environment_files_may_be_relative_and_optional() {
        let read = |written: &str| {
            environment_file(of(written))
                .map(|file| (file.path.display().to_string(), file.optional))
        };
        assert_eq!(read("web.env"), Ok(("web.env".to_owned(), false)));
        assert_eq!(read("-sub//web.env"), Ok(("sub/web.env".to_owned(), true)));
        assert_eq!(
            read("-/etc/default/web"),
            Ok(("/etc/default/web".to_owned(), true))
        );
        assert_eq!(read("%h/x"), Ok(("%h/x".to_owned(), false)));
        for bad in ["", "-", "../x", "/etc/*.env", "a[1]", "a\nb", "/a/../b"] {
            assert!(read(bad).is_err(), "for {bad:?}");
        }
    }
}
