//! `lodgerd base`: the host in; a current base of it, mounted for containers, out. `lodgerd prune`: old bases in, those that
//! somebody needs out.

use std::path::Path;

use anyhow::{Context, Error, Result};
use lodger::base::provide::{self, Provided};
use lodger::base::{Bases, Host, prune};
use lodger::diagnostic::Diagnostic;
use lodger::log;
use lodger::place;
use lodger::prefix::Prefix;
use lodger::root::{self, own_vars, queue, read_only};
use lodger::settings::{self, Settings};

/// What containers have of the host besides, read-only, and where it is mounted for that.
const OF_HOST: [(&str, &str); 2] = [
    ("/etc", place::ETC_OF_HOST),
    (place::JOURNAL, place::JOURNAL_OF_HOST),
];

/// Sees to it that containers have a base to start on, the present host's if dpkg is done.
///
/// # Errors
/// When no base, or no new one, can be made. Those there are are mounted all the same.
pub fn run() -> Result<()> {
    log::init();
    let bases = Bases::at(read_settings()?.bases);
    let provided = provide(&bases)?;
    complete_own_vars(&bases, provided)?;
    queue::sweep().context("cannot take off what starts have left that were cut short")
}

/// The same for the start of one container.
///
/// # Errors
/// As there.
pub fn provide_for_start() -> Result<()> {
    let bases = Bases::at(read_settings()?.bases);
    match provide(&bases)? {
        provided if provided.is_new => complete_own_vars(&bases, provided),
        _ => Ok(()),
    }
}

/// Removes the bases that nobody needs. Not a part of [`run()`], for that is what starts wait for: to find out who needs which
/// takes as long as to make one, where a thousand containers run.
///
/// # Errors
/// When it cannot be told who needs which, or one cannot be removed.
pub fn prune_old() -> Result<()> {
    log::init();
    let settings = read_settings()?;
    let bases = Bases::at(settings.bases);
    let containers = Path::new(place::CONTAINERS);
    let pruned = prune(&bases, settings.keep, containers, Path::new("/proc"))
        .context("cannot remove old bases")?;
    for number in pruned.removed {
        println!("removed base {number}");
    }
    Ok(())
}

fn complete_own_vars(bases: &Bases, Provided { number, is_new }: Provided) -> Result<()> {
    own_vars::complete_all(Path::new(place::STATE), bases, number, is_new)
}

fn provide(bases: &Bases) -> Result<Provided> {
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
    }
    Ok(provided)
}

/// Without knowing where the bases are, none can be made.
fn read_settings() -> Result<Settings> {
    settings::read(&Prefix::host()).map_err(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(Diagnostic::one_line).collect();
        Error::msg(lines.join("; "))
    })
}
