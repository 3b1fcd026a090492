//! How far a member of a wave has come.

use std::time::{Duration, Instant};

use super::{Became, Member};
use crate::health::Asked;
use crate::systemd::Job;

pub(super) enum Stage {
    /// For room.
    Waiting,
    Restarting {
        job: Job,
        ours: bool,
        begun: Instant,
    },
    /// Its restart is over, and nobody has looked yet what came of it.
    Ended,
    Checking {
        asked: Asked,
        until: Instant,
        start: u64,
    },
    /// Between two checks.
    Unhealthy {
        next: Instant,
        until: Instant,
        start: u64,
    },
    Settling {
        until: Instant,
        start: u64,
    },
    Over(Became),
}

impl Stage {
    pub(super) fn restarting(job: Job, ours: bool) -> Self {
        Self::Restarting {
            job,
            ours,
            begun: Instant::now(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    /// How long ago it was due.
    pub(super) fn overdue_by(&self) -> Duration {
        self.due().map_or(Duration::ZERO, |due| due.elapsed())
    }

    /// The job that it waits for.
    pub(super) fn job(&self) -> Option<&Job> {
        match self {
            Self::Restarting { job, .. } => Some(job),
            Self::Checking { asked, .. } => Some(&asked.job),
            _ => None,
        }
    }

    /// When it goes on without a job's end.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Unhealthy { next, .. } => Some(*next),
            Self::Settling { until, .. } => Some(*until),
            _ => None,
        }
    }
}

impl Member {
    pub(super) fn settling(&self, start: u64) -> Stage {
        Stage::Settling {
            until: Instant::now() + self.settle,
            start,
        }
    }
}
