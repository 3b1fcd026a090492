//! Directives and values in; lines, or words to the user, out.

use std::path::Path;

use super::*;
use crate::container::file::{ContainerFile, Refused, parse};
use crate::container::name::FileName;
use crate::host::Host;
use crate::service::{Way, service};

mod verdicts;

fn text(text: &str) -> RawValue {
    RawValue::Text(text.to_owned())
}

fn message(section: Section, key: &str, value: &RawValue) -> (&'static str, String) {
    let fault = directive(section, key, value).unwrap_err();
    let help = fault
        .help
        .map_or(String::new(), |help| format!(" ({help})"));
    (fault.rule, fault.message + &help)
}

/// What systemd reads otherwise than it is meant, or finds out only at the start.
#[test]
fn what_systemd_would_misread_is_refused() {
    for (section, key, value) in [
        (Section::Unit, "Before", ".service"),
        (Section::Unit, "Before", "a/b.service"),
        (Section::Unit, "Before", "lodger-web.service"),
        (Section::Unit, "Upholds", "web"),
        (Section::Unit, "Upholds", "web@.service"),
        (Section::Unit, "Before", "local-fs.target"),
        (Section::Unit, "Before", "lodgerd-base.service"),
        (Section::Unit, "Before", "lodgerd-prepare@web.service"),
        (Section::Unit, "Before", "lodger.slice"),
        (Section::Unit, "Before", "-.slice"),
        (Section::Unit, "Before", "-.mount"),
        (Section::Unit, "Before", "var-lib.mount"),
        (Section::Unit, "Before", "dev-sda.device"),
        (Section::Unit, "ConditionACPower", "often"),
        (Section::Unit, "ConditionArchitecture", "z80"),
        (Section::Unit, "ConditionCPUs", ">=two"),
        (
            Section::Unit,
            "ConditionControlGroupController",
            "v1 memory",
        ),
        (
            Section::Unit,
            "ConditionControlGroupController",
            "memory v2",
        ),
        (Section::Unit, "ConditionMemoryPressure", "50%/2min"),
        (Section::Unit, "ConditionNeedsUpdate", "/usr"),
        (Section::Unit, "ConditionPathExists", "|!"),
        (Section::Unit, "ConditionUser", "www-data"),
        (Section::Unit, "ConditionGroup", "@system"),
        (Section::Unit, "AssertGroup", "adm"),
        (Section::Unit, "OnFailureJobMode", "isolate"),
        (Section::Unit, "RequiresMountsFor", "/srv/a\\b"),
        (Section::Unit, "RequiresMountsFor", "/srv/\"a b\""),
        (Section::Service, "CPUQuotaPeriodSec", "2s"),
        (Section::Service, "CPUSchedulingPolicy", "fifo"),
        (Section::Service, "IOSchedulingClass", "realtime"),
        (Section::Service, "IODeviceWeight", "vda 100"),
        (Section::Service, "LimitNICE", "0"),
        (Section::Service, "LimitNICE", "010"),
        (Section::Service, "StartupMemoryHigh", "010%"),
        (Section::Service, "RestrictNetworkInterfaces", "0o7"),
        (Section::Service, "LogExtraFields", "A=1 B=2"),
        (Section::Service, "MemoryDenyWriteExecute", "no"),
        (Section::Service, "Nice", "010"),
        (Section::Service, "OOMScoreAdjust", "0x10"),
        (Section::Service, "ReadOnlyPaths", "/etc"),
        (Section::Service, "RestrictNamespaces", "no"),
        (
            Section::Service,
            "RestrictNetworkInterfaces",
            "aaaaaaaaaaaaaaaa1",
        ),
        (Section::Service, "SocketBindAllow", "ipv4:"),
        (Section::Service, "SocketBindAllow", "tcp:0"),
        (Section::Service, "StandardOutput", "tty"),
        (Section::Service, "StandardError", "append:/var/log/x"),
        (Section::Service, "UMask", "22"),
        (Section::Service, "UMask", "02000"),
    ] {
        let found = directive(section, key, &text(value));
        assert!(found.is_err(), "{key}={value}: {found:?}");
    }
}

#[test]
fn whatever_the_directive_a_value_is_something_on_one_line() {
    for section in [Section::Unit, Section::Service] {
        for (name, rule) in section.directives() {
            if !matches!(rule, Rule::One(_) | Rule::Many(_)) {
                continue;
            }
            // "%n" is text where text is free, and must not be a specifier there.
            for bad in ["", " ", "a\nb", "x\0", "\u{85}", "!", "|!", "%n"] {
                let found = directive(section, name, &text(bad));
                let free = *name == "SyslogIdentifier" && !bad.trim().is_empty();
                let word = name.ends_with("KernelCommandLine");
                match found {
                    Ok(values) if bad == "%n" => {
                        assert_eq!((values, free || word), (vec!["%%n".to_owned()], true))
                    }
                    Ok(values) => assert_eq!((values, free), (vec![bad.to_owned()], true)),
                    Err(_) => assert!(!free || bad.contains(char::is_control), "{name}={bad:?}"),
                }
            }
        }
    }
}

#[test]
fn numbers_booleans_and_lists() {
    let of = |key, value| directive(Section::Service, key, &value);
    assert_eq!(
        of("LogRateLimitBurst", RawValue::Integer(1000)),
        Ok(vec!["1000".to_owned()])
    );
    assert_eq!(
        of("WatchdogSec", RawValue::Integer(5)),
        Ok(vec!["5".to_owned()])
    );
    assert_eq!(
        of("RemainAfterExit", RawValue::Boolean(true)),
        Ok(vec!["yes".to_owned()])
    );
    let list = RawValue::List(vec![text("@system-service"), text("~@privileged  @mount")]);
    assert_eq!(
        of("SystemCallFilter", list.clone()),
        Ok(vec![
            "@system-service".to_owned(),
            "~@privileged @mount".to_owned()
        ])
    );
    for (key, value, expected) in [
        (
            "Nice",
            list.clone(),
            "Nice: expected one value, found a list",
        ),
        (
            "SystemCallFilter",
            RawValue::List(vec![list]),
            "SystemCallFilter: expected one value, found a list",
        ),
        (
            "SystemCallFilter",
            RawValue::List(vec![]),
            "SystemCallFilter: the list is empty",
        ),
        (
            "Nice",
            RawValue::Boolean(true),
            "Nice: \"yes\" is not an integer from -20 to 19",
        ),
        (
            "UMask",
            RawValue::Integer(22),
            "UMask: \"22\" is not a mode (a string such as \"0027\": octal, with a leading zero)",
        ),
    ] {
        assert_eq!(message(Section::Service, key, &value).1, expected);
    }
}

#[test]
fn what_cannot_be_set_says_why_and_what_to_do() {
    let x = text("x");
    for (section, key, expected) in [
        (
            Section::Service,
            "LogRateLimitburst",
            "\"LogRateLimitburst\" is no directive of [Service] that systemd 257 knows; did you mean \"LogRateLimitBurst\"?",
        ),
        (
            Section::Service,
            "systemcallfilter",
            "\"systemcallfilter\" is no directive of [Service] that systemd 257 knows; did you mean \"SystemCallFilter\"?",
        ),
        (
            Section::Service,
            "Before",
            "\"Before\" is no directive of [Service] that systemd 257 knows (it belongs in [systemd.unit])",
        ),
        (
            Section::Service,
            "MemoryMax",
            "MemoryMax= cannot be set here: the container file has a key for it (use memory in [limits])",
        ),
        (
            Section::Service,
            "CPUShares",
            "CPUShares= cannot be set here: its name is an old one (write CPUWeight=)",
        ),
        (
            Section::Service,
            "NFTSet",
            "NFTSet= cannot be set here: lodger cannot tell a value that systemd would ignore (put it into a drop-in of systemd, /etc/systemd/system/lodger-NAME.service.d/)",
        ),
        (
            Section::Unit,
            "JoinsNamespaceOf",
            "JoinsNamespaceOf= cannot be set here: containers do not share their namespaces",
        ),
    ] {
        assert_eq!(
            message(section, key, &x),
            (rule::DIRECTIVE, expected.to_owned())
        );
    }
}

/// What lodger writes itself cannot be set besides, unless a second line adds to the first.
#[test]
fn what_lodger_writes_cannot_be_replaced() {
    const ADD_UP: [&str; 5] = [
        "Documentation",
        "ReadOnlyPaths",
        "RequiresMountsFor",
        "RestartForceExitStatus",
        "SuccessExitStatus",
    ];
    // Of the profile "strict". The first four merge, see `widens_strict`; the last one says how a call fails, not whether.
    const STRICT: [&str; 5] = [
        "RestrictAddressFamilies",
        "RestrictNamespaces",
        "SystemCallArchitectures",
        "SystemCallFilter",
        "SystemCallErrorNumber",
    ];
    let file = include_str!("../../../tests/cases/every-key/etc/lodger/web.toml");
    let unit = service(
        &parsed(file).unwrap().containers[0],
        Way::Mounted,
        &Host::default(),
    );
    let lines: Vec<_> = unit.text().lines().collect();
    assert!(lines.len() > 60, "{}", lines.len());
    let mut section = Section::Unit;
    for line in lines {
        if line == "[Service]" {
            section = Section::Service;
        }
        let Some((key, _)) = line.split_once('=') else {
            continue;
        };
        // The file's own.
        if key == "LogRateLimitBurst" {
            continue;
        }
        let may_add = ADD_UP.contains(&key) || STRICT.contains(&key);
        assert_eq!(is_settable(section, key), may_add, "{key}");
    }
}

fn parsed(text: &str) -> Result<ContainerFile, Refused> {
    parse(
        &FileName::parse("web").unwrap(),
        Path::new("/etc/lodger/web.toml"),
        text,
    )
}

#[test]
fn nothing_adds_to_what_strict_allows() {
    for (line, adds) in [
        ("SystemCallFilter = '@mount'", true),
        ("SystemCallFilter = ['~@clock', '@mount']", true),
        ("SystemCallFilter = ['~@clock', '~@timer']", false),
        ("RestrictAddressFamilies = 'AF_PACKET'", true),
        ("RestrictAddressFamilies = '~AF_NETLINK'", false),
        ("RestrictAddressFamilies = 'none'", false),
        ("RestrictNamespaces = 'user'", true),
        ("RestrictNamespaces = true", false),
        ("SystemCallArchitectures = 'native x86'", true),
        ("SystemCallArchitectures = 'native'", false),
        ("SystemCallErrorNumber = 'kill'", false),
        ("Nice = 5", false),
    ] {
        let with = |profile: &str| {
            parsed(&format!(
                "exec = '/bin/x'\n[isolation]\nprofile = '{profile}'\n[systemd.service]\n{line}\n"
            ))
        };
        assert!(with("default").is_ok(), "{line}");
        let found = with("strict").map_err(|refused| refused.diagnostics[0].rule);
        assert_eq!(found.err(), adds.then_some(rule::ISOLATION), "{line}");
    }
}
