//! The bases there are and dpkg's database in; a current base that is not older than what dpkg has done, out.

use anyhow::Result;

use super::settled::DpkgAtWork;
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
    provided(create(bases, host, consistency), current)
}

/// What has been made; or the current base, where dpkg has begun its work after it was found at rest. Front ends take the lock once
/// more when dpkg has ended, if only for a moment.
fn provided(created: Result<Created>, current: Option<Number>) -> Result<Provided> {
    match (created, current) {
        (Ok(Created::New(number)), _) => Ok(Provided {
            number,
            is_new: true,
        }),
        (Ok(Created::Same(number)), _) => Ok(Provided {
            number,
            is_new: false,
        }),
        (Err(cause), Some(number)) if cause.is::<DpkgAtWork>() => {
            tracing::info!("no base newer than {number} yet: {cause:#}");
            Ok(Provided {
                number,
                is_new: false,
            })
        }
        (Err(cause), _) => Err(cause),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_base_will_do_when_dpkg_comes_in_between() {
        let current: Number = "3".parse().unwrap();
        let at_work = || Err(anyhow::Error::new(DpkgAtWork("at work".into())).context("no base"));
        let expected = Provided {
            number: current,
            is_new: false,
        };
        assert_eq!(provided(at_work(), Some(current)).unwrap(), expected);
        assert!(provided(at_work(), None).is_err());
        assert!(provided(Err(anyhow::anyhow!("no room")), Some(current)).is_err());
    }
}
