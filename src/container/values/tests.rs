//! Scalars in, values or refusals out.

use super::*;

fn of(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
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
        assert_eq!(user(of(good)), Ok(good.to_owned()));
    }
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
        "dynamic",
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
    for bad in ["", "1A", "A-B", "A=B", "A B", "é"] {
        assert!(variable_name(bad).is_err(), "for {bad:?}");
    }
}

#[test]
fn paths() {
    for (written, meant) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("//a///b/", "/a/b"),
        ("/a b", "/a b"),
        ("/é%:\\", "/é%:\\"),
    ] {
        assert_eq!(
            absolute_path(of(written)),
            Ok(PathBuf::from(meant)),
            "for {written:?}"
        );
    }
    for bad in [
        "",
        "a",
        "./a",
        "~",
        "/a/../b",
        "/..",
        "/./a",
        "/a\nb",
        "/a ",
        &format!("/{}", "a".repeat(256)),
    ] {
        assert!(absolute_path(of(bad)).is_err(), "for {bad:?}");
    }
    assert!(hidden_path(of("//")).is_err());
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
    let words = [("boot", 1), ("manual", 2)];
    assert_eq!(one_of(of("boot"), &words), Ok(1));
    let fault = one_of(of("Boot"), &words).unwrap_err();
    assert_eq!(
        fault.message,
        "\"Boot\" is none of \"boot\", \"manual\"; did you mean \"boot\"?"
    );
    assert_eq!(
        one_of(Scalar::Other("a boolean"), &words)
            .unwrap_err()
            .message,
        "expected a string, found a boolean"
    );
}
