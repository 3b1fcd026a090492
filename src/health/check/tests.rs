//! Programs that say and do things in; what is known of them out. Containers are for tests/system.

use std::os::unix::process::ExitStatusExt;

use super::*;
use crate::container::Unhealthy;
use crate::container::file::web as container;

/// What is found out of a shell script that has this long.
fn watched(script: &str, limit: Duration) -> (Outcome, String) {
    let (reader, writer) = io::pipe().unwrap();
    let mut child = Command::new("/bin/sh")
        .args(["-c", script])
        .stderr(writer)
        .spawn()
        .unwrap();
    let mut messages = Messages::of(reader).unwrap();
    let outcome = watch(&child, &mut messages, Instant::now() + limit).unwrap();
    child.kill().unwrap();
    wait(&mut child).unwrap();
    (outcome, messages.last_line())
}

#[test]
fn a_command_has_its_time_and_its_say() {
    let long = Duration::from_secs(60);
    for (script, limit, expected) in [
        (
            "echo a >&2; echo ' b ' >&2; echo >&2",
            long,
            (Outcome::Ended, "b"),
        ),
        ("exec 2>&-; exit 3", long, (Outcome::Ended, "")),
        (
            "printf 'a\\033[31mb' >&2",
            long,
            (Outcome::Ended, "a\\u{1b}[31mb"),
        ),
        // A grandchild that holds the pipe is not waited for.
        ("sleep 3 & echo x >&2", long, (Outcome::Ended, "x")),
        (
            "exec sleep 1000",
            Duration::from_millis(100),
            (Outcome::TooLate, ""),
        ),
        (
            "exec 2>&-; exec sleep 1000",
            Duration::from_millis(100),
            (Outcome::TooLate, ""),
        ),
        ("exec yes >&2", long, (Outcome::TooMuch, "y")),
    ] {
        let found = watched(script, limit);
        assert_eq!((found.0, found.1.as_str()), expected, "for {script}");
    }
    let (_, line) = watched("head -c 5000 /dev/zero | tr '\\0' x >&2", long);
    assert_eq!(line, "x".repeat(LONGEST_LINE) + "...");
}

#[test]
fn why_it_failed_is_one_line() {
    let health = Health {
        exec: vec!["x".to_owned()],
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(1500),
        retries: 1,
        on_failure: Unhealthy::Restart,
    };
    let exited = |code: i32| ExitStatus::from_raw(code << 8);
    let unhealthy = |why: &str| Answer::Unhealthy(why.to_owned());
    for (outcome, status, line, expected) in [
        (Outcome::Ended, exited(0), "noise", Answer::Healthy),
        (
            Outcome::Ended,
            exited(22),
            "no",
            unhealthy("exit status 22: no"),
        ),
        (Outcome::Ended, exited(1), "", unhealthy("exit status 1")),
        (
            Outcome::TooLate,
            exited(0),
            "",
            unhealthy("it took longer than 1s 500ms"),
        ),
        (
            Outcome::TooMuch,
            exited(0),
            "y",
            unhealthy("it wrote more than 64 KiB of messages: y"),
        ),
    ] {
        assert_eq!(answer(outcome, status, line, &health), expected);
    }
}

#[test]
fn the_environment_is_the_containers() {
    let text = "exec = \"/bin/x\"\nenvironment = { A = \"1=2\", PATH = \"/opt/bin\", MAINPID = \"7\" }\n\
                [credentials]\nx = { file = \"/x\" }\n[health]\nexec = \"check\"\n";
    let container = container(text);
    let expected = [
        (
            "CREDENTIALS_DIRECTORY",
            "/run/credentials/lodger-web.service",
        ),
        ("A", "1=2"),
        ("PATH", "/opt/bin"),
        ("MAINPID", "4711"),
    ];
    let expected: Variables = expected
        .map(|(name, value)| (name.into(), value.into()))
        .into();
    let found = variables(&container, 4711);
    assert_eq!(found, expected);
    let written: Vec<u8> = found
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat())
        .collect();
    assert_eq!(parse_variables(&written).unwrap(), expected);
    assert!(parse_variables(b"A=1\0B\0").is_err());
}

#[test]
fn a_path_is_there_in_any_case() {
    let container = container("exec = \"/bin/x\"\n");
    assert_eq!(
        variables(&container, 1)[0],
        (
            "PATH".into(),
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin".into()
        )
    );
}
