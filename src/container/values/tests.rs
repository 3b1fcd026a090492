//! Scalars in, values or refusals out.

use super::*;

fn of(text: &str) -> Scalar<'_> {
    Scalar::Text(text.into())
}

#[test]
fn users() {
    for good in [
        "root",
        "www-data",
        "_apt",
        "john.doe",
        "0",
        "33",
        "65534",
        "4294967294",
    ] {
        assert_eq!(user(of(good)), Ok(User::Named(good.to_owned())));
    }
    assert_eq!(user(of("dynamic")), Ok(User::Dynamic));
    for bad in [
        "",
        "-x",
        ".x",
        "a b",
        "a:b",
        "a/b",
        "é",
        "007",
        "65535",
        "4294967295",
        "1a",
        "99999999999",
    ] {
        assert!(user(of(bad)).is_err(), "for {bad:?}");
    }
    assert_eq!(
        user(Scalar::Integer(33)).unwrap_err().help.unwrap(),
        "write \"33\""
    );
}

#[test]
fn variable_names() {
    for good in ["A", "_a1", "PATH"] {
        assert_eq!(variable_name(good), Ok(()));
    }
    assert_eq!(variable_name(&"A".repeat(255)), Ok(()));
    for bad in ["", "1A", "A-B", "A=B", "A B", "é", &"A".repeat(256)] {
        assert!(variable_name(bad).is_err(), "for {bad:?}");
    }
}

#[test]
fn descriptions() {
    assert_eq!(description(of(" Shop front ")), Ok("Shop front".to_owned()));
    for bad in ["", " ", "a\nb", "a\u{1b}b", &"a".repeat(1001)] {
        assert!(description(of(bad)).is_err(), "for {bad:?}");
    }
}

#[test]
fn words_are_suggested() {
    assert_eq!(start(of("boot")), Ok(Start::Boot));
    let message = |scalar| start(scalar).unwrap_err().message;
    assert_eq!(
        message(of("Boot")),
        "\"Boot\" is none of \"boot\", \"manual\"; did you mean \"boot\"?"
    );
    assert_eq!(
        message(Scalar::Boolean(true)),
        "expected a string, found a boolean"
    );
    assert_eq!(
        message(of("cluster")),
        "\"cluster\" is not in this version of lodger yet"
    );
    assert!(network(of("with:db")).is_err());
}

#[test]
fn booleans_are_no_words() {
    assert_eq!(boolean(Scalar::Boolean(true)), Ok(true));
    for bad in [of("true"), of("yes"), Scalar::Integer(1)] {
        assert!(boolean(bad).is_err());
    }
}

#[test]
fn signals_are_those_that_ask() {
    for (written, name) in [
        ("SIGTERM", "SIGTERM"),
        ("QUIT", "SIGQUIT"),
        ("SIGRTMIN", "SIGRTMIN"),
        ("SIGRTMIN+3", "SIGRTMIN+3"),
        ("RTMIN+30", "SIGRTMIN+30"),
        ("RTMAX", "SIGRTMIN+30"),
    ] {
        assert_eq!(
            signal(of(written)).map(|signal| signal.to_string()),
            Ok(name.to_owned())
        );
    }
    for bad in [
        "",
        "SIG",
        "sigterm",
        "SIGKILL",
        "STOP",
        "SIGRTMIN+31",
        "SIGRTMIN++1",
        "SIGRTMIN+01",
        "15",
        "SIGTREM",
    ] {
        assert!(signal(of(bad)).is_err(), "for {bad:?}");
    }
    assert!(signal(Scalar::Integer(15)).is_err());
    assert_eq!(
        signal(of("SIGTREM")).unwrap_err().message,
        "\"SIGTREM\" is not a signal; did you mean \"SIGTERM\"?"
    );
    assert_eq!(
        signal(of("KILL")).unwrap_err().message,
        "\"KILL\" asks nothing of a program, it cannot be caught"
    );
}
