//! What refreshes plan and record, as full and as empty as it can be, out.

use lodger::dpkg::Change;
use lodger::refresh::Present;
use lodger::refresh::history::Summary;
use lodger::refresh::pending::Failure;
use lodger::refresh::plan::{Hindrance, Left, Plan, Planned, Wave};
use lodger::refresh::reason::Reason;
use lodger::refresh::report::{
    Action, ContainerReport, Outcome, Report, Stale, Verified, WaveReport, WaveState,
};
use lodger::refresh::standing::Standing;

use super::super::odd_paths;

pub const TIME: &str = "2026-11-22T02:00:00Z";

pub fn change() -> Change {
    Change {
        name: "libc6".into(),
        architecture: "amd64".into(),
        old: None,
        new: Some("1".into()),
    }
}

pub fn gone() -> Change {
    Change {
        old: Some("1".into()),
        new: None,
        ..change()
    }
}

/// Of each kind one, with a path where there is one, and twice where something may be null.
pub fn reasons() -> Vec<Reason> {
    let [path, odd] = odd_paths();
    let package = || "libc6".to_owned();
    let program = || odd_paths()[1].clone();
    let all = vec![
        Reason::Maps {
            path,
            package: None,
        },
        Reason::Opens {
            path: odd,
            package: Some(package()),
        },
        Reason::Interpreter {
            program: program(),
            package: package(),
        },
        Reason::Extends {
            program: program(),
            package: package(),
        },
        Reason::Reads {
            program: program(),
            package: package(),
        },
        Reason::Runs {
            program: program(),
            package: package(),
        },
        Reason::Undecided {
            why: "why".into(),
            package: None,
        },
        Reason::Named { package: package() },
        Reason::Always,
        Reason::More { count: 2 },
    ];
    // Whoever adds a kind comes by here.
    for reason in &all {
        match reason {
            Reason::Maps { .. } | Reason::Opens { .. } | Reason::Interpreter { .. } => {}
            Reason::Extends { .. } | Reason::Reads { .. } | Reason::Runs { .. } => {}
            Reason::Undecided { .. } | Reason::Named { .. } => {}
            Reason::Always | Reason::More { .. } => {}
        }
    }
    all
}

pub fn hindrances() -> Vec<Hindrance> {
    let time = || Some(TIME.to_owned());
    let (wave, container) = (|| "canary".to_owned(), || "db".to_owned());
    let all = vec![
        Hindrance::Never,
        Hindrance::Base { base: "3".into() },
        Hindrance::Hold { until: time() },
        Hindrance::Hold { until: None },
        Hindrance::Window {
            wave: wave(),
            opens: time(),
        },
        Hindrance::Window {
            wave: wave(),
            opens: None,
        },
        Hindrance::Dependent {
            container: container(),
        },
        Hindrance::Wave {
            wave: wave(),
            container: container(),
        },
        Hindrance::Failed {
            refresh: 7,
            how: "how".into(),
        },
        Hindrance::NoBase,
        Hindrance::NoFile,
        Hindrance::Broken,
    ];
    // As for reasons.
    for hindrance in &all {
        match hindrance {
            Hindrance::Never | Hindrance::Base { .. } | Hindrance::Hold { .. } => {}
            Hindrance::Window { .. } | Hindrance::Dependent { .. } => {}
            Hindrance::Wave { .. } | Hindrance::Failed { .. } => {}
            Hindrance::NoBase | Hindrance::NoFile | Hindrance::Broken => {}
        }
    }
    all
}

pub fn present() -> Present {
    let planned = Planned {
        name: "web".into(),
        reasons: reasons(),
    };
    let left = hindrances().into_iter().map(|hindrance| Left {
        name: "web".into(),
        reasons: reasons(),
        hindrance,
    });
    Present {
        refreshing: Some(7),
        unexamined: true,
        unreadable: Some("why".into()),
        plan: Plan {
            waves: vec![Wave {
                name: "canary".into(),
                containers: vec![planned],
            }],
            left: left.collect(),
        },
    }
}

pub fn record() -> Report {
    let stale = odd_paths().map(|path| Stale {
        container: "web".into(),
        pid: 5,
        path,
        reason: Some("held".into()),
    });
    Report {
        finished: TIME.into(),
        outcome: Outcome::UnfinishedPackages,
        packages: vec![change(), gone()],
        unfinished: vec!["libc6:amd64 (half-configured)".into()],
        waves: vec![WaveReport {
            name: "canary".into(),
            state: WaveState::NotStarted,
            containers: vec!["web".into()],
        }],
        containers: vec![ContainerReport {
            name: "web".into(),
            action: Action::PutOff,
            reason: Some("held".into()),
            why: reasons(),
            wave: Some("canary".into()),
            until: Some(TIME.into()),
        }],
        verified: Verified {
            processes: 1,
            stale: stale.into(),
        },
        ..Report::new(7, TIME)
    }
}

pub fn summary() -> Summary {
    Summary::of(&record())
}

pub fn failure() -> Option<Failure> {
    Some(Failure {
        refresh: 7,
        how: "how".into(),
    })
}

pub fn standings() -> Vec<Standing> {
    let hindrances = hindrances().into_iter().map(Some).chain([None]);
    let standings = hindrances.map(|hindrance| Standing {
        refresh: 7,
        reasons: reasons(),
        wave: hindrance.is_none().then(|| "canary".into()),
        failed: hindrance.as_ref().and_then(|_| failure()),
        hindrance,
    });
    standings.collect()
}
