//! What is installed in; unit files and the links to them out, as data. `write` puts them on disk.

use std::collections::BTreeMap;

use crate::container::Start;
use crate::container::installed::Installed;
use crate::host::Host;
use crate::place;
use crate::prefix::Prefix;
use crate::service::{Way, conditions, service, stub, stub_units_to_start, timer};
use crate::unit::Unit;

mod write;

pub use write::write;

/// Files and symbolic links, by their paths below one directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitTree {
    /// Text by path.
    pub files: BTreeMap<String, String>,
    /// Target by path.
    pub links: BTreeMap<String, String>,
}

/// A unit, and whether the target starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The unit.
    pub unit: Unit,
    /// By which name the target does.
    pub wanted: Wanted,
}

/// How the target starts a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Not at all.
    No,
    /// By the name it has.
    Itself,
    /// By another: of a template, that of an instance.
    As(String),
}

/// All units of `installed` on the host below `prefix`, each made when it is asked for: together they are a thousand times as much to hold as one.
pub fn units<'i>(installed: &'i Installed, prefix: &'i Prefix) -> impl Iterator<Item = Made> + 'i {
    let host = Host::read(prefix);
    let good = installed.containers().flat_map(move |container| {
        let way = Way::of(container, prefix, host.systemd);
        let unit = service(container, way, &host);
        let wanted = match container.start {
            Start::Boot => Wanted::Itself,
            Start::Manual => Wanted::No,
        };
        // The service starts the timer, and not the target.
        let others = timer(container)
            .into_iter()
            .chain(conditions(container, way));
        let others = others.map(|unit| Made {
            unit,
            wanted: Wanted::No,
        });
        std::iter::once(Made { unit, wanted }).chain(others)
    });
    let stubs = installed.refused.iter().flat_map(|refused| {
        let stubs = stub(refused).into_iter().zip(stub_units_to_start(refused));
        // Whatever the file says: a boot must show that it is broken.
        stubs.map(|(unit, start)| Made {
            unit,
            wanted: Wanted::As(start),
        })
    });
    good.chain(stubs.filter(|made| !installed.existing.contains(&made.unit.file_name)))
}

/// The same, all at once.
pub fn tree(installed: &Installed, prefix: &Prefix) -> UnitTree {
    let mut tree = UnitTree::default();
    for made in units(installed, prefix) {
        if let Some((path, target)) = made.link() {
            tree.links.insert(path, target);
        }
        let (file_name, text) = made.unit.into_parts();
        tree.files.insert(file_name, text);
    }
    tree
}

impl Made {
    /// The link through which the target starts it: its path and its target.
    fn link(&self) -> Option<(String, String)> {
        let wanted = self.wanted()?;
        Some(([place::WANTS, "/", wanted].concat(), self.target()))
    }

    /// The name by which the target starts it.
    fn wanted(&self) -> Option<&str> {
        match &self.wanted {
            Wanted::No => None,
            Wanted::Itself => Some(&self.unit.file_name),
            Wanted::As(name) => Some(name),
        }
    }

    fn target(&self) -> String {
        ["../", &self.unit.file_name].concat()
    }
}

impl UnitTree {
    /// The links that lead to `file`, with their targets.
    pub fn links_to<'a>(&'a self, file: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let links = self
            .links
            .iter()
            .map(|(path, target)| (path.as_str(), target.as_str()));
        links.filter(move |(_, target)| target.strip_prefix("../") == Some(file))
    }
}
