//! Escapes in, systemd's own reading of them out.

use proptest::prelude::*;

use super::{systemd, *};

#[test]
fn words_as_people_write_them() {
    for (word, written) in [
        ("a b", r#""a b""#),
        ("", r#""""#),
        ("say \"hi\"", r#""say \"hi\"""#),
        ("it's", r#""it's""#),
        ("a\nb\tc", r#""a\nb\tc""#),
        (r"\.", r#""\\.""#),
        (";", r#"";""#),
        ("a;b", "a;b"),
        ("$HOME", "$$HOME"),
        ("100%", "100%%"),
        (" x ", r#"" x ""#),
        ("é🔟", "é🔟"),
        ("\u{1b}[1m", r#""\x1b[1m""#),
        ("#x", "#x"),
    ] {
        assert_eq!(command([word]).to_string(), written, "for {word:?}");
    }
    assert_eq!(words(["A=$B 100%"]).to_string(), r#""A=$B 100%%""#);
    assert_eq!(privileged_command(["/x", "%"]).to_string(), "+/x %%");
}

#[test]
fn names_as_systemd_escape_writes_them() {
    for (written, escaped) in [
        ("/run/lodger/roots/web", "run-lodger-roots-web"),
        ("/run/lodger/roots/web@3", r"run-lodger-roots-web\x403"),
        ("/a-b/c_d", r"a\x2db-c_d"),
        ("//a//b/", "a-b"),
        ("/.hidden/.x", r"\x2ehidden-.x"),
        ("/é:", r"\xc3\xa9:"),
        ("/", "-"),
    ] {
        assert_eq!(path(written), escaped, "for {written:?}");
    }
    assert_eq!(name("/a"), "-a");
}

/// Absolute paths, half of which have something in them that is special somewhere.
fn paths() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[^/\\x00]{1,20}",
        "[ab .:%$*?\\[\\]\\\\\"' ]{1,20}",
        "[a-z]{1,8}"
    ];
    prop::collection::vec(part, 1..4).prop_map(|parts| format!("/{}", parts.join("/")))
}

/// What is written comes back; how much is not written, and why, is for [`what_cannot_be_written_is_refused`].
fn assert_comes_back<T: PartialEq + std::fmt::Debug>(
    written: Result<Escaped, Unwritable>,
    read: impl Fn(&str) -> Result<T, String>,
    meant: T,
) -> Result<(), TestCaseError> {
    if let Ok(value) = written {
        prop_assert_eq!(read(value.as_str()), Ok(meant), "from {}", value);
    }
    Ok(())
}

#[test]
fn paths_as_people_write_them() {
    let written =
        |value: Result<Escaped, Unwritable>| value.expect("it can be written").to_string();
    for (source, escaped) in [
        ("/srv/shop", "/srv/shop:/x"),
        ("/srv/my shop", r#""/srv/my shop":/x"#),
        ("/srv/a:b", r#""/srv/a\:b":/x"#),
        (r"/srv/a\:b", r#""/srv/a\\\:b":/x"#),
        (r"/srv/a\b", r#""/srv/a\\b":/x"#),
        ("/srv/100%", "/srv/100%%:/x"),
        ("/srv/$é#;", "/srv/$é#;:/x"),
    ] {
        assert_eq!(written(bind(source, "/x")), escaped);
    }
    assert_eq!(
        written(temporary_file_system("/my tmp", "size=50%")),
        r#""/my tmp":size=50%"#
    );
    assert_eq!(written(temporary_file_system("/it's", "")), r#""/it's""#);
    assert_eq!(
        written(environment_file(r"/a*[b]?\c d%")),
        r"/a\*\[b]\?\\c d%%"
    );
    assert_eq!(written(only_path(r"/a b\")), r"/a b\ ");
    assert_eq!(written(credential("db%", "/etc/a:%")), "db%%:/etc/a:%%");
    assert_eq!(
        written(credential_data("db", b" a%b\\\n\xff")),
        r"db:\x20a%b\x5c\x0a\xff"
    );
    assert_eq!(written(raw("%i 'a' \\x20")), "%i 'a' \\x20");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let long = format!("/{}", "a".repeat(256));
    let deep = "/aaaaaaa".repeat(512);
    for path in [
        "", "a", "/a/../b", "/.", "/a/", "//a", "/a\nb", "/a\tb", "/\u{7f}", &long, &deep,
    ] {
        assert!(only_path(path).is_err(), "{path:?}");
        assert!(bind(path, "/x").is_err(), "{path:?}");
        assert!(bind("/x", path).is_err(), "{path:?}");
        assert!(temporary_file_system(path, "").is_err(), "{path:?}");
        assert!(environment_file(path).is_err(), "{path:?}");
        assert!(credential("x", path).is_err(), "{path:?}");
    }
    assert!(bind("/it's", "/x").is_err() && bind("/x", "/\"").is_err());
    assert!(
        temporary_file_system("/a:b", "").is_err() && temporary_file_system(r"/a\", "").is_err()
    );
    assert!(temporary_file_system("/a", "size=1M nosuid").is_err());
    assert!(environment_file("/a ").is_err() && only_path("/a ").is_err());
    // The pattern is longer than the name.
    assert!(environment_file(&format!("/{}", "*".repeat(128))).is_err());
    assert!(credential("x", "/a b").is_err() && credential("x", r"/a\").is_err());
    for id in [
        "",
        ".",
        "..",
        "a:b",
        "a/b",
        "a b",
        r"a\b",
        "é",
        &"a".repeat(256),
    ] {
        assert!(credential(id, "/x").is_err(), "{id:?}");
        assert!(credential_data(id, b"x").is_err(), "{id:?}");
    }
    assert!(credential_data("x", b"").is_err());
    assert!(raw("a\nb").is_err() && raw("a\\").is_err() && raw("a\\\\").is_ok());
}

proptest! {
    #[test]
    fn every_command_comes_back(words in prop::collection::vec("[^\\x00]*", 0..6)) {
        prop_assert_eq!(systemd::command(command(&words).as_str()), Ok(words));
    }

    #[test]
    fn every_list_of_words_comes_back(list in prop::collection::vec("[^\\x00]*", 0..6)) {
        prop_assert_eq!(systemd::words(words(&list).as_str()), Ok(list));
    }

    #[test]
    fn awkward_words_come_back(list in prop::collection::vec("[a\"' \\\\%$;\n\t=#{}]*", 0..6)) {
        prop_assert_eq!(systemd::command(command(&list).as_str()), Ok(list));
    }

    #[test]
    fn every_text_comes_back(line in "[^\\p{Cc}]*[a%\\\\]*") {
        let line = line.trim_matches([' ', '\t', '\r']);
        prop_assert_eq!(systemd::text(text(line).as_str()), Ok(line.to_owned()));
    }

    #[test]
    fn no_text_makes_a_second_line(line in any::<String>()) {
        prop_assert!(!text(&line).to_string().contains(['\n', '\0']));
    }

    #[test]
    fn every_path_comes_back(parts in prop::collection::vec("[^/\\x00]+", 1..5)) {
        let joined = parts.join("/");
        let escaped = path(&format!("/{joined}"));
        prop_assert_eq!(systemd::unit_name(&escaped), joined);
        prop_assert!(escaped.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_.\\".contains(&b)));
    }

    #[test]
    fn every_bind_comes_back(source in paths(), target in paths()) {
        assert_comes_back(bind(&source, &target), systemd::binds, vec![(source, target)])?;
    }

    #[test]
    fn every_temporary_file_system_comes_back(path in paths()) {
        let options = "size=50%,mode=0755".to_owned();
        assert_comes_back(temporary_file_system(&path, &options), systemd::temporary_file_system, (path, options))?;
    }

    #[test]
    fn every_single_path_comes_back(path in paths()) {
        assert_comes_back(only_path(&path), systemd::text, path.clone())?;
        assert_comes_back(environment_file(&path), systemd::environment_file, path)?;
    }

    #[test]
    fn every_credential_comes_back(id in "[ -~é]{1,20}", path in paths(), data: Vec<u8>) {
        assert_comes_back(credential(&id, &path), systemd::credential, (id.clone(), path))?;
        assert_comes_back(credential_data(&id, &data), systemd::credential_data, (id, data.clone()))?;
        prop_assert_eq!(credential_data("x", &data).is_ok(), !data.is_empty());
    }

    #[test]
    fn paths_without_control_characters_can_be_bound(path in "/[^/\\p{Cc}\"']{3,80}") {
        prop_assert!(bind(&path, &path).is_ok());
    }
}
