//! A container in; what its processes show, what changed since the base it runs on, and why that affects it out.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::base::record::DPKG;
use crate::base::{Bases, Number};
use crate::container::Container;
use crate::dpkg::Database;
use crate::dpkg::relations::Relations;
use crate::place;
use crate::refresh::Places;
use crate::refresh::affected::{Judge, owners_of};
use crate::refresh::change::HostChange;
use crate::refresh::reason::Reason;
use crate::stale::{Evidence, Scanner};
use crate::state_file;

/// Why a container is affected by what changed.
#[derive(Debug, Serialize)]
pub struct Why {
    /// The container.
    pub name: String,
    /// The base that containers start on now.
    pub current_base: Option<Number>,
    /// The packages that changed since it was started, or since the last refresh if it runs on the live host.
    pub packages: Vec<String>,
    /// Why it is affected; nothing if it is not.
    pub reasons: Vec<Reason>,
    /// What made no sense, so that more packages than necessary may count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// What was seen.
    pub evidence: Evidence,
}

/// Looks at the processes of `container` in the control group `cgroup`.
///
/// # Errors
/// When the bases or dpkg's database cannot be read.
pub fn why(places: &Places, container: &Container, cgroup: &str) -> Result<Why> {
    let evidence = Scanner::new(&places.bases)?.evidence(&container.name, cgroup);
    let bases = Bases::at(places.bases.clone());
    let current_base = bases.current()?;
    let own = evidence.base.as_deref().and_then(|base| base.parse().ok());
    let mut lists = vec![places.admindir.clone()];
    let change = match (own, current_base) {
        (Some(own), Some(current)) => {
            lists.push(bases.record_directory(own).join(DPKG));
            HostChange::between(&bases, own, current)?
        }
        _ => since_last_refresh(places)?,
    };
    let lists: Vec<&Path> = lists.iter().map(PathBuf::as_path).collect();
    let program = program_of(container);
    let owners = owners_of([&evidence], [program.as_path()], &lists)?;
    let relations = Relations::read(&lists)?;
    let judge = Judge::new(&change, &relations, &owners);
    let packages = change.packages.iter();
    Ok(Why {
        name: container.name.to_string(),
        current_base,
        packages: packages
            .map(|package| package.change.name.clone())
            .collect(),
        faults: relations.faults().to_vec(),
        reasons: judge.reasons(&container.update, Some(&program), &evidence),
        evidence,
    })
}

fn since_last_refresh(places: &Places) -> Result<HostChange> {
    let Some(before) = state_file::read::<Database>(&places.baseline())? else {
        return Ok(HostChange::default());
    };
    let changes = before.changes(&Database::read(&places.admindir)?);
    HostChange::of(changes, &[&places.admindir], None)
}

/// The program that a container file names, where systemd finds it on this host.
pub fn program_of(container: &Container) -> PathBuf {
    let program = container.exec.first().map_or("", String::as_str);
    if program.starts_with('/') {
        return PathBuf::from(program);
    }
    let mut places = place::SEARCH_PATH
        .iter()
        .map(|directory| Path::new(directory).join(program));
    let found = places.find(|path| path.exists());
    found.unwrap_or_else(|| PathBuf::from(program))
}
