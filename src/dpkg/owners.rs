//! Paths in; the packages that dpkg says they belong to out.
//!
//! dpkg keeps one list of paths for each package (`info/*.list`). Two things stand between them and what is on disk: a
//! diversion moves a file of one package out of the way of another (dpkg-divert(1)), and a package may still call a file
//! /lib/x that is /usr/lib/x since the top-level directories became links.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The names of packages, by path.
pub type Owners = BTreeMap<PathBuf, BTreeSet<String>>;

/// The most that is read of one file; the longest list of Debian's has 10 MB.
const MOST_BYTES: u64 = 256 << 20;

/// What dpkg diverts: for each original path where it goes to, and the package whose own file keeps its place.
type Diversions = HashMap<Vec<u8>, (Vec<u8>, String)>;

/// The owners of those of `paths` that have any, by dpkg's database in `admindir`. `base` is the tree that the paths are of.
///
/// # Errors
/// When the database cannot be read.
pub fn owners(admindir: &Path, base: &Path, paths: &BTreeSet<PathBuf>) -> Result<Owners> {
    let mut owners = Owners::new();
    if paths.is_empty() {
        return Ok(owners);
    }
    let diversions = read_diversions(&admindir.join("diversions"))?;
    let links = top_level_links(base)?;
    let info = admindir.join("info");
    let unreadable = || format!("cannot read '{}'", info.display());
    for entry in fs::read_dir(&info).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension() != Some(OsStr::new("list")) {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let package = stem.split(':').next().unwrap_or_default();
        for_each_line(&path, |line| {
            let line = place_on_disk(line, package, &diversions);
            let path = without_links(line, &links);
            if paths.contains(path.as_path()) {
                owners.entry(path).or_default().insert(package.to_owned());
            }
        })?;
    }
    Ok(owners)
}

/// Where the file that `package` lists as `path` is.
fn place_on_disk<'a>(path: &'a [u8], package: &str, diversions: &'a Diversions) -> &'a [u8] {
    match diversions.get(path) {
        Some((to, by)) if by != package => to,
        _ => path,
    }
}

/// `/usr/lib/x` for `/lib/x`, where that is a link.
fn without_links(path: &[u8], links: &BTreeMap<Vec<u8>, PathBuf>) -> PathBuf {
    let as_path = |bytes| Path::new(OsStr::from_bytes(bytes));
    let (Some(rest), whole) = (path.strip_prefix(b"/"), as_path(path)) else {
        return as_path(path).to_path_buf();
    };
    let mut parts = rest.splitn(2, |byte| *byte == b'/');
    match (parts.next().and_then(|top| links.get(top)), parts.next()) {
        (Some(target), Some(below)) => target.join(as_path(below)),
        _ => whole.to_path_buf(),
    }
}

/// Links at the top of the base to directories in its /usr: `lib` to `/usr/lib`.
fn top_level_links(base: &Path) -> Result<BTreeMap<Vec<u8>, PathBuf>> {
    let mut links = BTreeMap::new();
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"] {
        let path = base.join(name);
        match fs::read_link(&path) {
            Ok(target) => {
                let target = Path::new("/").join(target);
                if target.starts_with("/usr") {
                    links.insert(name.as_bytes().to_vec(), target);
                }
            }
            // A directory of its own, or not there.
            Err(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidInput
                ) => {}
            Err(cause) => {
                return Err(cause).with_context(|| format!("cannot read '{}'", path.display()));
            }
        }
    }
    Ok(links)
}

/// Three lines for each diversion: the path, where it goes to, and the package that it is for; `:` for the administrator.
fn read_diversions(path: &Path) -> Result<Diversions> {
    let mut lines = Vec::new();
    if path.exists() {
        for_each_line(path, |line| lines.push(line.to_vec()))?;
    }
    let diversions = lines.chunks_exact(3).map(|three| {
        let by = String::from_utf8_lossy(&three[2]).into_owned();
        (three[0].clone(), (three[1].clone(), by))
    });
    Ok(diversions.collect())
}

fn for_each_line(path: &Path, mut each: impl FnMut(&[u8])) -> Result<()> {
    let unreadable = || format!("cannot read '{}'", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        // dpkg has removed the package meanwhile.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(cause).with_context(unreadable),
    };
    let mut reader = BufReader::new(file.take(MOST_BYTES));
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .with_context(unreadable)?
        > 0
    {
        each(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn diversions_and_merged_directories_are_seen_through() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir_all(base.path().join("usr/lib")).unwrap();
        fs::create_dir_all(base.path().join("sbin")).unwrap();
        symlink("usr/lib", base.path().join("lib")).unwrap();
        symlink("/elsewhere", base.path().join("bin")).unwrap();
        let admindir = tempfile::tempdir().unwrap();
        let info = admindir.path().join("info");
        fs::create_dir(&info).unwrap();
        for (list, paths) in [
            ("libssl3t64:amd64.list", "/.\n/usr\n/usr/lib/libssl.so.3\n"),
            ("old.list", "/lib/old.so\n/bin/x\n/sbin/y\n/usr/lib\n"),
            ("vim.list", "/usr/bin/vim\n/usr/bin/local\n"),
            ("vim-wrapped.list", "/usr/bin/vim\n"),
            ("other.conffiles", "/usr/lib/libssl.so.3\n"),
        ] {
            fs::write(info.join(list), paths).unwrap();
        }
        let diversions = "/usr/bin/vim\n/usr/bin/vim.real\nvim-wrapped\n/usr/bin/local\n/usr/bin/local.orig\n:\n";
        fs::write(admindir.path().join("diversions"), diversions).unwrap();
        let asked = [
            "/usr/lib/libssl.so.3",
            "/usr/lib/old.so",
            "/bin/x",
            "/sbin/y",
            "/usr/lib",
            "/usr/bin/vim",
            "/usr/bin/vim.real",
            "/usr/bin/local",
            "/usr/bin/local.orig",
            "/usr/lib/nobodys",
        ];
        let paths = asked.iter().map(PathBuf::from).collect();
        let found = owners(admindir.path(), base.path(), &paths).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|(path, owners)| format!("{} {owners:?}", path.display()))
            .collect();
        assert_eq!(
            found,
            [
                "/bin/x {\"old\"}",
                "/sbin/y {\"old\"}",
                "/usr/bin/local.orig {\"vim\"}",
                "/usr/bin/vim {\"vim-wrapped\"}",
                "/usr/bin/vim.real {\"vim\"}",
                "/usr/lib {\"old\"}",
                "/usr/lib/libssl.so.3 {\"libssl3t64\"}",
                "/usr/lib/old.so {\"old\"}",
            ]
        );
    }

    #[test]
    fn a_missing_database_is_an_error_unless_nothing_is_asked() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(
            owners(nowhere, nowhere, &BTreeSet::new()).unwrap(),
            Owners::new()
        );
        assert!(owners(nowhere, nowhere, &BTreeSet::from(["/x".into()])).is_err());
    }
}
