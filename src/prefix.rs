//! A path as the booted system sees it in, the path to open out: under `LODGER_ROOT` when somebody asked for that.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The directory that stands for `/`: of this system, of an image being built, or of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(PathBuf);

impl Prefix {
    /// The system itself.
    pub fn host() -> Self {
        Self(PathBuf::from("/"))
    }

    /// Another root, such as `LODGER_ROOT` or `--root` name; an empty one is the system itself, as an unset variable is.
    pub fn under(directory: &OsStr) -> Self {
        if directory.is_empty() {
            Self::host()
        } else {
            Self(PathBuf::from(directory))
        }
    }

    /// Whether this is the system itself.
    pub fn is_host(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where to open what the booted system knows as `path`.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        let inside = path.strip_prefix("/").unwrap_or(path);
        // In one allocation: it is asked for every file.
        let length = self.0.as_os_str().len() + path.as_os_str().len() + 1;
        let mut at = PathBuf::with_capacity(length);
        at.push(&self.0);
        at.push(inside);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_prefix() {
        let at = |prefix: &str, path: &str| Prefix::under(OsStr::new(prefix)).at(path);
        assert_eq!(at("/tmp/r", "/etc/lodger"), Path::new("/tmp/r/etc/lodger"));
        assert_eq!(at("r", "/etc"), Path::new("r/etc"));
        assert_eq!(at("", "/etc"), Path::new("/etc"));
        assert_eq!(at("/", "/etc"), Path::new("/etc"));
    }
}
