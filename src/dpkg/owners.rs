//! Paths and dpkg's file lists in; the packages that own each path out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The names of packages, by path.
pub type Owners = BTreeMap<PathBuf, BTreeSet<String>>;

/// The links at the top of a host whose `/usr` is merged, and what packages still call by them.
const MERGED: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"];
/// The longest line of a list that is looked at: PATH_MAX and more.
const LONGEST_LINE: u64 = 16 << 10;

/// For each of `paths`, absolute and below `/usr` where that is merged, the packages whose files are there, by the lists in
/// `admindir/info`. A path that none has is left out.
///
/// # Errors
/// When a list cannot be read.
pub fn owners(admindir: &Path, paths: &BTreeSet<PathBuf>) -> Result<Owners> {
    let mut owners = Owners::new();
    if paths.is_empty() {
        return Ok(owners);
    }
    let diversions = Diversions::read(admindir)?;
    for (package, list) in lists(admindir, ".list")? {
        for_each_line(&list, |line| {
            let listed = Path::new(std::ffi::OsStr::from_bytes(line));
            let path = merged(diversions.place(&package, listed));
            if paths.contains(&path) {
                let name = package.split(':').next().unwrap_or_default();
                owners.entry(path).or_default().insert(name.to_owned());
            }
        })?;
    }
    Ok(owners)
}

/// The MD5 sums that packages give for their files, as hexadecimal digits, by absolute path below `/usr` where that is merged,
/// with the package. Configuration files are not among them.
///
/// # Errors
/// When a list cannot be read.
pub fn md5sums(admindir: &Path) -> Result<BTreeMap<PathBuf, (String, String)>> {
    let diversions = Diversions::read(admindir)?;
    let mut sums = BTreeMap::new();
    for (package, list) in lists(admindir, ".md5sums")? {
        for_each_line(&list, |line| {
            // md5sum(1): 32 digits, two blanks, the path.
            let Some((sum, name)) = line.split_at_checked(32) else {
                return;
            };
            let (Ok(sum), Some(name)) = (str::from_utf8(sum), name.strip_prefix(b"  ")) else {
                return;
            };
            let listed = Path::new("/").join(std::ffi::OsStr::from_bytes(name));
            let path = merged(diversions.place(&package, &listed));
            sums.insert(path, (sum.to_ascii_lowercase(), package.clone()));
        })?;
    }
    Ok(sums)
}

/// What packages have below the absolute directory `tree`, but for their configuration files, which are the administrator's to edit.
///
/// # Errors
/// When a list cannot be read.
pub fn packaged_below(admindir: &Path, tree: &Path) -> Result<BTreeSet<PathBuf>> {
    let diversions = Diversions::read(admindir)?;
    let mut packaged = BTreeSet::new();
    for (package, list) in lists(admindir, ".list")? {
        for_each_line(&list, |line| {
            let listed = Path::new(std::ffi::OsStr::from_bytes(line));
            let place = diversions.place(&package, listed);
            if place.starts_with(tree) {
                packaged.insert(place.to_path_buf());
            }
        })?;
    }
    for (package, list) in lists(admindir, ".conffiles")? {
        for_each_line(&list, |line| {
            // deb-conffiles(5): a path, or a flag and a path.
            let path = line.rsplit(|byte| *byte == b' ').next().unwrap_or(line);
            let listed = Path::new(std::ffi::OsStr::from_bytes(path));
            packaged.remove(diversions.place(&package, listed));
        })?;
    }
    Ok(packaged)
}

/// The lists of what each package has.
#[derive(Debug)]
pub struct Files {
    info: PathBuf,
    diversions: Diversions,
}

impl Files {
    /// The lists in `admindir/info`.
    ///
    /// # Errors
    /// When the list of diversions cannot be read.
    pub fn open(admindir: &Path) -> Result<Self> {
        Ok(Self {
            info: admindir.join("info"),
            diversions: Diversions::read(admindir)?,
        })
    }

    /// Calls `act` with the place of everything that a package has, directories too; absolute, and below `/usr` where that is
    /// merged. A package without a list has nothing.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn for_each(
        &self,
        package: &str,
        architecture: &str,
        mut act: impl FnMut(&Path),
    ) -> Result<()> {
        // Multi-Arch packages carry the architecture in the name of the list.
        for name in [
            format!("{package}.list"),
            format!("{package}:{architecture}.list"),
        ] {
            for_each_line(&self.info.join(name), |line| {
                let listed = Path::new(std::ffi::OsStr::from_bytes(line));
                act(&merged(self.diversions.place(package, listed)));
            })?;
        }
        Ok(())
    }
}

/// `/lib/x` is `/usr/lib/x` (deb-usrmerge, the layout of every supported Debian).
fn merged(path: &Path) -> PathBuf {
    let below = path.strip_prefix("/").unwrap_or(path);
    if MERGED.iter().any(|top| below.starts_with(top)) {
        Path::new("/usr").join(below)
    } else {
        path.to_path_buf()
    }
}

/// The lists with this ending: the package, and the file.
fn lists(admindir: &Path, ending: &str) -> Result<Vec<(String, PathBuf)>> {
    let info = admindir.join("info");
    let failed = || format!("cannot read '{}'", info.display());
    let mut lists = Vec::new();
    for entry in std::fs::read_dir(&info).with_context(failed)? {
        let name = entry.with_context(failed)?.file_name();
        // Package names are ASCII.
        let package = name.to_str().and_then(|name| name.strip_suffix(ending));
        if let Some(package) = package {
            lists.push((package.to_owned(), info.join(&name)));
        }
    }
    Ok(lists)
}

fn for_each_line(path: &Path, mut act: impl FnMut(&[u8])) -> Result<()> {
    let failed = || format!("cannot read '{}'", path.display());
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(cause).with_context(failed),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = io::Read::take(&mut file, LONGEST_LINE);
        if bounded.read_until(b'\n', &mut line).with_context(failed)? == 0 {
            return Ok(());
        }
        act(line.strip_suffix(b"\n").unwrap_or(&line));
    }
}

/// Files that one package has moved out of the way of its own (dpkg-divert(1)).
#[derive(Debug, Default)]
struct Diversions(BTreeMap<PathBuf, (PathBuf, String)>);

impl Diversions {
    /// Three lines each: the path, where it goes, the package for which it does, `:` for the administrator.
    fn read(admindir: &Path) -> Result<Self> {
        let mut lines = Vec::new();
        for_each_line(&admindir.join("diversions"), |line| {
            lines.push(line.to_vec())
        })?;
        let path = |line: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(line));
        let entries = lines.chunks_exact(3).map(|entry| {
            let package = String::from_utf8_lossy(&entry[2]).into_owned();
            (path(&entry[0]), (path(&entry[1]), package))
        });
        Ok(Self(entries.collect()))
    }

    /// Where a file that `package` lists really is.
    fn place<'a>(&'a self, package: &str, listed: &'a Path) -> &'a Path {
        let name = package.split_once(':').map_or(package, |(name, _)| name);
        match self.0.get(listed) {
            Some((place, by)) if by != name => place,
            _ => listed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admindir() -> tempfile::TempDir {
        let admindir = tempfile::tempdir().unwrap();
        let info = admindir.path().join("info");
        std::fs::create_dir(&info).unwrap();
        for (name, text) in [
            ("libc6:amd64.list", "/.\n/lib\n/lib/libc.so.6\n/usr/lib\n"),
            ("dash.list", "/.\n/bin/sh\n/usr/lib\n"),
            ("other.list", "/bin/sh\n"),
            ("dash.postinst", "/bin/sh\n"),
            (
                "dash.md5sums",
                "0123456789ABCDEF0123456789abcdef  bin/sh\nbroken\n\n",
            ),
            (
                "other.md5sums",
                "11111111111111111111111111111111  bin/sh\n",
            ),
        ] {
            std::fs::write(info.join(name), text).unwrap();
        }
        let diversions = "/bin/sh\n/bin/sh.distrib\ndash\n";
        std::fs::write(admindir.path().join("diversions"), diversions).unwrap();
        admindir
    }

    #[test]
    fn what_is_packaged_is_not_what_is_edited() {
        let admindir = admindir();
        let info = admindir.path().join("info");
        let list = "/.\n/opt\n/opt/x\n/opt/x/bin\n/opt/x/x.conf\n/opt/x/old.conf\n/optional\n";
        std::fs::write(info.join("x.list"), list).unwrap();
        let conffiles = "/opt/x/x.conf\nremove-on-upgrade /opt/x/old.conf\n";
        std::fs::write(info.join("x.conffiles"), conffiles).unwrap();
        let packaged = packaged_below(admindir.path(), Path::new("/opt")).unwrap();
        let packaged: Vec<_> = packaged.iter().filter_map(|path| path.to_str()).collect();
        assert_eq!(packaged, ["/opt", "/opt/x", "/opt/x/bin"]);
    }

    #[test]
    fn owners_are_found_through_merged_directories_and_diversions() {
        let admindir = admindir();
        let paths = [
            "/usr/lib/libc.so.6",
            "/usr/bin/sh",
            "/usr/bin/sh.distrib",
            "/usr/lib",
            "/etc/none",
        ];
        let found = owners(admindir.path(), &paths.iter().map(PathBuf::from).collect()).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|(path, packages)| {
                (
                    path.to_str().unwrap(),
                    packages.iter().map(String::as_str).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("/usr/bin/sh", vec!["dash"]),
                ("/usr/bin/sh.distrib", vec!["other"]),
                ("/usr/lib", vec!["dash", "libc6"]),
                ("/usr/lib/libc.so.6", vec!["libc6"]),
            ]
        );
    }

    #[test]
    fn sums_belong_to_the_place_where_a_file_really_is() {
        let sums = md5sums(admindir().path()).unwrap();
        let told: Vec<_> = sums
            .iter()
            .map(|(path, (sum, package))| (path.to_str().unwrap(), &sum[..4], package.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("/usr/bin/sh", "0123", "dash"),
                ("/usr/bin/sh.distrib", "1111", "other")
            ]
        );
    }
}
