//! Container files in; whole containers, or whole lists of diagnostics, out.

use crate::container::Ordered;
use std::time::Duration;

use super::*;
use crate::container::{
    Base, Credential, Device, EnvironmentFile, Health, Isolation, Limit, Limits, Mount,
    MountSource, Network, Profile, Relations, Restart, Root, RootKind, ServiceType, Start,
    Unhealthy, Update, UpdatePolicy, User, mounts::Owner,
};
use crate::signal::SignalNumber;

fn parse_text(name: &str, text: &str) -> Result<ContainerFile, Refused> {
    parse(&FileName::parse(name).unwrap(), Path::new("x.toml"), text)
}

fn faults(name: &str, text: &str) -> Vec<String> {
    let refused = parse_text(name, text).unwrap_err();
    refused
        .diagnostics
        .iter()
        .map(Diagnostic::one_line)
        .collect()
}

fn minimal(name: &str) -> Container {
    Container {
        name: Name::parse(name).unwrap(),
        source: PathBuf::from("x.toml"),
        description: name.to_owned(),
        exec: vec!["/bin/x".to_owned()],
        exec_reload: Vec::new(),
        init: false,
        user: None,
        environment: Ordered::default(),
        environment_files: Vec::new(),
        working_directory: PathBuf::from("/"),
        service_type: ServiceType::Exec,
        restart: Restart::OnFailure,
        start: Start::Boot,
        stop_signal: SignalNumber::TERM,
        stop_timeout: Duration::from_secs(10),
        relations: Relations::default(),
        root: Root {
            kind: RootKind::Overlay,
            base: Base::Pinned,
            show: Vec::new(),
            hide: Vec::new(),
            ephemeral: false,
            writable_usr: false,
        },
        mounts: Ordered::default(),
        limits: Limits::default(),
        isolation: Isolation::default(),
        network: Network::Host,
        credentials: Ordered::default(),
        health: None,
        update: Update {
            policy: UpdatePolicy::Affected,
            packages: Vec::new(),
            wave: None,
            settle: Duration::from_secs(1),
            rollback: true,
        },
        directives: Vec::new(),
    }
}

#[test]
fn one_line_is_enough() {
    for text in [
        "exec = \"/bin/x\"",
        "exec = [\"/bin/x\"]\r\n",
        "\u{feff}exec = ['/bin/x'] # no newline",
    ] {
        assert_eq!(
            parse_text("web", text).unwrap().containers,
            [minimal("web")],
            "for {text:?}"
        );
    }
}

#[test]
fn every_key_arrives() {
    let text = r#"
        description = "Shop front"
        exec = ["/usr/sbin/nginx", "-g", "daemon off;"]
        exec-reload = "/usr/sbin/nginx -s reload"
        init = true
        user = "www-data"
        environment = { TZ = "UTC", EMPTY = "" }
        environment-files = ["-web.env", "/etc/default/web"]
        working-directory = "/srv/"
        type = "notify"
        restart = "always"
        start = "manual"
        stop-signal = "QUIT"
        stop-timeout = "1min 30s"
        requires = ["db", "network-online.target", "db"]
        wants = ["cache"]
        after = ["x.service"]
        part-of = ["shop.target"]
        [root]
        kind = "overlay"
        base = "host"
        show = ["/etc/ssl/private/shop.key"]
        hide = ["/opt/other", "/opt/a", "/opt//a"]
        ephemeral = true
        writable-usr = true
        [mounts]
        "/srv/shop/" = { source = "/srv//shop", read-only = true }
        "/var/lib/shop" = { volume = "shop", owner = "www-data:adm", mode = "0750" }
        "/scratch" = { tmpfs = "64M" }
        [limits]
        memory = "512M"
        memory-high = "400M"
        swap = 0
        cpu = "150%"
        tasks = 64
        open-files = 1024
        io-weight = 200
        [isolation]
        profile = "strict"
        capabilities = ["CAP_NET_RAW", "CAP_CHOWN"]
        devices = ["-/dev/dri/renderD128 rw"]
        [network]
        mode = "none"
        [credentials]
        password = { file = "/etc/credstore/shop" }
        key = { encrypted = "/etc/credstore.encrypted/shop" }
        [health]
        exec = "/usr/bin/curl -f 'http://127.0.0.1/a b'"
        interval = 30
        timeout = "500ms"
        retries = 5
        on-failure = "report"
        [update]
        policy = "always"
        packages = ["php8.4-fpm", "libc6", "php8.4-fpm"]
        wave = "canary"
        settle = "2.5s"
        rollback = false
        [systemd.service]
        LogRateLimitBurst = 1000
    "#;
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let volume = MountSource::Volume {
        name: "shop".to_owned(),
        owner: Some(Owner {
            user: "www-data".to_owned(),
            group: Some("adm".to_owned()),
        }),
        mode: Some(0o750),
    };
    let tmpfs = MountSource::Tmpfs {
        size: 64 << 20,
        mode: None,
    };
    let mount =
        |target: &str, source, read_only| (PathBuf::from(target), Mount { source, read_only });
    let credential = |name: &str, path: &str, encrypted| {
        let path = PathBuf::from(path);
        (name.to_owned(), Credential { path, encrypted })
    };
    let file = |path: &str, optional| EnvironmentFile {
        path: PathBuf::from(path),
        optional,
    };
    let expected = Container {
        description: "Shop front".to_owned(),
        exec: words(&["/usr/sbin/nginx", "-g", "daemon off;"]),
        exec_reload: words(&["/usr/sbin/nginx", "-s", "reload"]),
        init: true,
        user: Some(User::Named("www-data".to_owned())),
        environment: Ordered::new(Vec::from(
            [("EMPTY", ""), ("TZ", "UTC")].map(|(a, b)| (a.to_owned(), b.to_owned())),
        )),
        environment_files: vec![file("web.env", true), file("/etc/default/web", false)],
        working_directory: PathBuf::from("/srv"),
        service_type: ServiceType::Notify,
        restart: Restart::Always,
        start: Start::Manual,
        stop_signal: SignalNumber::parse("SIGQUIT").unwrap(),
        stop_timeout: Duration::from_secs(90),
        relations: Relations {
            requires: words(&["lodger-db.service", "network-online.target"]),
            wants: words(&["lodger-cache.service"]),
            after: words(&["x.service"]),
            part_of: words(&["shop.target"]),
        },
        root: Root {
            show: vec![PathBuf::from("/etc/ssl/private/shop.key")],
            hide: vec![PathBuf::from("/opt/a"), PathBuf::from("/opt/other")],
            ephemeral: true,
            writable_usr: true,
            base: Base::Host,
            ..minimal("web").root
        },
        mounts: Ordered::new(Vec::from([
            mount(
                "/srv/shop",
                MountSource::Host(PathBuf::from("/srv/shop")),
                true,
            ),
            mount("/var/lib/shop", volume, false),
            mount("/scratch", tmpfs, false),
        ])),
        limits: Limits {
            memory: Some(Limit::Of(512 << 20)),
            memory_high: Some(Limit::Of(400 << 20)),
            swap: Some(Limit::Of(0)),
            cpu_percent: Some(150),
            tasks: Some(Limit::Of(64)),
            open_files: Some(1024),
            io_weight: Some(200),
        },
        isolation: Isolation {
            profile: Profile::Strict,
            capabilities: Some(vec!["CAP_CHOWN", "CAP_NET_RAW"]),
            devices: vec![Device {
                path: PathBuf::from("/dev/dri/renderD128"),
                access: "rw".to_owned(),
                optional: true,
            }],
        },
        network: Network::None,
        credentials: Ordered::new(Vec::from([
            credential("password", "/etc/credstore/shop", false),
            credential("key", "/etc/credstore.encrypted/shop", true),
        ])),
        health: Some(Health {
            exec: words(&["/usr/bin/curl", "-f", "http://127.0.0.1/a b"]),
            interval: Duration::from_secs(30),
            timeout: Duration::from_millis(500),
            retries: 5,
            on_failure: Unhealthy::Report,
        }),
        update: Update {
            policy: UpdatePolicy::Always,
            packages: words(&["libc6", "php8.4-fpm"]),
            wave: Some("canary".to_owned()),
            settle: Duration::from_millis(2500),
            rollback: false,
        },
        directives: vec![("Service", "LogRateLimitBurst".to_owned(), "1000".to_owned())],
        ..minimal("web")
    };
    assert_eq!(parse_text("web", text).unwrap().containers, [expected]);
}

#[test]
fn all_mistakes_of_a_file_are_told_in_its_order() {
    let text = "exce = \"/bin/x\"\nuser = 33\nrestart = true\n[limits]\nmemory = \"512\"\n[roots]\nhide = []\n";
    assert_eq!(
        faults("web", text),
        [
            "x.toml:1:1: unknown key \"exce\"; did you mean \"exec\"?",
            "x.toml:2:8: expected a string, found an integer (write \"33\")",
            "x.toml:3:11: expected a string, found a boolean",
            "x.toml:5:10: \"512\" is 512 bytes, in which no program runs (a size such as \"512M\" or \"2G\" (K, M, G, T; \
             1024-based), or an integer of bytes)",
            "x.toml:6:2: unknown table \"roots\"; did you mean \"root\"?",
        ]
    );
}

#[test]
fn instances_are_counted_or_named() {
    let names = |text| {
        let file = parse_text("web@", text).unwrap();
        file.containers
            .iter()
            .map(|container| container.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names("exec = \"x\"\ninstances = 3"),
        ["web@1", "web@2", "web@3"]
    );
    assert_eq!(
        names("exec = \"x\"\ninstances = [\"green\", \"blue\"]"),
        ["web@green", "web@blue"]
    );
    assert_eq!(names("exec = \"x\"\ninstances = 10000").len(), 10_000);
}

#[test]
fn an_instance_has_its_name_in_its_values() {
    let text = "instances = [\"a\", \"b\"]\nexec = [\"x\", \"%i\", \"%%i\", \"100%\"]\nrequires = [\"db@%i\"]\n\
                environment = { PORT = \"80%i\" }\n[root]\nhide = [\"/opt/%i\"]\n";
    let file = parse_text("web@", text).unwrap();
    let expected = |instance: &str| Container {
        exec: vec![
            "x".to_owned(),
            instance.to_owned(),
            "%i".to_owned(),
            "100%".to_owned(),
        ],
        environment: Ordered::new(Vec::from([("PORT".to_owned(), format!("80{instance}"))])),
        relations: Relations {
            requires: vec![format!("lodger-db@{instance}.service")],
            ..Relations::default()
        },
        root: Root {
            hide: vec![PathBuf::from(format!("/opt/{instance}"))],
            ..minimal("web").root
        },
        ..minimal(&format!("web@{instance}"))
    };
    assert_eq!(file.containers, [expected("a"), expected("b")]);
    assert_eq!(
        faults("web", "exec = [\"x\", \"%i\"]"),
        [
            "x.toml:1:14: \"%i\" is the name of an instance, and this file makes no instances (name the file NAME@.toml, or \
             write \"%%i\" for the two characters)"
        ]
    );
}

#[test]
fn bad_instances_are_told_with_the_other_mistakes() {
    for (value, why) in [
        ("0", ":1:13: 0 is not a number of instances (1 to 10000)"),
        (
            "10001",
            ":1:13: 10001 is not a number of instances (1 to 10000)",
        ),
        ("99999999999999999999", ":1:13: an integer beyond 64 bits"),
        (
            "\"3\"",
            ":1:13: expected an integer or an array of names, found a string",
        ),
        ("[]", ":1:13: no instances, so nothing would ever run"),
        ("[\"a\", \"a\"]", ":1:19: \"web@a\" is named twice"),
    ] {
        let text = format!("instances = {value}\nexec = \"x\"\ncolour = 1\n");
        let expected = [
            format!("x.toml{why}"),
            "x.toml:3:1: unknown key \"colour\"".to_owned(),
        ];
        assert_eq!(faults("web@", &text), expected, "for {value}");
        assert_eq!(
            parse_text("web@", &text).unwrap_err().names,
            [],
            "for {value}"
        );
    }
    assert_eq!(
        faults("web@", "exec = \"x\""),
        [
            "x.toml: instances is missing in \"web@.toml\" (write instances = 3, or instances = [\"blue\", \"green\"])"
        ]
    );
    assert_eq!(
        faults("web", "instances = 3\nexec = \"x\""),
        ["x.toml:1:13: instances belongs in a file called \"web@.toml\""]
    );
    let big = format!("instances = 10000\nexec = \"x\"\n#{}\n", "x".repeat(10_000));
    assert_eq!(
        faults("web@", &big),
        [
            "x.toml:1:13: 10000 instances of a file of 10031 bytes are too many (at most 10000, and 32 MiB of units)"
        ]
    );
}

#[test]
fn a_refused_template_still_knows_its_names() {
    let refused = parse_text("web@", "instances = 2\nexec = \"./x\"").unwrap_err();
    assert_eq!(
        refused.names,
        [Name::parse("web@1").unwrap(), Name::parse("web@2").unwrap()]
    );
    assert_eq!(refused.diagnostics.len(), 1);
}

#[test]
fn what_comes_later_is_told_apart_from_mistakes() {
    assert_eq!(
        faults(
            "web",
            "exec = \"x\"\nstart = \"cluster\"\nnetwork.mode = \"private\""
        ),
        [
            "x.toml:2:9: \"cluster\" is not in this version of lodger yet",
            "x.toml:3:16: \"private\" is not in this version of lodger yet",
        ]
    );
    assert_eq!(
        faults("web", "exec = \"x\"\nroot.base = \"hots\""),
        ["x.toml:2:13: \"hots\" is none of \"pinned\", \"host\"; did you mean \"host\"?"]
    );
}

#[test]
fn oneshot_does_not_start_again_after_success() {
    for word in ["always", "on-success"] {
        let found = faults(
            "web",
            &format!("exec = \"x\"\nrestart = \"{word}\"\ntype = \"oneshot\""),
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("x.toml:2:11: type = \"oneshot\" is done once it has succeeded"),
            "{found:?}"
        );
    }
    assert_eq!(
        parse_text("web", "exec = \"/bin/x\"\ntype = \"oneshot\"")
            .unwrap()
            .containers,
        [Container {
            service_type: ServiceType::Oneshot,
            ..minimal("web")
        }]
    );
}

#[test]
fn many_mistakes_are_all_told() {
    let text: String = (0..10_000)
        .map(|number| format!("key-{number} = 1\n"))
        .collect();
    let told = faults("web", &text);
    assert_eq!(told.len(), 1001);
    assert_eq!(
        told[999..],
        [
            "x.toml: exec is missing (write exec = [\"/usr/bin/PROGRAM\", \"ARGUMENT\"])",
            "x.toml: 9001 more mistakes, which are not told one by one (mend these first)",
        ]
    );
    let list = format!("exec = [{}]", "\"a\",".repeat(10_000));
    assert_eq!(
        parse_text("web", &list).unwrap().containers[0].exec.len(),
        10_000
    );
}
