//! What changed, who depends on whom and what the processes of a container show in; the reasons to restart it out. Pure.
//!
//! A container stays on its base until it is restarted. So it is not enough that no process maps anything old: what it runs,
//! loads or reads next comes from the old base too. Where that cannot be seen, what packages say they need decides.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;

use super::change::{HostChange, Touches};
use super::interpreter::Interpreter;
use super::reason::Reason;
use crate::container::{Update, UpdatePolicy};
use crate::dpkg::owners::{self, Owners};
use crate::dpkg::relations::Relations;
use crate::stale::Evidence;
use crate::stale::evidence::{Program, Sighting, Undecided};

/// Where the packaged interpreters lie: one that is copied elsewhere still loads their modules.
const PACKAGED: &str = "/usr/bin";

/// Why `evidence` makes the container with this `update` affected by `change`; sorted, each reason once. `program` is the one
/// its container file names. Another changed package only ever adds reasons. `UpdatePolicy::Never` changes nothing here.
pub fn reasons(
    update: &Update,
    program: Option<&Path>,
    evidence: &Evidence,
    change: &HostChange,
    relations: &Relations,
    owners: &Owners,
) -> Vec<Reason> {
    Judge::new(change, relations, owners).reasons(update, program, evidence)
}

/// The packages that own what is in `evidence`, and the programs of container files: by the lists in `admindirs`, old and new,
/// for what was replaced may be in an old one only.
///
/// # Errors
/// When a list cannot be read.
pub fn owners_of<'a>(
    evidence: impl IntoIterator<Item = &'a Evidence>,
    programs: impl IntoIterator<Item = &'a Path>,
    admindirs: &[&Path],
) -> Result<Owners> {
    let evidence = evidence.into_iter().flat_map(Evidence::paths);
    let paths: BTreeSet<PathBuf> = evidence
        .chain(programs)
        .flat_map(|path| [Some(path.to_path_buf()), packaged(path)])
        .flatten()
        .collect();
    let mut owners = Owners::new();
    for admindir in admindirs {
        for (path, packages) in owners::owners(admindir, &paths)? {
            owners.entry(path).or_default().extend(packages);
        }
    }
    Ok(owners)
}

/// The interpreter of the host that goes by the name of `path`, if that is one.
fn packaged(path: &Path) -> Option<PathBuf> {
    Interpreter::of(path)?;
    Some(Path::new(PACKAGED).join(path.file_name()?))
}

/// A package that changed in what a program may run or read.
struct Touched<'a> {
    name: &'a str,
    touches: Touches,
    modules_of: BTreeSet<Interpreter>,
}

/// Judges one container after the other; remembers what it found out about programs.
pub struct Judge<'a> {
    touched: Vec<Touched<'a>>,
    change: &'a HostChange,
    relations: &'a Relations,
    owners: &'a Owners,
    by_program: RefCell<HashMap<Program, Rc<[Reason]>>>,
}

impl<'a> Judge<'a> {
    /// A judge of what `change` means; `owners` is for the evidence that it will see ([`owners_of`]).
    pub fn new(change: &'a HostChange, relations: &'a Relations, owners: &'a Owners) -> Self {
        let touched = change.touched().map(|package| Touched {
            name: &package.change.name,
            touches: package.touches,
            modules_of: package.modules_of(),
        });
        Self {
            touched: touched.collect(),
            change,
            relations,
            owners,
            by_program: RefCell::default(),
        }
    }

    /// As [`reasons()`].
    pub fn reasons(
        &self,
        update: &Update,
        program: Option<&Path>,
        evidence: &Evidence,
    ) -> Vec<Reason> {
        let mut reasons = BTreeSet::new();
        if update.policy == UpdatePolicy::Always {
            reasons.insert(Reason::Always);
        }
        let changed = self.change.packages.iter();
        let changed = changed.map(|package| &package.change.name);
        reasons.extend(
            changed
                .filter(|name| update.packages.contains(name))
                .map(|name| Reason::Named {
                    package: name.clone(),
                }),
        );
        reasons.extend(evidence.maps.iter().map(|sighting| self.mapped(sighting)));
        reasons.extend(evidence.opens.iter().map(|sighting| self.opened(sighting)));
        for program in &evidence.programs {
            reasons.extend(self.of_program(program).iter().cloned());
        }
        for undecided in &evidence.undecided {
            reasons.extend(self.undecided(undecided, program));
        }
        reasons.into_iter().collect()
    }

    fn mapped(&self, sighting: &Sighting) -> Reason {
        Reason::Maps {
            path: sighting.path.clone(),
            package: self.package_of(&sighting.path),
        }
    }

    fn opened(&self, sighting: &Sighting) -> Reason {
        Reason::Opens {
            path: sighting.path.clone(),
            package: self.package_of(&sighting.path),
        }
    }

    fn package_of(&self, path: &Path) -> Option<String> {
        self.owners.get(path)?.first().cloned()
    }

    fn of_program(&self, program: &Program) -> Rc<[Reason]> {
        if let Some(known) = self.by_program.borrow().get(program) {
            return Rc::clone(known);
        }
        let reasons: Rc<[Reason]> = self.for_program(program).into();
        let mut by_program = self.by_program.borrow_mut();
        by_program.insert(program.clone(), Rc::clone(&reasons));
        reasons
    }

    fn for_program(&self, program: &Program) -> Vec<Reason> {
        let interpreter = Interpreter::of(&program.path);
        let family = self.family(&program.path, interpreter);
        let reason = |changed: &Touched| {
            let name = changed.name;
            let (program_path, package) = (program.path.clone(), name.to_owned());
            if family.contains(name) || interpreter.is_none() && self.extends(name, &family) {
                Some(Reason::Extends {
                    program: program_path,
                    package,
                })
            } else if interpreter.is_some_and(|kind| self.is_for(changed, kind, &family)) {
                Some(Reason::Interpreter {
                    program: program_path,
                    package,
                })
            } else if interpreter.is_some_and(|kind| kind.runs_others(program.has_run_others)) {
                Some(Reason::Runs {
                    program: program_path,
                    package,
                })
            } else if changed.touches.only_data() && self.is_said_to_be_read(name, &family) {
                Some(Reason::Reads {
                    program: program_path,
                    package,
                })
            } else {
                None
            }
        };
        self.touched.iter().filter_map(reason).collect()
    }

    /// The package of a program and all that are made of the same source. The source of Python, say, makes several, and
    /// modules say that they need one or the other.
    fn family(&self, program: &Path, interpreter: Option<Interpreter>) -> BTreeSet<&str> {
        let mut family: BTreeSet<&str> = self
            .packages_of(program)
            .flat_map(|package| self.relations.siblings(package))
            .collect();
        if interpreter == Some(Interpreter::Php) {
            // Of another source, and what modules that go with every version need.
            family.insert("php-common");
        }
        family
    }

    fn packages_of(&self, program: &Path) -> impl Iterator<Item = &str> {
        let packages = self
            .owners
            .get(program)
            .or_else(|| self.owners.get(&packaged(program)?));
        packages.into_iter().flatten().map(String::as_str)
    }

    fn extends(&self, changed: &str, family: &BTreeSet<&str>) -> bool {
        family
            .iter()
            .any(|package| self.relations.depends_directly(changed, package))
    }

    /// Whether an interpreter may load what changed: by where it lies, for many packages do not say what they are for, or
    /// because it says so, for programs look for their own modules elsewhere.
    fn is_for(&self, changed: &Touched, interpreter: Interpreter, family: &BTreeSet<&str>) -> bool {
        changed.modules_of.contains(&interpreter)
            || interpreter == Interpreter::Java && changed.touches.archives
            || interpreter.is_needed_by_modules()
                && family
                    .iter()
                    .any(|package| self.relations.depends(changed.name, package))
    }

    fn is_said_to_be_read(&self, changed: &str, family: &BTreeSet<&str>) -> bool {
        family
            .iter()
            .any(|package| self.relations.depends_directly(package, changed))
    }

    fn undecided(&self, undecided: &Undecided, named: Option<&Path>) -> Vec<Reason> {
        let program = undecided.program.as_deref().or(named);
        let owners: Vec<&str> = program
            .into_iter()
            .flat_map(|p| self.packages_of(p))
            .collect();
        let because = |package| Reason::Undecided {
            why: undecided.why.clone(),
            package,
        };
        if owners.is_empty() {
            let any = self.touched.first();
            return any.map(|_| because(None)).into_iter().collect();
        }
        let touched = self.touched.iter().map(|changed| changed.name);
        touched
            .filter(|name| owners.iter().any(|owner| self.may_use(owner, name)))
            .map(|name| because(Some(name.to_owned())))
            .collect()
    }

    fn may_use(&self, package: &str, changed: &str) -> bool {
        package == changed
            || self.relations.is_essential(changed)
            || self.relations.depends(package, changed)
    }
}

#[cfg(test)]
mod tests;
