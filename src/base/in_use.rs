//! All processes and their mount tables, and the bases on which containers are held, in; which base is needed by whom out.
//!
//! What cannot be decided counts as a use of every base.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::mounted::{Places, Told, Use};
use super::{Bases, Number};
use crate::cgroup;
use crate::threads;

/// Who needs what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InUse {
    /// Containers and processes that run on a base.
    pub by: BTreeMap<Number, BTreeSet<String>>,
    /// Containers that are held on a base, whether they run or not.
    pub held: BTreeMap<Number, BTreeSet<String>>,
    /// Why it is not known which base somebody uses.
    pub undecided: BTreeSet<String>,
}

impl InUse {
    /// Looks at every process in `proc`, and at every container's state in `containers`.
    ///
    /// # Errors
    /// When one of the directories, or a base, cannot be looked at.
    pub fn look(bases: &Bases, containers: &Path, proc: &Path) -> Result<Self> {
        let mut found = Self::default();
        found.look_at_holds(containers)?;
        let numbers = bases.numbers()?;
        if numbers.is_empty() {
            return Ok(found);
        }
        let places = Places::read(bases, &numbers, proc)?;
        for (number, point) in places.mounted_inside() {
            let who = format!("what is mounted on '{}'", point.display());
            found.by.entry(*number).or_default().insert(who);
        }
        let mut seen = HashSet::new();
        let mut roots = Roots::default();
        let failed = || format!("cannot read '{}'", proc.display());
        for entry in fs::read_dir(proc).with_context(failed)? {
            let name = entry.with_context(failed)?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let look = |process: &Path| places.told_by(process, &mut seen);
            match threads::of_living(&proc.join(name), look) {
                Ok(None) => {}
                Ok(Some(told)) => {
                    roots.add(pid, &told);
                    if !told.uses.is_empty() {
                        found.add(told.uses, &who(pid));
                    }
                }
                Err(cause) => {
                    found
                        .undecided
                        .insert(format!("{} cannot be looked at: {cause}", who(pid)));
                }
            }
        }
        found.undecided.extend(roots.unseen());
        Ok(found)
    }

    /// The container's `base` is a link to the base it is held on.
    fn look_at_holds(&mut self, containers: &Path) -> Result<()> {
        let failed = || format!("cannot read '{}'", containers.display());
        let entries = match fs::read_dir(containers) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(cause).with_context(failed),
        };
        for entry in entries {
            let entry = entry.with_context(failed)?;
            let container = entry.file_name().to_string_lossy().into_owned();
            match fs::read_link(entry.path().join("base")) {
                Ok(target) => {
                    let name = target.file_name().and_then(|name| name.to_str());
                    // Wherever it leads: one that has a base's number may well mean it.
                    if let Some(number) = name.and_then(|name| name.parse().ok()) {
                        self.held.entry(number).or_default().insert(container);
                    }
                }
                Err(cause) if is_no_link(&cause) => {}
                Err(cause) => return Err(cause).with_context(failed),
            }
        }
        Ok(())
    }

    fn add(&mut self, uses: Vec<Use>, who: &str) {
        for one in uses {
            match one {
                Use::Base(number) => {
                    self.by.entry(number).or_default().insert(who.to_owned());
                }
                Use::Undecided(layer) => {
                    self.undecided
                        .insert(format!("{who} has an overlay on '{layer}'"));
                }
            }
        }
    }
}

/// Which mount namespaces of containers have shown their roots.
#[derive(Debug, Default)]
struct Roots {
    shown: HashSet<PathBuf>,
    /// With the unit of a process that does not show it.
    unseen: BTreeMap<PathBuf, String>,
}

impl Roots {
    fn add(&mut self, pid: i32, told: &Told) {
        match told.shows_root {
            Some(true) => {
                self.shown.insert(told.namespace.clone());
            }
            Some(false) => {
                let unit = unit_of(pid).unwrap_or_default();
                self.unseen.entry(told.namespace.clone()).or_insert(unit);
            }
            None => {}
        }
    }

    /// Why it is not known on which base a container runs. What is not a container's may have any root.
    fn unseen(self) -> impl Iterator<Item = String> {
        let (shown, unseen) = (self.shown, self.unseen);
        let unseen = unseen
            .into_iter()
            .filter(move |(namespace, _)| !shown.contains(namespace));
        unseen.filter_map(|(_, unit)| {
            let container = container_of(&unit)?;
            Some(format!("no process of {container} shows its root"))
        })
    }
}

fn is_no_link(cause: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    matches!(cause.kind(), NotFound | NotADirectory | InvalidInput)
}

/// The container of a process, or its unit, or the process.
fn who(pid: i32) -> String {
    if pid == 1 {
        return "the host".to_owned();
    }
    match unit_of(pid) {
        Some(unit) => container_of(&unit).unwrap_or(&unit).to_owned(),
        None => format!("process {pid}"),
    }
}

fn unit_of(pid: i32) -> Option<String> {
    let group = cgroup::of(&pid.to_string()).ok().flatten()?;
    let mut units = group.rsplit('/');
    let unit = units.find(|unit| unit.ends_with(".service") || unit.ends_with(".scope"));
    unit.map(str::to_owned)
}

fn container_of(unit: &str) -> Option<&str> {
    unit.strip_prefix("lodger-")?.strip_suffix(".service")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn a_unit_is_a_container_by_its_name() {
        assert_eq!(container_of("lodger-web@3.service"), Some("web@3"));
        assert_eq!(container_of("lodgerd.service"), None);
    }

    #[test]
    fn a_namespace_is_shown_by_any_of_its_processes() {
        let told = |namespace: &str, shows_root| Told {
            namespace: namespace.into(),
            uses: Vec::new(),
            shows_root,
        };
        let mut roots = Roots::default();
        roots.add(10, &told("a", Some(false)));
        roots.add(11, &told("a", None));
        roots.add(12, &told("b", Some(false)));
        roots.add(13, &told("b", Some(true)));
        let unseen: Vec<_> = roots.unseen.keys().collect();
        assert_eq!(unseen, [Path::new("a"), Path::new("b")]);
        assert_eq!(roots.shown, HashSet::from(["b".into()]));
    }

    #[test]
    fn links_in_the_state_of_containers_hold_bases() {
        let containers = tempfile::tempdir().unwrap();
        for (name, target) in [
            ("web", "/var/lib/lodger/bases/4"),
            ("db", "../../bases/4"),
            ("x", "/"),
        ] {
            let state = containers.path().join(name);
            fs::create_dir(&state).unwrap();
            std::os::unix::fs::symlink(target, state.join("base")).unwrap();
        }
        fs::create_dir(containers.path().join("free")).unwrap();
        let bases = Bases::at(containers.path().join("none"));
        let found = InUse::look(&bases, containers.path(), Path::new("/proc")).unwrap();
        let held = BTreeSet::from(["db".to_owned(), "web".to_owned()]);
        assert_eq!(found.held, BTreeMap::from([(number("4"), held)]));
        assert_eq!((found.by.len(), found.undecided.len()), (0, 0));
    }
}
