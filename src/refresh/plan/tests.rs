use std::num::NonZeroUsize;

use super::*;
use crate::settings;

fn due(name: &str) -> Candidate {
    Candidate {
        name: name.into(),
        unit: format!("lodger-{name}.service"),
        ..Candidate::default()
    }
}

fn in_wave(name: &str, wave: &str) -> Candidate {
    Candidate {
        wave: Some(wave.into()),
        ..due(name)
    }
}

fn requiring(mut candidate: Candidate, required: &[&str]) -> Candidate {
    candidate.requires = required
        .iter()
        .map(|name| format!("lodger-{name}.service"))
        .collect();
    candidate
}

/// `canary: a b | default: c`, then `left: reason` for each.
fn told(candidates: Vec<Candidate>, settings: &Settings) -> String {
    told_with(candidates, settings, &[])
}

fn told_with(candidates: Vec<Candidate>, settings: &Settings, closed: &[(&str, &str)]) -> String {
    let closed = closed.iter();
    let closed = closed.map(|(wave, opens)| ((*wave).to_owned(), Some((*opens).to_owned())));
    let rules = Rules {
        settings,
        windows: Windows::closed(closed.collect()),
    };
    let plan = plan(&candidates, &rules);
    let waves = plan.waves.iter().map(|wave| {
        let names = wave.containers.iter().map(|planned| planned.name.as_str());
        format!("{}: {}", wave.name, names.collect::<Vec<_>>().join(" "))
    });
    let left = plan
        .left
        .iter()
        .map(|left| format!("{} ({})", left.name, left.hindrance));
    waves.chain(left).collect::<Vec<_>>().join(" | ")
}

#[test]
fn waves_come_in_the_order_of_the_settings() {
    let due = || {
        vec![
            due("web"),
            in_wave("edge", "late"),
            in_wave("first", "canary"),
            in_wave("odd", "b"),
            in_wave("even", "a"),
        ]
    };
    assert_eq!(
        told(due(), &Settings::default()),
        "canary: first | a: even | b: odd | late: edge | default: web"
    );
    let settings =
        settings::parse("refresh.waves = [\"late\", \"default\", \"canary\"]\n").unwrap();
    assert_eq!(
        told(due(), &settings),
        "late: edge | a: even | b: odd | default: web | canary: first"
    );
}

#[test]
fn what_is_required_or_comes_before_is_in_an_earlier_wave() {
    let mut last = due("a");
    last.after = vec![
        "lodger-web.service".into(),
        "network.target".into(),
        "lodger-a.service".into(),
    ];
    let candidates = vec![last, requiring(due("web"), &["db"]), due("db"), due("x")];
    assert_eq!(
        told(candidates, &Settings::default()),
        "default: db x | default: web | default: a"
    );
    let circle = vec![requiring(due("a"), &["b"]), requiring(due("b"), &["a"])];
    assert_eq!(told(circle, &Settings::default()), "default: a b");
    let of_canary = vec![
        requiring(in_wave("web", "canary"), &["db"]),
        requiring(due("db"), &["disk"]),
        due("disk"),
        due("other"),
    ];
    assert_eq!(
        told(of_canary, &Settings::default()),
        "canary: disk | canary: db | canary: web | default: other"
    );
}

#[test]
fn no_wave_is_wider_than_it_may_be() {
    let names = ["a", "b", "c", "d", "e"];
    let mut candidates: Vec<_> = names.map(due).into();
    candidates.extend(["f", "g"].map(|name| in_wave(name, "canary")));
    let settings = settings::parse("refresh.width = 2\nwaves.canary.width = 1\n").unwrap();
    assert_eq!(settings.width_of("default"), NonZeroUsize::new(2));
    assert_eq!(
        told(candidates, &settings),
        "canary: f | canary: g | default: a b | default: c d | default: e"
    );
}

#[test]
fn a_closed_window_puts_its_wave_off_and_what_that_requires() {
    let closed = [("late", "2026-11-29T02:00:00Z")];
    let secure = Candidate {
        ignores_windows: true,
        ..in_wave("secure", "late")
    };
    let candidates = vec![
        requiring(in_wave("edge", "late"), &["db"]),
        due("db"),
        due("web"),
        secure,
    ];
    assert_eq!(
        told_with(candidates, &Settings::default(), &closed),
        "late: secure | default: web | edge (the window of wave 'late' opens at 2026-11-29T02:00:00Z) \
         | db (it would take 'edge' along, which is put off)"
    );
}

#[test]
fn a_failure_keeps_later_waves_from_starting_and_no_others() {
    let failed = Candidate {
        failed: true,
        hindrance: Some(Hindrance::Base { base: "3".into() }),
        ..in_wave("probe", "canary")
    };
    let candidates = || {
        vec![
            failed.clone(),
            in_wave("other", "canary"),
            due("web"),
            in_wave("edge", "late"),
        ]
    };
    assert_eq!(
        told(candidates(), &Settings::default()),
        "canary: other | probe (held on base 3) | web ('probe' in wave 'canary' has failed) \
         | edge ('probe' in wave 'canary' has failed)"
    );
    let settings = settings::parse("refresh.on-failure = \"continue\"\n").unwrap();
    assert_eq!(
        told(candidates(), &settings),
        "canary: other | late: edge | default: web | probe (held on base 3)"
    );
}

#[test]
fn what_has_failed_is_tried_again_before_later_waves() {
    let again = Candidate {
        failed: true,
        ..in_wave("probe", "canary")
    };
    assert_eq!(
        told(vec![again, due("web")], &Settings::default()),
        "canary: probe | default: web"
    );
}

#[test]
fn what_somebody_wants_left_takes_no_other_with_it() {
    let held = Candidate {
        hindrance: Some(Hindrance::Never),
        ..requiring(due("web"), &["db"])
    };
    assert_eq!(
        told(vec![held, due("db")], &Settings::default()),
        "default: db | web (update.policy is \"never\")"
    );
    assert_eq!(told(Vec::new(), &Settings::default()), "");
}
