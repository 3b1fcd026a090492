//! A refresh as it is kept on disk from the first mark to the record: what lets the next lodgerd take it up.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::dependents::FailedStarts;
use super::moment::now_rfc3339;
use super::places::Places;
use super::plan;
use super::report::{self, ContainerReport};
use crate::dpkg::Change;
use crate::state_file;

/// A refresh under way, as it is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Its number.
    pub number: u64,
    /// RFC 3339.
    pub started: String,
    /// The boot id in the last mark; `None` if there was none, or it said nothing.
    pub(super) marked_in: Option<String>,
    /// The packages that changed, once that is known.
    #[serde(default)]
    pub(super) packages: Vec<Change>,
    /// The containers that are being restarted: what is found failed among them after an interruption has failed in this refresh.
    #[serde(default)]
    pub(super) restarting: Vec<String>,
    /// What has not started in this wave, and what may have stopped with it.
    #[serde(default, skip_serializing_if = "FailedStarts::is_empty")]
    pub(super) failed_starts: FailedStarts,
    /// What became of the waves that are over, and of the containers in them.
    #[serde(default)]
    pub(super) waves: Vec<report::WaveReport>,
    #[serde(default)]
    pub(super) containers: Vec<ContainerReport>,
    /// What it is about to do.
    #[serde(default)]
    pub plan: Option<plan::Plan>,
}

impl UnderWay {
    /// One that has just begun.
    pub(super) fn new(number: u64, started: String) -> Self {
        Self {
            number,
            started,
            marked_in: None,
            packages: Vec::new(),
            restarting: Vec::new(),
            failed_starts: FailedStarts::default(),
            waves: Vec::new(),
            containers: Vec::new(),
            plan: None,
        }
    }
}

/// The refresh that was interrupted, or a new one; on disk either way.
pub(super) fn take_up(places: &Places) -> Result<UnderWay> {
    // One that cannot be read any more is begun anew: it loses nothing but its number.
    let interrupted = state_file::read::<UnderWay>(&places.refreshing()).unwrap_or_else(|cause| {
        tracing::warn!("beginning the interrupted refresh anew: {cause:#}");
        None
    });
    if let Some(under_way) = interrupted {
        tracing::info!(
            refresh = under_way.number,
            "taking up an interrupted refresh"
        );
        return Ok(under_way);
    }
    let newest = report::newest(&places.refreshes())?;
    let number = newest.map_or(0, |(number, _)| number) + 1;
    let under_way = UnderWay::new(number, now_rfc3339());
    state_file::write(&places.refreshing(), &under_way)?;
    Ok(under_way)
}
