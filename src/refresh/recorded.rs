//! What became of a container in its wave in; the words that its record has for that, out.

use super::report::Action;
use super::wave::Became;

/// What became of one container, in the words of the record.
pub(super) struct Recorded {
    pub action: Action,
    pub reason: Option<String>,
    /// Whether a start has failed, even if another one did not.
    pub had_failed: bool,
}

impl Recorded {
    pub fn of(became: &Became) -> Self {
        let (action, reason) = match became {
            Became::Ready => (Action::Restarted, None),
            Became::Stopped => (
                Action::Stopped,
                Some("it ended or was stopped meanwhile".to_owned()),
            ),
            Became::Failed(how) => (Action::Failed, Some(how.clone())),
            Became::ShuttingDown => (Action::PutOff, Some("the system is going down".to_owned())),
        };
        Self {
            action,
            reason,
            had_failed: matches!(became, Became::Failed(_)),
        }
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        matches!(self.action, Action::Restarted | Action::RolledBack)
    }

    pub fn add(&mut self, more: &str) {
        self.reason = Some(match self.reason.take() {
            Some(reason) => format!("{reason}; {more}"),
            None => more.to_owned(),
        });
    }
}
