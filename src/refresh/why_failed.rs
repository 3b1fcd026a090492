//! A container that a refresh could not bring onto the new code in; why, in a sentence for an alert, out.

use anyhow::Result;

use super::pending::Pending;
use super::places::Places;
use super::report;
use super::under_way::UnderWay;
use crate::container::Name;
use crate::root::lower;
use crate::state_file;

/// Why the last refresh, or the one under way, could not bring a container onto the new code.
///
/// # Errors
/// When what it has written cannot be read.
pub fn why_failed(places: &Places, name: &Name) -> Result<String> {
    let held = lower::held(&places.state_of(name))?;
    let name = name.as_str();
    let (pending, _) = Pending::known(places);
    if let Some(failure) = pending
        .containers
        .get(name)
        .and_then(|due| due.failed.as_ref())
    {
        let how = &failure.how;
        return Ok(match held {
            Some(base) => format!("{how}; it is held on base {base} until 'lodger unhold {name}'"),
            None => how.clone(),
        });
    }
    let under_way: Option<UnderWay> = state_file::read(&places.refreshing())?;
    let left = under_way.and_then(|under_way| under_way.plan);
    let left = left.and_then(|plan| plan.left.into_iter().find(|left| left.name == name));
    if let Some(left) = left {
        return Ok(left.hindrance.to_string());
    }
    let (record, unreadable) = report::read_newest(&places.refreshes())?;
    if let Some(cause) = unreadable {
        return Ok(format!("why it was not refreshed cannot be told: {cause}"));
    }
    let containers = record.map_or(Vec::new(), |record| record.containers);
    let container = containers.into_iter().find(|one| one.name == name);
    let reason = container.and_then(|container| container.reason);
    Ok(reason.unwrap_or_else(|| "it was not refreshed; see 'journalctl -u lodgerd'".to_owned()))
}
