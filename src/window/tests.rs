//! Answers of systemd-analyze(1), real ones and made-up ones, in; windows out.

use std::process::Command;

use super::*;

fn at(time: &str) -> SystemTime {
    humantime::parse_rfc3339_weak(time).unwrap()
}

fn elapses(time: &str) -> Answer {
    Answer::Elapses(Some(at(time)))
}

#[test]
fn answers_are_read_in_any_zone() {
    let lines = |lines: &[&str]| {
        format!(
            "Normalized form: Sun *-*-* 02:00:00\n{}\n",
            lines.join("\n")
        )
    };
    for (answer, expected) in [
        (
            lines(&[
                "    Next elapse: Sun 2026-11-29 02:00:00 UTC",
                "       From now: 6 days left",
            ]),
            elapses("2026-11-29 02:00:00"),
        ),
        (
            lines(&[
                "    Next elapse: Sun 2026-11-29 02:00:00 +0545",
                "       (in UTC): Sat 2026-11-28 20:15:00 UTC",
            ]),
            elapses("2026-11-28 20:15:00"),
        ),
        // A zone that has never been anything but UTC has no second line.
        (
            lines(&["    Next elapse: Sun 2026-11-29 02:00:00 GMT"]),
            elapses("2026-11-29 02:00:00"),
        ),
        (
            lines(&["    Next elapse: Mon 2044-02-29 01:00:00.000001 UTC"]),
            elapses("2044-02-29 01:00:00.000001"),
        ),
        (lines(&["    Next elapse: never"]), Answer::Elapses(None)),
    ] {
        assert_eq!(parse(&answer).unwrap(), expected, "for {answer}");
    }
    for bad in [
        "",
        "Next elapse:",
        "Next elapse: tomorrow",
        "Next elapse: Sun 2026-13-29 02:00:00 UTC",
        "Next elapse: Sun 2026-11-29 02:00:00 UTC and more",
        "Next elapse: Sun 2026-11-29 02:00:00 CET\n(in UTC): n/a",
    ] {
        assert!(parse(bad).is_err(), "for {bad:?}");
    }
}

#[test]
fn a_window_is_open_from_its_first_moment_and_no_more_at_its_end() {
    let hour = Duration::from_secs(3600);
    let begin = at("2026-11-29 02:00:00");
    let moment = Duration::from_micros(1);
    let open = Window::Open {
        until: begin + hour,
    };
    let closed = Window::Closed { next: Some(begin) };
    for (now, expected) in [
        (begin - moment, closed),
        (begin, open),
        (begin + hour - moment, open),
    ] {
        assert_eq!(state_of(Some(begin), hour, now), expected);
    }
    assert_eq!(state_of(None, hour, begin), Window::Closed { next: None });
}

/// Whether there is one to ask. Where Debian's systemd is not installed the rest is all that can be tested.
fn has_analyze() -> bool {
    Path::new(ANALYZE).exists()
}

#[test]
fn systemd_is_asked() {
    if !has_analyze() {
        return;
    }
    let hour = Duration::from_secs(3600);
    let at_once = |now: &str| state("Sun 02:00 UTC", hour, at(now)).unwrap();
    let open = Window::Open {
        until: at("2026-11-29 03:00:00"),
    };
    let closed = |next: &str| Window::Closed {
        next: Some(at(next)),
    };
    for (now, expected) in [
        ("2026-11-29 01:59:59", closed("2026-11-29 02:00:00")),
        ("2026-11-29 02:00:00", open),
        ("2026-11-29 02:59:59.999999", open),
        ("2026-11-29 03:00:00", closed("2026-12-06 02:00:00")),
    ] {
        assert_eq!(at_once(now), expected, "at {now}");
    }
    assert_eq!(
        state("2020-01-01 UTC", hour, at("2026-11-29 02:00:00")).unwrap(),
        Window::Closed { next: None }
    );
    // There is no such day.
    assert_eq!(
        state("*-02-30 UTC", hour, at("2026-11-29 02:00:00")).unwrap(),
        Window::Closed { next: None }
    );
}

#[test]
fn zones_and_the_changes_of_their_clocks_are_systemds() {
    if !has_analyze() || !Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        return;
    }
    let hour = Duration::from_secs(3600);
    let now = |now: &str| state("Sun 02:30 Europe/Berlin", hour, at(now)).unwrap();
    assert_eq!(
        now("2026-07-05 00:30:00"),
        Window::Open {
            until: at("2026-07-05 01:30:00")
        }
    );
    assert_eq!(
        now("2026-12-06 00:30:00"),
        Window::Closed {
            next: Some(at("2026-12-06 01:30:00"))
        }
    );
}

#[test]
fn what_is_no_expression_is_told() {
    if !has_analyze() {
        return;
    }
    for good in ["Sun 02:00", "daily", "*-*-* 4:00/2", "Mon..Fri 22:00 UTC"] {
        assert_eq!(check(good), Ok(()), "for {good}");
    }
    for bad in [
        "",
        "25:00",
        "-h",
        "--version",
        "Sonntag",
        "Sun 02:00 Moon/Crater",
    ] {
        let fault = check(bad).unwrap_err();
        assert_eq!(
            fault.message,
            format!("{} is not a calendar expression", quote(bad))
        );
        let error = state(bad, Duration::from_secs(60), SystemTime::now()).unwrap_err();
        assert_eq!(error.to_string(), fault.message);
    }
}

/// What becomes of a program that does this in place of an answer.
fn asked(script: &str, patience: Duration) -> Result<Answer> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("analyze");
    // By another process: what this one has open, a child of another test may have too, and then it cannot be executed.
    let write = r##"printf '#!/bin/sh\n%s\n' "$1" >"$0"; chmod +x "$0""##;
    let mut shell = Command::new("/bin/sh");
    let written = shell.args(["-c", write]).arg(&program).arg(script).status();
    assert!(written.unwrap().success());
    next_elapse(&program, patience, "Sun", at("2026-11-29 02:00:00"))
}

#[test]
fn it_is_asked_with_its_words_and_an_empty_environment() {
    let script = "[ \"$*\" = 'calendar --iterations=1 --base-time=@1795917600.000000 -- Sun' ] || exit 7\n\
                  [ \"$LC_ALL\" = C.UTF-8 ] && [ -z \"$HOME$TZ\" ] || exit 8\necho 'Next elapse: never'";
    assert_eq!(asked(script, PATIENCE).unwrap(), Answer::Elapses(None));
}

#[test]
fn no_answer_takes_for_ever_or_all_memory() {
    let short = Duration::from_millis(300);
    let why = |script, patience| {
        let error = asked(script, patience).unwrap_err();
        format!("{error:#}").split_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(why("exec sleep 1000", short), "it does not answer");
    assert_eq!(
        why("exec >&- 2>&-; exec sleep 1000", short),
        "it does not end"
    );
    assert_eq!(why("exec yes", PATIENCE), "it answers without an end");
    assert_eq!(why("echo no; exit 1", PATIENCE), "exit status: 1: \"no\"");
    assert_eq!(why("exit 0", PATIENCE), "no 'Next elapse:' in the answer");
    assert!(next_elapse(Path::new("/nowhere"), PATIENCE, "Sun", SystemTime::now()).is_err());
}
