//! For each section of lodger-json(5) what is written there, as full and as empty as it can be, out.

use lodger::base::Number;
use lodger::container::sources::{Line, Origin};
use lodger::diagnostic::{Diagnostic, Fault, Position, Severity};
use lodger::exact_path::ExactPath;
use lodger::refresh::Present;
use lodger::refresh::history::Summary;
use lodger::refresh::proof::{OldContainer, PackageProof, Proof, UnknownContainer};
use lodger::refresh::report::Report;
use lodger::shadow::Shadow;
use lodger::stale::Evidence;
use lodger::stale::evidence::{Program, Sighting, Undecided};
use lodger::status::{ContainerStatus, DueStatus, HealthStatus, HealthWord, Status};
use lodger::why::Why;
use serde_json::{Value, json};

use super::super::{audit, base, diff, explain, hold, list, refresh, reset, show, unhold, why};
use super::odd_paths;

mod refreshes;

use refreshes::{
    TIME, change, failure, gone, hindrances, present, reasons, record, standings, summary,
};

type Samples = Vec<(&'static str, Vec<Value>)>;

/// What several commands write.
pub fn shared() -> Samples {
    let reasons = reasons().iter().map(|reason| json!(reason)).collect();
    let bare = Report {
        finished: TIME.into(),
        ..Report::new(8, TIME)
    };
    // As a plan tells them.
    let told = json!(present());
    let hindrances = told["left"].as_array().unwrap().iter();
    vec![
        ("Reasons", reasons),
        (
            "Hindrances",
            hindrances.map(|left| left["hindrance"].clone()).collect(),
        ),
        ("Records", vec![json!(record()), json!(bare)]),
    ]
}

/// What each command writes.
pub fn commands() -> Samples {
    let status = [full_status(), empty_status()];
    let mut samples = vec![
        ("lodger audit", audit::samples(shadows())),
        ("lodger check", vec![json!(diagnostics())]),
        ("lodger diff", diff::samples()),
        ("lodger explain", explain::samples()),
        (
            "lodger history",
            vec![json!([
                summary(),
                Summary {
                    seconds: None,
                    ..summary()
                }
            ])],
        ),
        ("lodger history NUMBER", vec![json!(record())]),
        ("lodger hold", hold::samples()),
        ("lodger list", list::samples()),
        (
            "lodger plan",
            vec![json!(present()), json!(Present::default())],
        ),
        ("lodger refresh", refresh::samples()),
        ("lodger refresh --wait", vec![json!([record()])]),
        ("lodger reset", reset::samples()),
        ("lodger show", show::samples()),
        ("lodger show --sources", vec![json!(origins())]),
        (
            "lodger status",
            status.iter().map(|status| json!(status)).collect(),
        ),
        ("lodger unhold", unhold::samples()),
        ("lodger verify", vec![json!(proof())]),
        ("lodger why", why::samples(seen(), standings(), &record())),
    ];
    samples.extend(base::samples(number(), vec![change(), gone()]));
    samples
}

fn number() -> Number {
    "3".parse().unwrap()
}

fn diagnostics() -> [Diagnostic; 2] {
    let [path, odd] = odd_paths();
    let of_file = |path, fault| Diagnostic::of_file(path, fault);
    let placed = Diagnostic {
        severity: Severity::Warning,
        position: Some(Position {
            line: 1,
            column: 2,
            length: 3,
        }),
        ..of_file(&odd, Fault::new("L006", "x").help("y"))
    };
    [of_file(&path, Fault::new("L006", "x")), placed]
}

fn shadows() -> Vec<Shadow> {
    let shadow = |same: Option<bool>| Shadow {
        path: odd_paths()[1].clone(),
        packages: ["libc6".to_owned()].into(),
        same,
    };
    vec![shadow(Some(true)), shadow(None)]
}

fn origins() -> [Origin; 1] {
    let [path, odd] = odd_paths();
    let line = |path| Line { path, line: 1 };
    [Origin {
        key: "exec".into(),
        value: "1".into(),
        path: odd.clone(),
        line: 1,
        overridden: vec![line(path), line(odd)],
    }]
}

fn proof() -> Proof {
    let old = |reason: Option<&str>| OldContainer {
        name: "web".into(),
        packages: vec!["libc6".into()],
        processes: 1,
        reason: reason.map(str::to_owned),
    };
    Proof {
        packages: vec![PackageProof {
            name: "libc6".into(),
            ..PackageProof::default()
        }],
        old: vec![old(None), old(Some("held"))],
        unknown: vec![UnknownContainer {
            name: "web".into(),
            processes: 1,
            why: "why".into(),
        }],
        processes: 2,
    }
}

fn seen() -> Vec<Why> {
    let sightings = || odd_paths().map(|path| Sighting { path, pid: 5 }).to_vec();
    let undecided = |program| Undecided {
        pid: 5,
        program,
        why: "why".into(),
    };
    let seen = |current_base: Option<Number>| Why {
        name: "web".into(),
        current_base,
        packages: vec!["libc6".into()],
        reasons: reasons(),
        faults: vec!["why".into()],
        evidence: Evidence {
            base: current_base.map(|base| base.to_string()),
            processes: 2,
            maps: sightings(),
            opens: sightings(),
            programs: odd_paths()
                .map(|path| Program {
                    path,
                    has_run_others: true,
                })
                .to_vec(),
            undecided: vec![undecided(None), undecided(Some(odd_paths()[1].clone()))],
        },
    };
    let known = std::iter::repeat_with(|| seen(Some(number())));
    [seen(None)]
        .into_iter()
        .chain(known.take(hindrances().len()))
        .collect()
}

fn full_status() -> Status {
    let health = |why: Option<&str>| HealthStatus {
        state: HealthWord::Unhealthy,
        failures: 1,
        why: why.map(str::to_owned),
    };
    let due = DueStatus {
        refresh: 7,
        reasons: reasons(),
        waits_for: Some("a hold".into()),
        failed: failure(),
    };
    let patient = DueStatus {
        refresh: 7,
        reasons: reasons(),
        waits_for: None,
        failed: None,
    };
    let full = ContainerStatus {
        result: Some("exit-code".into()),
        since: Some(TIME.into()),
        base: Some("3".into()),
        held: Some("2".into()),
        health: Some(health(Some("why"))),
        processes: Some(1),
        stale: Some(true),
        stale_paths: odd_paths().map(ExactPath).to_vec(),
        due: Some(due),
        shadows: Some(shadows()),
        shadows_missing: vec!["why".into()],
        ..container()
    };
    let other = ContainerStatus {
        health: Some(health(None)),
        due: Some(patient),
        ..container()
    };
    Status {
        containers: vec![full, other, container()],
        refreshing: true,
        last_refresh: Some(record()),
        unreadable_record: Some("why".into()),
        unreadable: Some("why".into()),
    }
}

fn empty_status() -> Status {
    Status {
        containers: Vec::new(),
        refreshing: false,
        last_refresh: None,
        unreadable_record: None,
        unreadable: None,
    }
}

fn container() -> ContainerStatus {
    ContainerStatus {
        name: "web".into(),
        unit: "lodger-web.service".into(),
        state: "active".into(),
        sub_state: "running".into(),
        result: None,
        since: None,
        base: None,
        held: None,
        health: None,
        processes: None,
        stale: None,
        stale_paths: Vec::new(),
        due: None,
        shadows: None,
        shadows_missing: Vec::new(),
    }
}
