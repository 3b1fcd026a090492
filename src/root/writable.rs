//! A container's state in; where what it writes lies, out.

use std::path::{Path, PathBuf};

/// The directory of an upper that systemd stacks, which it wants to be called `data` (systemd.mstack(7)).
pub const STACKED: &str = "rw";

/// Where an upper lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writable {
    /// The upper.
    pub upper: PathBuf,
    /// What overlayfs works in, on the same filesystem.
    pub work: PathBuf,
}

impl Writable {
    /// Below `state`: what systemd stacks if that is there, whoever makes the next root. `upper` then leads to it.
    pub fn of(state: &Path) -> Self {
        let stacked = state.join(STACKED);
        let (data, work) = (stacked.join("data"), stacked.join("work"));
        if data.is_dir() {
            return Self { upper: data, work };
        }
        Self {
            upper: state.join("upper"),
            work: state.join("work"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_stacks_is_the_upper_once_it_is_there() {
        let state = tempfile::tempdir().unwrap();
        let upper = || Writable::of(state.path()).upper;
        assert_eq!(upper(), state.path().join("upper"));
        std::fs::create_dir_all(state.path().join("rw/work")).unwrap();
        assert_eq!(upper(), state.path().join("upper"));
        std::fs::create_dir_all(state.path().join("rw/data")).unwrap();
        assert_eq!(upper(), state.path().join("rw/data"));
    }
}
