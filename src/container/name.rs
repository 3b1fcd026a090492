//! A container's name: what it may be, and the names that follow from it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::place;

/// A checked name: `web`, or `web@3` for an instance of `web@.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// `text` as a name, or the rule it breaks, in words for a diagnostic.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `lodger-NAME.service`.
    pub fn service(&self) -> String {
        format!("lodger-{}.service", self.0)
    }

    /// Where its root is mounted while it starts: `/run/lodger/roots/NAME`.
    pub fn root(&self) -> PathBuf {
        Path::new(place::ROOTS).join(&self.0)
    }

    /// Its state: `/var/lib/lodger/containers/NAME`, holding `upper` and `work`.
    pub fn state(&self) -> PathBuf {
        Path::new(place::CONTAINERS).join(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
