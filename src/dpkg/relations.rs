//! dpkg's status in; which package needs which out.
//!
//! What cannot be made sense of counts as needing everything: a container too many is restarted then, never one too few.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::Result;

use super::status::{Entry, Status};

/// Who depends on whom (`Depends:` and `Pre-Depends:`, deb-control(5)). Packages are told apart by their names alone, without
/// the architecture. Of alternatives each that is there counts, versions are ignored.
#[derive(Debug, Default)]
pub struct Relations {
    packages: BTreeMap<String, usize>,
    nodes: Vec<Node>,
    by_source: HashMap<String, Vec<usize>>,
    /// Whether there are packages of which not even the name is known.
    has_nameless: bool,
    faults: Vec<String>,
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    source: String,
    essential: bool,
    /// It cannot be told on what it depends.
    opaque: bool,
    depends: Vec<usize>,
    /// All that it needs, itself included; by number, one bit each. `None` if that is everything.
    needs: OnceLock<Option<Box<[u64]>>>,
}

impl Relations {
    /// The relations in the status files of all of `admindirs`, `/var/lib/dpkg` on a host. Those of a package that has been
    /// removed are in an older one only, such as a base's record has.
    ///
    /// # Errors
    /// When one cannot be read or is no dpkg status file.
    pub fn read(admindirs: &[&Path]) -> Result<Self> {
        let statuses: Result<Vec<_>> = admindirs
            .iter()
            .map(|admindir| Status::read(admindir))
            .collect();
        Ok(Self::of(&statuses?))
    }

    /// The relations in all of `statuses` together.
    pub fn of(statuses: &[Status]) -> Self {
        let entries: Vec<&Entry> = statuses
            .iter()
            .flat_map(|status| &status.entries)
            .filter(|entry| entry.has_files())
            .collect();
        let mut relations = Self {
            has_nameless: statuses.iter().any(|status| !status.faults.is_empty()),
            faults: statuses.iter().flat_map(Status::all_faults).collect(),
            ..Self::default()
        };
        for entry in &entries {
            relations.add(entry);
        }
        let offers = relations.offers(&entries);
        for entry in &entries {
            relations.connect(entry, &offers);
        }
        relations
    }

    fn add(&mut self, entry: &Entry) {
        let next = self.nodes.len();
        let number = *self.packages.entry(entry.name.clone()).or_insert(next);
        if number == next {
            let source = match entry.source.is_empty() {
                true => entry.name.clone(),
                false => entry.source.clone(),
            };
            self.by_source
                .entry(source.clone())
                .or_default()
                .push(number);
            self.nodes.push(Node {
                name: entry.name.clone(),
                source,
                ..Node::default()
            });
        }
        self.nodes[number].essential |= entry.essential;
        self.nodes[number].opaque |= entry.fault.is_some();
    }

    /// What packages there are under each name, their own and those in `Provides:`.
    fn offers<'a>(&self, entries: &[&'a Entry]) -> HashMap<&'a str, BTreeSet<usize>> {
        let mut offers: HashMap<&str, BTreeSet<usize>> = HashMap::new();
        for entry in entries {
            let provided = names(&entry.provides).flatten();
            for name in provided.chain([entry.name.as_str()]) {
                let number = self.packages[&entry.name];
                offers.entry(name).or_default().insert(number);
            }
        }
        offers
    }

    fn connect(&mut self, entry: &Entry, offers: &HashMap<&str, BTreeSet<usize>>) {
        let node = &mut self.nodes[self.packages[&entry.name]];
        for name in names(&entry.depends) {
            match name {
                Some(name) => node.depends.extend(offers.get(name).into_iter().flatten()),
                None => node.opaque = true,
            }
        }
        node.depends.sort_unstable();
        node.depends.dedup();
    }

    /// What made no sense, in words.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Whether `package` cannot work without `on`, at whatever remove; a package does not depend on itself.
    pub fn depends(&self, package: &str, on: &str) -> bool {
        package != on
            && match (self.packages.get(package), self.packages.get(on)) {
                (Some(package), Some(on)) => self.needs(*package, *on),
                (number, _) => self.is_opaque(number),
            }
    }

    /// Whether `on` is among the very packages that `package` says it depends on.
    pub fn depends_directly(&self, package: &str, on: &str) -> bool {
        let Some(&number) = self.packages.get(package) else {
            return package != on && self.has_nameless;
        };
        let node = &self.nodes[number];
        let on_number = self.packages.get(on);
        package != on && (node.opaque || on_number.is_some_and(|on| node.depends.contains(on)))
    }

    /// The packages that are made of the same source as `package`, itself included.
    pub fn siblings<'a>(&'a self, package: &'a str) -> impl Iterator<Item = &'a str> {
        let source = self.source(package);
        let siblings = source.and_then(|source| self.by_source.get(source));
        let names = siblings.into_iter().flatten();
        let names = names.map(|number| self.nodes[*number].name.as_str());
        names.filter(move |name| *name != package).chain([package])
    }

    /// The source that `package` is made of; `None` if it is not known.
    pub fn source(&self, package: &str) -> Option<&str> {
        let number = self.packages.get(package)?;
        Some(&self.nodes[*number].source)
    }

    /// Whether every package may use `package` without saying so (`Essential: yes`).
    pub fn is_essential(&self, package: &str) -> bool {
        let number = self.packages.get(package);
        number.is_some_and(|number| self.nodes[*number].essential)
    }

    /// Whether it has to be assumed that a package needs everything.
    fn is_opaque(&self, number: Option<&usize>) -> bool {
        number.map_or(self.has_nameless, |number| {
            self.all_needs(*number).is_none()
        })
    }

    fn needs(&self, number: usize, on: usize) -> bool {
        match self.all_needs(number) {
            Some(needs) => needs[on / 64] & (1 << (on % 64)) != 0,
            None => true,
        }
    }

    fn all_needs(&self, number: usize) -> Option<&[u64]> {
        let needs = self.nodes[number]
            .needs
            .get_or_init(|| self.collect_needs(number));
        needs.as_deref()
    }

    fn collect_needs(&self, number: usize) -> Option<Box<[u64]>> {
        let mut needs = vec![0; self.nodes.len().div_ceil(64)];
        let mut found = vec![number];
        while let Some(number) = found.pop() {
            let (word, bit) = (&mut needs[number / 64], 1u64 << (number % 64));
            if *word & bit != 0 {
                continue;
            }
            *word |= bit;
            if self.nodes[number].opaque {
                return None;
            }
            found.extend(&self.nodes[number].depends);
        }
        Some(needs.into())
    }
}

/// The names of packages in a list of them; `None` for what is no name.
fn names(list: &str) -> impl Iterator<Item = Option<&str>> {
    let items = list
        .split([',', '|'])
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items.map(|item| {
        let name = item.split([' ', '\t', '(', ':', '[', '<']).next();
        name.filter(|name| is_name(name))
    })
}

/// Debian policy 5.6.7, and capitals, which dpkg takes too.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    name.len() > 1 && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::status::parse;
    use super::*;

    /// Each line is a package: its name, then fields.
    fn relations(packages: &[(&str, &str)]) -> Relations {
        let text = packages.iter().map(|(name, fields)| {
            format!("Package: {name}\nStatus: install ok installed\nArchitecture: all\n{fields}\n")
        });
        Relations::of(&[parse(&text.collect::<Vec<_>>().join("\n")).unwrap()])
    }

    #[test]
    fn dependencies_are_followed_through_alternatives_and_virtual_packages() {
        let relations = relations(&[
            ("app", "Depends: none | python3:any (>= 3), server"),
            ("python3", "Pre-Depends: python3.13"),
            ("python3.13", "Depends: libc6 (>= 2), python3-ring"),
            ("python3-ring", "Depends: python3"),
            ("libc6", "Multi-Arch: same"),
            ("nginx", "Provides: server (= 1), nginx-abi-1"),
        ]);
        for (package, on, at_all, directly) in [
            ("app", "python3", true, true),
            ("app", "python3.13", true, false),
            ("app", "libc6", true, false),
            ("app", "nginx", true, true),
            ("app", "app", false, false),
            ("python3", "python3", false, false),
            ("python3-ring", "python3.13", true, false),
            ("libc6", "app", false, false),
            ("nginx", "app", false, false),
            ("none", "libc6", false, false),
            ("app", "none", false, false),
        ] {
            let told = (
                relations.depends(package, on),
                relations.depends_directly(package, on),
            );
            assert_eq!(told, (at_all, directly), "{package} on {on}");
        }
    }

    #[test]
    fn what_makes_no_sense_needs_everything() {
        let with_fault = relations(&[
            ("line", "no field here"),
            ("list", "Depends: fine, $%&"),
            ("above", "Depends: list"),
            ("fine", ""),
            ("other", ""),
        ]);
        for package in ["line", "list", "above"] {
            assert!(with_fault.depends(package, "other"), "{package}");
            assert!(with_fault.depends(package, "never-heard-of"), "{package}");
        }
        assert!(with_fault.depends_directly("line", "other"));
        assert!(!with_fault.depends_directly("above", "other"));
        assert!(!with_fault.depends("fine", "other"));
        assert!(!with_fault.depends("never-heard-of", "other"));
        // Of a paragraph without a name nobody knows whose it is.
        let status = "Package: a\nStatus: install ok installed\n\nDepends: x\n";
        let nameless = Relations::of(&[parse(status).unwrap()]);
        assert!(nameless.depends("never-heard-of", "a"));
        assert!(!nameless.depends("a", "never-heard-of"));
    }

    #[test]
    fn packages_of_one_source_are_siblings() {
        let relations = relations(&[
            ("nginx", "Architecture: amd64"),
            ("nginx-common", "Source: nginx (1.26)"),
            ("dash", "Essential: yes"),
        ]);
        let siblings: Vec<_> = relations.siblings("nginx-common").collect();
        assert_eq!(siblings, ["nginx", "nginx-common"]);
        assert_eq!(relations.siblings("dash").collect::<Vec<_>>(), ["dash"]);
        assert_eq!(relations.siblings("gone").collect::<Vec<_>>(), ["gone"]);
        assert!(relations.is_essential("dash") && !relations.is_essential("nginx"));
    }

    #[test]
    fn relations_of_what_was_removed_come_from_the_older_file() {
        let installed = |text: &str| parse(text).unwrap();
        let relations = Relations::of(&[
            installed("Package: app\nStatus: install ok installed\nDepends: perl\n"),
            installed(
                "Package: perl\nStatus: install ok installed\n\n\
                 Package: app\nStatus: deinstall ok config-files\n",
            ),
        ]);
        assert!(relations.depends("app", "perl"));
    }
}
