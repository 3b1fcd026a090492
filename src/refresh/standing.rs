//! The pending set and a plan in; for each container that is due, why, and when its turn comes, out. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::pending::{Failure, Pending};
use super::plan::{Hindrance, Plan, told};
use super::reason::Reason;

/// A container that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The refresh that found it first.
    pub refresh: u64,
    /// Why it is due.
    pub reasons: Vec<Reason>,
    /// The wave that it is restarted in, if it is not left.
    pub wave: Option<String>,
    /// Why it is left.
    #[serde(serialize_with = "told::hindrance")]
    pub hindrance: Option<Hindrance>,
    /// How its restart has failed, if it has.
    pub failed: Option<Failure>,
}

/// Those that are due, by name. One that is in the set and in no plan needs nothing any more.
pub fn standings(pending: &Pending, plan: &Plan) -> BTreeMap<String, Standing> {
    let waves = plan.waves.iter().flat_map(|wave| {
        let containers = wave.containers.iter();
        containers.map(|planned| (&planned.name, Some(wave.name.clone()), None))
    });
    let left = plan.left.iter();
    let left = left.map(|left| (&left.name, None, Some(left.hindrance.clone())));
    waves
        .chain(left)
        .filter_map(|(name, wave, hindrance)| {
            let due = pending.containers.get(name)?;
            let standing = Standing {
                refresh: due.refresh,
                reasons: due.reasons.clone(),
                wave,
                hindrance,
                failed: due.failed.clone(),
            };
            Some((name.clone(), standing))
        })
        .collect()
}

impl Standing {
    /// What it waits for, in words.
    pub fn waits_for(&self) -> String {
        match (&self.hindrance, &self.wave) {
            (Some(hindrance), _) => hindrance.to_string(),
            (None, Some(wave)) => format!("the next refresh restarts it, in wave '{wave}'"),
            (None, None) => "the next refresh looks at it".to_owned(),
        }
    }
}

impl Hindrance {
    /// What ends it, for the people who operate the container `name`; `None` where the reason says so itself.
    pub fn remedy(&self, name: &str) -> Option<String> {
        match self {
            Self::Never => Some(format!(
                "only 'systemctl restart lodger-{name}' brings it onto the new code"
            )),
            Self::Base { .. } | Self::Hold { until: Some(_) } => {
                Some(format!("'lodger unhold {name}' ends that"))
            }
            Self::Window { .. } => Some("a refresh restarts it then".to_owned()),
            Self::Dependent { container } | Self::Wave { container, .. } => {
                Some(format!("see 'lodger why {container}'"))
            }
            Self::Failed { .. } => Some(format!(
                "see 'journalctl -u lodger-{name}'; start it once that is mended"
            )),
            Self::Hold { until: None } | Self::NoBase | Self::NoFile | Self::Broken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::moment::Moment;
    use super::super::pending::Due;
    use super::super::plan::{Left, Planned, Wave};
    use super::*;

    #[test]
    fn what_has_been_restarted_in_this_refresh_is_due_no_more() {
        let due = Due {
            since: Moment {
                boot: String::new(),
                microseconds: 0,
            },
            refresh: 4,
            reasons: vec![Reason::Always],
            base: None,
            is_security: false,
            failed: None,
        };
        let mut pending = Pending::default();
        for name in ["db", "fresh", "web"] {
            pending.add(name, due.clone());
        }
        let planned = |name: &str| Planned {
            name: name.into(),
            reasons: vec![Reason::Always],
        };
        let hindrance = Hindrance::Hold { until: None };
        let plan = Plan {
            waves: vec![Wave {
                name: "default".into(),
                containers: vec![planned("done"), planned("web")],
            }],
            left: vec![Left {
                name: "db".into(),
                reasons: Vec::new(),
                hindrance: hindrance.clone(),
            }],
        };
        let standing = |wave: Option<&str>, hindrance| Standing {
            refresh: 4,
            reasons: vec![Reason::Always],
            wave: wave.map(str::to_owned),
            hindrance,
            failed: None,
        };
        let expected = BTreeMap::from([
            ("db".to_owned(), standing(None, Some(hindrance))),
            ("web".to_owned(), standing(Some("default"), None)),
        ]);
        assert_eq!(standings(&pending, &plan), expected);
    }
}
