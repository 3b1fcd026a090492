//! Names of packages in; the files that they have, or had in one of the bases, out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::base::Bases;
use crate::base::record::DPKG;
use crate::dpkg::Database;
use crate::dpkg::owners::Files;
use crate::refresh::Places;
use crate::root::seen;
use crate::stale::census::Wanted;

/// The files of `packages`, by all that is known: dpkg's present lists, and those that the bases have kept.
///
/// # Errors
/// When a list cannot be read.
pub fn wanted(places: &Places, packages: &[String]) -> Result<Wanted> {
    let numbers: BTreeMap<&str, usize> = packages
        .iter()
        .enumerate()
        .map(|(number, name)| (name.as_str(), number))
        .collect();
    let mut wanted = Wanted::new();
    let database = Database::read(&places.admindir)?;
    add_files(&mut wanted, &places.admindir, &database, &numbers)?;
    let bases = Bases::at(places.bases.clone());
    // None of them goes away meanwhile.
    let _kept = match places.bases.is_dir() {
        true => Some(bases.hold()?),
        false => return Ok(wanted),
    };
    for number in bases.numbers()? {
        let record = bases.record(number)?;
        let lists = bases.record_directory(number).join(DPKG);
        add_files(&mut wanted, &lists, &record.packages, &numbers)?;
    }
    Ok(wanted)
}

fn add_files(
    wanted: &mut Wanted,
    admindir: &Path,
    database: &Database,
    numbers: &BTreeMap<&str, usize>,
) -> Result<()> {
    let files = Files::open(admindir)?;
    for id in database.packages.keys() {
        let (name, architecture) = id.split_once(':').unwrap_or((id, ""));
        let Some(number) = numbers.get(name) else {
            continue;
        };
        files.for_each(name, architecture, |path| {
            if seen::is_seen(path) {
                wanted.entry(path.to_path_buf()).or_insert(*number);
            }
        })?;
    }
    Ok(())
}
