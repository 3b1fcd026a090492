//! The bases there are and dpkg's database in; a current base that is not older than what dpkg has done, out.

use anyhow::Result;

use super::settled::NotAtRest;
use super::{Bases, Consistency, Created, Host, Number, create};
use crate::dpkg::{Database, lock};

/// The current base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provided {
    /// Its number.
    pub number: Number,
    /// Whether it has just been made.
    pub is_new: bool,
}

/// Sees to it that there is a current base, and makes a new one if dpkg has changed something since and is done. While it is at
/// work, or has left packages unfinished, the current one is what containers are to start on.
///
/// # Errors
/// When there is none and none can be made, or when a new one cannot be made although dpkg has changed something.
pub fn provide(bases: &Bases, host: &Host) -> Result<Provided> {
    // A link that leads nowhere is mended by a new base.
    let current = bases.current().ok().flatten();
    let is_settled = is_settled(host)?;
    if let Some(number) = current
        && (!is_settled || is_of_now(bases, host, number)?)
    {
        return Ok(Provided {
            number,
            is_new: false,
        });
    }
    // The first one cannot wait for dpkg: it may be dpkg that waits for the start of a container.
    let consistency = match is_settled {
        true => Consistency::Settled,
        false => Consistency::Provisional,
    };
    let created = match (create(bases, host, consistency), current) {
        // It has begun since it was looked at, and what comes after it makes the base.
        (Err(cause), Some(number)) if cause.is::<NotAtRest>() => {
            return Ok(Provided {
                number,
                is_new: false,
            });
        }
        (created, _) => created?,
    };
    let (Created::New(number) | Created::Same(number)) = created;
    let is_new = matches!(created, Created::New(_));
    Ok(Provided { number, is_new })
}

/// Whether dpkg has done nothing since the base was made, and had finished then.
///
/// # Errors
/// When its record or dpkg's database cannot be read.
pub fn is_of_now(bases: &Bases, host: &Host, number: Number) -> Result<bool> {
    let record = bases.record(number)?;
    Ok(!record.provisional && record.packages == Database::read(&host.admindir)?)
}

/// Whether dpkg is at rest and done. lodger's own installation may be under way: that is when the first base is made.
fn is_settled(host: &Host) -> Result<bool> {
    Ok(!lock::is_held(&host.admindir)? && Database::read(&host.admindir)?.unfinished().is_empty())
}
