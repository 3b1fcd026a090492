//! Settings in; what they mean, or whole lists of diagnostics, out.

use std::time::Duration;

use super::*;

#[test]
fn what_is_said_counts_and_the_rest_is_the_default() {
    assert_eq!(parse("").unwrap(), Settings::default());
    assert_eq!(parse("[refresh]\n").unwrap(), Settings::default());
    assert_eq!(
        parse("[refresh]\nparallel = 1024\n")
            .unwrap()
            .parallel
            .get(),
        1024
    );
    assert!(Settings::default().parallel.get() >= 2);
}

#[test]
fn bases_lie_where_they_last() {
    let settings = parse("bases = { directory = \"/usr/lodger-bases/\", keep = 1 }\n").unwrap();
    assert_eq!(settings.bases, Path::new("/usr/lodger-bases"));
    assert_eq!(settings.keep.get(), 1);
    assert_eq!(Settings::default().keep.get(), 3);
    for bad in [
        "directory = \"/\"",
        "directory = \"/tmp/x\"",
        "directory = \"x\"",
        "directory = 1",
        "keep = 0",
        "keep = 1001",
    ] {
        assert_eq!(
            parse(&format!("[bases]\n{bad}\n")).unwrap_err().len(),
            1,
            "for {bad}"
        );
    }
}

#[test]
fn all_mistakes_are_told() {
    let diagnostics = parse("refrsh = 1\n[refresh]\nparallel = 0\nparalel = 3\n").unwrap_err();
    let lines: Vec<_> = diagnostics.iter().map(Diagnostic::one_line).collect();
    assert_eq!(
        lines,
        [
            "/etc/lodger.toml:1:1: unknown key \"refrsh\"; did you mean \"refresh\"?",
            "/etc/lodger.toml:3:12: 0 is not a number of jobs (1 to 1024)",
            "/etc/lodger.toml:4:1: unknown key \"paralel\" in [refresh]; did you mean \"parallel\"?",
        ]
    );
    for bad in ["1025", "-1", "\"2\"", "1.5", "true"] {
        assert_eq!(
            parse(&format!("refresh.parallel = {bad}"))
                .unwrap_err()
                .len(),
            1,
            "for {bad}"
        );
    }
}

#[test]
fn the_file_is_read_under_the_prefix() {
    let root = tempfile::tempdir().unwrap();
    let prefix = Prefix::under(root.path().as_os_str());
    assert_eq!(read(&prefix), Ok(Settings::default()));
    std::fs::create_dir(root.path().join("etc")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.path().join("etc/lodger.toml")).unwrap();
    assert_eq!(
        read(&prefix).unwrap_err()[0].one_line(),
        "/etc/lodger.toml: a symbolic link to \"nowhere\", which is not there"
    );
    std::fs::remove_file(root.path().join("etc/lodger.toml")).unwrap();
    std::fs::write(
        root.path().join("etc/lodger.toml"),
        "[refresh]\nparallel = 7\n",
    )
    .unwrap();
    assert_eq!(read(&prefix).unwrap().parallel.get(), 7);
}

/// These waves, in the order in which a refresh with such settings begins them.
fn in_order(text: &str, waves: &[&str]) -> Vec<String> {
    let settings = parse(text).unwrap();
    let mut waves: Vec<_> = waves.iter().map(|wave| (*wave).to_owned()).collect();
    waves.sort_by_key(|wave| settings.wave_order(wave));
    waves
}

#[test]
fn waves_have_an_order_whatever_is_written() {
    let all = ["zebra", "default", "front", "canary", "back"];
    for (text, expected) in [
        ("", ["canary", "back", "front", "zebra", "default"]),
        (
            "refresh.waves = []",
            ["canary", "back", "front", "zebra", "default"],
        ),
        (
            "refresh.waves = [\"zebra\", \"back\"]",
            ["canary", "zebra", "back", "front", "default"],
        ),
        (
            "refresh.waves = [\"front\", \"default\", \"canary\"]",
            ["front", "back", "zebra", "default", "canary"],
        ),
    ] {
        assert_eq!(in_order(text, &all), expected, "for {text}");
    }
}

#[test]
fn a_wave_has_what_is_said_of_it_and_the_rest_from_all() {
    let text = "[refresh]\nwidth = 50\non-failure = \"continue\"\nsecurity-ignores-windows = true\n\
                [waves.canary]\nwidth = 1\n[waves.night]\nwindow = \" Sun 02:00 \"\nlength = \"90min\"\n\
                [waves.noon]\nwindow = \"12:00\"\n";
    let settings = parse(text).unwrap();
    let width = |name| settings.width_of(name).map(NonZeroUsize::get);
    assert_eq!(
        ["canary", "night", "other"].map(width),
        [Some(1), Some(50), Some(50)]
    );
    let window = |name| {
        let wave = settings.wave(name);
        (wave.window, wave.length)
    };
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(window("night"), (Some("Sun 02:00".to_owned()), minutes(90)));
    assert_eq!(window("noon"), (Some("12:00".to_owned()), minutes(60)));
    assert_eq!(window("canary"), (None, minutes(60)));
    assert_eq!(settings.wave("other"), Wave::default());
    assert_eq!(settings.on_failure, OnFailure::Continue);
    assert!(settings.security_ignores_windows);
    let defaults = Settings::default();
    assert_eq!(defaults.width_of("canary"), None);
    assert_eq!(defaults.on_failure, OnFailure::Stop);
    assert!(!defaults.security_ignores_windows);
}

#[test]
fn mistakes_in_waves_are_told() {
    let text = "[refresh]\nwidth = 0\nwaves = [\"a\", \"b\", \"a\", \"a b\", 1]\non-failure = \"stay\"\n\
                security-ignores-windows = 1\n\
                [waves.a]\nlength = \"2h\"\n[waves.\"a b\"]\n[waves.b]\nwindow = \"\"\nlength = \"59s\"\nwidht = 1\n\
                [waves.c]\nwindow = \"Sun\\n\"\n[waves.d]\nwindow = \"Sun\\u0007\"\nlength = \"8d\"\n";
    let lines: Vec<_> = parse(text)
        .unwrap_err()
        .iter()
        .map(|mistake| mistake.one_line().replace("/etc/lodger.toml", ""))
        .collect();
    assert_eq!(
        lines,
        [
            ":2:9: 0 is not a number of containers (1 to 20000)",
            ":3:20: the wave \"a\" is named twice",
            ":3:25: \"a b\" is not the name of a wave (letters, digits, \"-\" and \"_\", at most 64)",
            ":3:32: expected a string, found an integer",
            ":4:14: \"stay\" is none of \"stop\", \"continue\"",
            ":5:28: expected true or false, found an integer",
            ":7:1: there is no window whose length this could be (add window)",
            ":8:8: \"a b\" is not the name of a wave (letters, digits, \"-\" and \"_\", at most 64)",
            ":10:10: the window \"\" is empty (such as \"Sun 02:00\"; see systemd.time(7))",
            ":11:10: \"59s\" is not a time from 1min to 7d",
            ":12:1: unknown key \"widht\" in [waves.\"b\"]; did you mean \"width\"?",
            ":16:10: the window \"Sun\\u{7}\" is not one line without control characters (such as \"Sun 02:00\"; see systemd.time(7))",
            ":17:10: \"8d\" is not a time from 1min to 7d",
        ]
    );
}

#[test]
fn what_only_systemd_knows_of_windows_is_told_with_its_place() {
    let text = "[waves.a]\nwindow = \"25:00\"\n[waves.b]\nwindow = \"12:00\"\n";
    let calendar = |expression: &str| match expression {
        "25:00" => Err(Fault::new("L010", "no time")),
        _ => Ok(()),
    };
    let mistakes = parse_with(text, &calendar).unwrap_err();
    let lines: Vec<_> = mistakes.iter().map(Diagnostic::one_line).collect();
    assert_eq!(lines, ["/etc/lodger.toml:2:10: no time"]);
}

#[test]
fn the_installed_file_says_only_what_is_so_and_can_be_uncommented() {
    let installed = include_str!("../../units/lodger.toml");
    assert_eq!(parse(installed).unwrap(), Settings::default());
    let is_setting = |line: &&str| line.starts_with('[') || line.contains(" = ");
    let settings: Vec<_> = installed
        .lines()
        .map(|line| line.trim_start_matches("# "))
        .filter(is_setting)
        .collect();
    let parsed = parse(&settings.join("\n")).unwrap();
    assert_eq!(
        (parsed.width_of("default"), parsed.width_of("canary")),
        (NonZeroUsize::new(50), NonZeroUsize::new(1))
    );
}
