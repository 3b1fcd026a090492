//! Packages in; how many processes of all containers run what they have now, what they had before, or a container's own, out.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Serialize;

use super::pending::Pending;
use super::places::Places;
use super::present::present;
use super::standing::standings;
use crate::container::Name;
use crate::root::lower;
use crate::settings::Settings;
use crate::stale::census::{Census, Fate};
use crate::stale::{self, StaleProcess, look_at_each};
use crate::systemd::{ServiceState, Systemd};

mod wanted;

use wanted::wanted;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Proof {
    /// The packages that were asked for, in that order.
    pub packages: Vec<PackageProof>,
    /// Containers that run what a package had before.
    pub old: Vec<OldContainer>,
    /// Containers with processes of which nothing can be told.
    pub unknown: Vec<UnknownContainer>,
    /// How many processes were looked at.
    pub processes: usize,
}

/// One package: processes that map a file of it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct PackageProof {
    /// Its name.
    pub name: String,
    /// Those that map only what it has now.
    pub new: usize,
    /// Those that map something it had before.
    pub old: usize,
    /// Those that map their container's own instead.
    pub shadow: usize,
}

/// A container that runs what a package had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OldContainer {
    /// Its name.
    pub name: String,
    /// Those of the packages in question; none if it is something else.
    pub packages: Vec<String>,
    /// How many of its processes do.
    pub processes: usize,
    /// Why, if somebody wants that or it is put off.
    pub reason: Option<String>,
}

/// A container of whose processes nothing can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownContainer {
    /// Its name.
    pub name: String,
    /// How many.
    pub processes: usize,
    /// Why not, for the first of them.
    pub why: String,
}

impl Proof {
    /// Whether nothing old runs, as far as can be told of everything.
    pub fn is_good(&self) -> bool {
        self.old.is_empty() && self.unknown.is_empty()
    }
}

/// What is to be proved.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The packages to count for.
    pub packages: &'a [String],
    /// Whether old files of other packages, or of none, count as well.
    pub everything: bool,
}

/// Looks at every process of every running container for files of the packages in question.
///
/// # Errors
/// When systemd, dpkg's lists or a container cannot be read.
pub fn proof(
    places: &Places,
    systemd: &mut Systemd,
    settings: &Settings,
    question: Question<'_>,
) -> Result<Proof> {
    let wanted = wanted(places, question.packages)?;
    let present = present(places, systemd, settings)?;
    let due = standings(&Pending::known(places).0, &present.plan);
    let mut proof = Proof::new(question.packages);
    let mut services = systemd.services()?;
    services.retain(ServiceState::is_running);
    let groups = systemd.control_groups(&services.iter().collect::<Vec<_>>())?;
    let with_groups: Vec<_> = services.iter().zip(groups).collect();
    let censuses = look_at_each(&places.bases, &with_groups, |scanner, (service, group)| {
        scanner.census(&service.name, group, &wanted)
    })?;
    for (service, mut census) in services.iter().zip(censuses) {
        if !question.everything {
            census.stale.clear();
        }
        let reason = || -> Result<Option<String>> {
            if let Some(base) = lower::held(&places.state_of(&service.name))? {
                return Ok(Some(format!("held on base {base}")));
            }
            let standing = due.get(service.name.as_str());
            let hindrance = standing.and_then(|standing| standing.hindrance.as_ref());
            Ok(hindrance.map(ToString::to_string))
        };
        proof.add(&service.name, &census, reason)?;
    }
    Ok(proof)
}

impl Proof {
    fn new(packages: &[String]) -> Self {
        let packages = packages.iter().map(|name| PackageProof {
            name: name.clone(),
            ..PackageProof::default()
        });
        Self {
            packages: packages.collect(),
            ..Self::default()
        }
    }

    fn add(
        &mut self,
        name: &Name,
        census: &Census,
        reason: impl FnOnce() -> Result<Option<String>>,
    ) -> Result<()> {
        self.processes += census.processes;
        let mut old: BTreeMap<i32, BTreeSet<usize>> = BTreeMap::new();
        for ((pid, number), fate) in &census.fates {
            let Some(package) = self.packages.get_mut(*number) else {
                continue;
            };
            match fate {
                Fate::New => package.new += 1,
                Fate::Shadow => package.shadow += 1,
                Fate::Old => {
                    package.old += 1;
                    old.entry(*pid).or_default().insert(*number);
                }
            }
        }
        let is_known = |stale: &&StaleProcess| !census.unknown.contains(stale);
        for stale in census.stale.iter().filter(is_known) {
            old.entry(stale.pid).or_default();
        }
        if !old.is_empty() {
            let numbers: BTreeSet<usize> = old.values().flatten().copied().collect();
            let packages = numbers
                .iter()
                .filter_map(|number| self.packages.get(*number));
            self.old.push(OldContainer {
                name: name.to_string(),
                packages: packages.map(|package| package.name.clone()).collect(),
                processes: old.len(),
                reason: reason()?,
            });
        }
        if let Some(first) = census.unknown.first() {
            self.unknown.push(UnknownContainer {
                name: name.to_string(),
                processes: census.unknown.len(),
                why: stale::text_of(&first.path),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_counts_once_for_each_package_and_old_ones_are_named() {
        let packages = ["libc6", "probe"].map(str::to_owned);
        let mut proof = Proof::new(&packages);
        let census = |fates: &[((i32, usize), Fate)]| Census {
            processes: 3,
            fates: fates.iter().copied().collect(),
            ..Census::default()
        };
        let web = Name::parse("web").unwrap();
        let held = || Ok(Some("held on base 3".to_owned()));
        let fates = [
            ((1, 0), Fate::New),
            ((1, 1), Fate::Old),
            ((2, 0), Fate::Old),
            ((2, 1), Fate::Old),
            ((3, 0), Fate::Shadow),
        ];
        proof.add(&web, &census(&fates), held).unwrap();
        let db = Name::parse("db").unwrap();
        proof
            .add(&db, &census(&[((4, 0), Fate::New)]), || Ok(None))
            .unwrap();
        let package = |name: &str, new, old, shadow| PackageProof {
            name: name.into(),
            new,
            old,
            shadow,
        };
        assert_eq!(
            proof.packages,
            [package("libc6", 2, 1, 1), package("probe", 0, 2, 0)]
        );
        assert_eq!(
            proof.old,
            [OldContainer {
                name: "web".into(),
                packages: packages.to_vec(),
                processes: 2,
                reason: Some("held on base 3".into()),
            }]
        );
        assert!(!proof.is_good());
    }

    #[test]
    fn what_is_old_and_of_no_package_in_question_is_named_too() {
        let mut proof = Proof::new(&[]);
        let census = Census {
            stale: vec![StaleProcess {
                pid: 7,
                path: "/usr/bin/x".into(),
            }],
            ..Census::default()
        };
        proof
            .add(&Name::parse("web").unwrap(), &census, || Ok(None))
            .unwrap();
        assert_eq!(
            (proof.old[0].processes, proof.old[0].packages.len()),
            (1, 0)
        );
        assert!(!proof.is_good());
    }

    #[test]
    fn what_cannot_be_looked_at_proves_nothing() {
        let mut proof = Proof::new(&[]);
        assert!(proof.is_good());
        let census = Census {
            unknown: vec![StaleProcess {
                pid: 1,
                path: "(it cannot be looked at)".into(),
            }],
            ..Census::default()
        };
        proof
            .add(&Name::parse("web").unwrap(), &census, || Ok(None))
            .unwrap();
        assert!(!proof.is_good());
        assert_eq!(proof.unknown[0].why, "(it cannot be looked at)");
    }
}
