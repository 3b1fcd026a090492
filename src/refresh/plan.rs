//! Which containers to restart: what is running in, one step for each out. Pure.

use super::report::{Action, ContainerReport};
use crate::container::Name;

/// What the plan needs to know of a container's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The container.
    pub name: Name,
    /// Its unit.
    pub unit: String,
    /// Whether systemd has the unit's file; without, it could be stopped but not started again.
    pub loaded: bool,
    /// Whether it is running, on its way there, or about to be restarted by systemd.
    pub running: bool,
    /// Whether its root is made of a pinned base.
    pub pinned: bool,
    /// The base it is held on.
    pub held: Option<String>,
    /// Whether the unit is a container's, and not the stub for a container file that is broken now.
    pub intact: bool,
    /// When its last start began, microseconds of CLOCK_MONOTONIC.
    pub start_began: u64,
    /// The units it requires.
    pub requires: Vec<String>,
}

/// What to do with one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Restart it.
    Restart(Running),
    /// Leave it, and say why.
    Leave(ContainerReport),
}

/// What a refresh has to offer: pinned bases cannot be made on a full disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// The host's present code, and a base with it.
    Everything,
    /// The live host only.
    NoBase,
}

/// The steps for a change that was complete at `since` (CLOCK_MONOTONIC, microseconds; 0 for before this boot). Every running container depends
/// on everything, for now. Stopped ones stay stopped, and are in no report: their next start mounts a fresh root.
pub fn steps(running: Vec<Running>, offer: Offer, since: u64, taken_up_again: bool) -> Vec<Step> {
    running
        .into_iter()
        .filter(|service| service.running)
        .map(|service| step(service, offer, since, taken_up_again))
        .collect()
}

fn step(service: Running, offer: Offer, since: u64, taken_up_again: bool) -> Step {
    let leave = |action, reason: &str| {
        Step::Leave(ContainerReport {
            name: service.name.to_string(),
            action,
            reason: Some(reason.to_owned()),
        })
    };
    if let Some(base) = &service.held {
        leave(Action::Skipped, &format!("held on base {base}"))
    } else if service.pinned && offer == Offer::NoBase {
        leave(
            Action::Failed,
            "no base with the change could be made: it runs on as it was; see 'journalctl -u lodgerd-base'",
        )
    } else if service.start_began > since {
        // A mount is made at each start, so a start after the change is on the new code. If this refresh was
        // interrupted, it was most likely the refresh itself that restarted it.
        if taken_up_again && since > 0 {
            leave(
                Action::Restarted,
                "restarted before lodgerd was interrupted",
            )
        } else {
            leave(Action::Skipped, "started after the change")
        }
    } else if !service.loaded {
        leave(
            Action::Failed,
            "its container file is gone: it would not start again; stop it or put the file back",
        )
    } else if !service.intact {
        leave(
            Action::Failed,
            "its container file is broken: it would not start again; see 'lodger check'",
        )
    } else {
        Step::Restart(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(name: &str) -> Running {
        Running {
            name: Name::parse(name).unwrap(),
            unit: format!("lodger-{name}.service"),
            loaded: true,
            pinned: false,
            held: None,
            running: true,
            intact: true,
            start_began: 100,
            requires: Vec::new(),
        }
    }

    #[test]
    fn every_running_container_is_restarted_and_only_those() {
        let stopped = Running {
            running: false,
            ..running("stopped")
        };
        assert_eq!(
            steps(vec![running("web"), stopped], Offer::Everything, 200, false),
            [Step::Restart(running("web"))]
        );
    }

    #[test]
    fn what_would_not_start_again_is_left_running() {
        for (service, word) in [
            (
                Running {
                    loaded: false,
                    ..running("a")
                },
                "gone",
            ),
            (
                Running {
                    intact: false,
                    ..running("a")
                },
                "broken",
            ),
        ] {
            let [Step::Leave(report)] = &steps(vec![service], Offer::Everything, 200, false)[..]
            else {
                panic!("not left")
            };
            assert_eq!(report.action, Action::Failed);
            assert!(report.reason.as_ref().unwrap().contains(word), "{report:?}");
        }
    }

    #[test]
    fn what_started_after_the_change_is_fresh() {
        let fresh = Running {
            start_began: 201,
            ..running("a")
        };
        let [Step::Leave(report)] = &steps(vec![fresh.clone()], Offer::Everything, 200, false)[..]
        else {
            panic!("not left")
        };
        assert_eq!(report.action, Action::Skipped);
        let [Step::Leave(report)] = &steps(vec![fresh], Offer::Everything, 200, true)[..] else {
            panic!("not left")
        };
        assert_eq!(report.action, Action::Restarted);
    }

    #[test]
    fn what_is_held_stays_and_what_is_pinned_waits_for_a_base() {
        let held = Running {
            held: Some("3".into()),
            ..running("held")
        };
        let pinned = Running {
            pinned: true,
            ..running("pinned")
        };
        let reasons = |offer| {
            let services = vec![held.clone(), pinned.clone(), running("host")];
            let steps = steps(services, offer, 200, false).into_iter();
            let told = steps.map(|step| match step {
                Step::Restart(service) => format!("{} restart", service.name),
                Step::Leave(report) => format!("{} {:?}", report.name, report.action),
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(
            reasons(Offer::Everything),
            ["held Skipped", "pinned restart", "host restart"]
        );
        assert_eq!(
            reasons(Offer::NoBase),
            ["held Skipped", "pinned Failed", "host restart"]
        );
    }
}
