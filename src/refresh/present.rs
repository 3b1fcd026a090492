//! What is pending in; the plan of the refresh that is under way, or of one that would begin now, out. Nothing is changed.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::moment::{boot_id, now_rfc3339};
use super::pending::Pending;
use super::places::Places;
use super::plan::{self, Plan};
use super::report::Report;
use super::{Offer, Refresh, UnderWay, installed_containers};
use crate::settings::Settings;
use crate::state_file;
use crate::systemd::Systemd;

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// The number of the refresh that is under way.
    pub refreshing: Option<u64>,
    /// Whether packages may have changed since containers were last looked at: what that affects is not in the plan.
    pub unexamined: bool,
    /// Why it cannot be told who is due, if so: then the next refresh takes every running container for affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// Its plan, or what a refresh would do now.
    #[serde(flatten, serialize_with = "plan::told::plan")]
    pub plan: Plan,
}

/// What is to be done at present.
///
/// # Errors
/// When what refreshes have written cannot be read, or systemd does not answer.
pub fn present(places: &Places, systemd: &mut Systemd, settings: &Settings) -> Result<Present> {
    let under_way: Option<UnderWay> = state_file::read(&places.refreshing())?;
    let refreshing = under_way.as_ref().map(|under_way| under_way.number);
    let announced = under_way.and_then(|under_way| under_way.plan);
    let is_announced = announced.is_some();
    let unreadable = Pending::known(places).1;
    Ok(Present {
        refreshing,
        unreadable,
        unexamined: places.pending().exists() || (refreshing.is_some() && !is_announced),
        plan: match announced {
            Some(plan) => plan,
            None => plan_now(places, systemd, settings)?,
        },
    })
}

/// What a refresh would do now with what is known to be pending.
///
/// # Errors
/// When what refreshes have written cannot be read, or systemd does not answer.
pub fn plan_now(places: &Places, systemd: &mut Systemd, settings: &Settings) -> Result<Plan> {
    let (pending, _) = Pending::known(places);
    if pending.containers.is_empty() {
        return Ok(Plan::default());
    }
    let mut refresh = Refresh {
        places,
        systemd,
        settings,
        observer: &mut (),
        under_way: UnderWay::new(0, now_rfc3339()),
        boot: boot_id()?,
        containers: installed_containers(places),
        pending,
        report: Report::default(),
    };
    let candidates = refresh.candidates(Offer::Everything)?;
    Ok(plan::plan(&candidates.due, &candidates.rules))
}
