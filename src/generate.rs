//! What is installed in; a tree of unit files and links out, as data. [`write`] puts it on disk.

use std::collections::BTreeMap;

use crate::container::Start;
use crate::container::installed::Installed;
use crate::place;
use crate::service::{service, stub, stub_units_to_start};

mod write;

/// Files and symbolic links, by their paths below one directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitTree {
    /// Text by path.
    pub files: BTreeMap<String, String>,
    /// Target by path.
    pub links: BTreeMap<String, String>,
}

/// All units of `installed`, and the links through which the target starts them.
pub fn tree(installed: &Installed) -> UnitTree {
    let mut tree = UnitTree::default();
    for container in installed.containers() {
        let unit = service(container);
        if container.start == Start::Boot {
            tree.want(&unit.file_name, &unit.file_name);
        }
        tree.files.insert(unit.file_name.clone(), unit.to_string());
    }
    for refused in &installed.refused {
        for (unit, start) in stub(refused).into_iter().zip(stub_units_to_start(refused)) {
            if !installed.existing.contains(&unit.file_name) {
                // Whatever the file says: a boot must show that it is broken.
                tree.want(&start, &unit.file_name);
                tree.files.insert(unit.file_name.clone(), unit.to_string());
            }
        }
    }
    tree
}

impl UnitTree {
    fn want(&mut self, unit: &str, file: &str) {
        self.links.insert(
            format!("{}.wants/{unit}", place::TARGET),
            format!("../{file}"),
        );
    }

    /// The links that lead to `file`, with their targets.
    pub fn links_to<'a>(&'a self, file: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let links = self
            .links
            .iter()
            .map(|(path, target)| (path.as_str(), target.as_str()));
        links.filter(move |(_, target)| target.strip_prefix("../") == Some(file))
    }
}
