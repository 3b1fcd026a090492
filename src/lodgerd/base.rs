//! `lodgerd base`: the host in; a current base of it, mounted for containers, out.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Error, Result};
use lodger::base::{Bases, Host, provide, prune};
use lodger::diagnostic::Diagnostic;
use lodger::log;
use lodger::place;
use lodger::prefix::Prefix;
use lodger::root::{self, queue, read_only, skeleton};
use lodger::settings::{self, Settings};

/// What containers have of the host besides, read-only, and where it is mounted for that.
const OF_HOST: [(&str, &str); 2] = [
    ("/etc", place::ETC_OF_HOST),
    (place::JOURNAL, place::JOURNAL_OF_HOST),
];

/// Sees to it that containers have a base to start on, the present host's if dpkg is done, and removes old ones.
///
/// # Errors
/// When no base, or no new one, can be made. Those there are are mounted all the same.
pub fn run() -> Result<()> {
    log::init();
    let settings = read_settings()?;
    let bases = Bases::at(settings.bases.clone());
    provide(&bases)?;
    queue::sweep().context("cannot take off what starts have left that were cut short")?;
    let containers = Path::new(place::CONTAINERS);
    let pruned = prune(&bases, settings.keep, containers, Path::new("/proc"))
        .context("cannot remove old bases")?;
    for number in pruned.removed {
        println!("removed base {number}");
    }
    Ok(())
}

/// The same for the start of one container, and nothing is removed.
///
/// # Errors
/// As there.
pub fn provide_for_start() -> Result<()> {
    provide(&Bases::at(read_settings()?.bases))
}

fn provide(bases: &Bases) -> Result<()> {
    // Whatever the service's own mounts are: links do not reach across them, and containers are to see what is mounted here.
    root::mount::enter_host_mounts()?;
    let provided = provide::provide(bases, &Host::under(&Prefix::host()));
    // Before the bases, without which no container starts that would miss it.
    for (directory, target) in OF_HOST {
        let directory = Path::new(directory);
        if directory.is_dir() {
            read_only::provide(directory, Path::new(target))?;
        }
    }
    if bases.directory().is_dir() {
        read_only::provide(bases.directory(), Path::new(place::MOUNTED_BASES))?;
    }
    let provided = provided?;
    if provided.is_new {
        println!("made base {}", provided.number);
        complete_skeletons(&bases.tree(provided.number).join("var"))?;
    }
    Ok(())
}

/// Without knowing where the bases are, none can be made.
fn read_settings() -> Result<Settings> {
    settings::read(&Prefix::host()).map_err(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(Diagnostic::one_line).collect();
        Error::msg(lines.join("; "))
    })
}

/// Gives containers with a /var of their own the directories that new packages count on.
fn complete_skeletons(base: &Path) -> Result<()> {
    let failed = || format!("cannot read '{}'", place::CONTAINERS);
    let entries = match fs::read_dir(place::CONTAINERS) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(cause).with_context(failed),
    };
    let skeleton = skeleton::read(base)?;
    for entry in entries {
        let own = entry.with_context(failed)?.path().join(place::OWN_VAR);
        if own.is_dir() {
            skeleton::complete(&own, &skeleton)?;
        }
    }
    Ok(())
}
