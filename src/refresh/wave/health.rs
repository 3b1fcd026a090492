//! Members that are up in; those that are healthy settle, the others are asked again until their time is over.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Became, Stage, Wave};
use crate::health::{Answer, Asked};

/// Between two health checks of a container that is not healthy yet.
const BETWEEN_CHECKS: Duration = Duration::from_millis(250);

impl Wave<'_> {
    /// Has its health checked once more.
    pub(super) fn check(&mut self, at: usize, until: Instant, start: u64) -> Result<()> {
        let name = self.members[at].0.name.clone();
        let stage = match Asked::of(self.systemd, &name) {
            Ok(Some(asked)) => Stage::Checking {
                asked,
                until,
                start,
            },
            // It is not up any more, or not quite yet.
            Ok(None) => self.unhealthy(at, "it is not running", until, start),
            Err(cause) => Stage::Over(Became::Failed(format!("{cause:#}"))),
        };
        self.enter(at, stage);
        Ok(())
    }

    pub(super) fn checked(&mut self, at: usize, asked: &Asked, until: Instant, start: u64) {
        let stage = match asked.answer() {
            Ok(Answer::Healthy) => self.members[at].0.settling(start),
            Ok(Answer::Unhealthy(why)) => self.unhealthy(at, &why, until, start),
            Ok(Answer::Unchecked) => self.unhealthy(at, "nothing answers for it", until, start),
            Err(cause) => self.unhealthy(at, &format!("{cause:#}"), until, start),
        };
        self.enter(at, stage);
    }

    fn unhealthy(&self, at: usize, why: &str, until: Instant, start: u64) -> Stage {
        if Instant::now() >= until {
            let limit = self.members[at].0.health.unwrap_or_default();
            let limit = humantime::format_duration(limit);
            let how = format!("it has not become healthy within {limit}: {why}");
            return Stage::Over(Became::Failed(how));
        }
        Stage::Unhealthy {
            next: Instant::now() + BETWEEN_CHECKS,
            until,
            start,
        }
    }
}
