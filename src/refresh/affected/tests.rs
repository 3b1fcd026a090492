//! A small Debian, what a container shows of itself and what changed in; the reasons out.

use proptest::prelude::*;

use super::*;
use crate::dpkg::Change;
use crate::dpkg::status::parse;
use crate::refresh::change::PackageChange;

/// Name, source, dependencies, provided packages.
const PACKAGES: [(&str, &str, &str, &str); 33] = [
    ("libc6", "glibc", "", ""),
    ("libssl3t64", "openssl", "libc6", ""),
    ("zlib1g", "zlib", "libc6", ""),
    ("tzdata", "tzdata", "", ""),
    ("unused", "unused", "libc6", ""),
    ("perl-base", "perl", "libc6", ""),
    ("perl", "perl", "perl-base", ""),
    ("libjson-perl", "json", "perl:any", ""),
    ("debconf", "debconf", "perl-base", ""),
    ("python3.13-minimal", "python3.13", "libc6", ""),
    ("libpython3.13-stdlib", "python3.13", "tzdata", ""),
    (
        "python3.13",
        "python3.13",
        "python3.13-minimal, libpython3.13-stdlib",
        "",
    ),
    ("libpython3.13", "python3.13", "libpython3.13-stdlib", ""),
    ("python3", "python3-defaults", "python3.13", ""),
    (
        "python3-flask",
        "flask",
        "python3:any, python3-werkzeug",
        "",
    ),
    ("python3-werkzeug", "werkzeug", "python3:any", ""),
    ("nginx", "nginx", "libc6, libssl3t64", "nginx-abi-1"),
    ("nginx-common", "nginx", "debconf", ""),
    ("libnginx-mod-http-geoip", "geoip", "libc6, nginx-abi-1", ""),
    ("shop", "shop", "nginx", ""),
    ("shop-theme", "shop", "shop", ""),
    ("php8.4-fpm", "php8.4", "php8.4-common", ""),
    ("php-common", "php-defaults", "", ""),
    ("php-symfony", "symfony", "php-common", ""),
    ("libtomcat-java", "tomcat", "", ""),
    ("node-escape-html", "node-escape-html", "", ""),
    ("ruby-webrick", "ruby-webrick", "", ""),
    ("php-htmlawed", "php-htmlawed", "", ""),
    ("libpam0g", "pam", "libc6", ""),
    ("libpam-modules", "pam", "libc6", ""),
    ("libpam-ldapd", "nss-pam-ldapd", "libpam0g", ""),
    ("sudo", "sudo", "libpam0g", ""),
    ("dash", "dash", "libc6", ""),
];

fn relations() -> Relations {
    let paragraphs = PACKAGES.map(|(name, source, depends, provides)| {
        let essential = if name == "perl-base" { "yes" } else { "no" };
        format!(
            "Package: {name}\nStatus: install ok installed\nSource: {source}\nDepends: {depends}\nProvides: \
             {provides}\nEssential: {essential}\n"
        )
    });
    Relations::of(&[parse(&paragraphs.join("\n")).unwrap()])
}

fn owners_here() -> Owners {
    let owned = [
        ("/usr/bin/dash", "dash"),
        ("/usr/bin/perl", "perl-base"),
        ("/usr/bin/python3.13", "python3.13-minimal"),
        ("/usr/lib/libpython3.13.so.1.0", "libpython3.13"),
        ("/usr/lib/libc.so.6", "libc6"),
        ("/usr/lib/libpam.so.0", "libpam0g"),
        ("/usr/sbin/nginx", "nginx"),
        ("/usr/sbin/php-fpm8.4", "php8.4-fpm"),
    ];
    let owned = owned.map(|(path, package)| (path.into(), [package.to_owned()].into()));
    owned.into_iter().collect()
}

/// Packages, each with a kind of file after a colon: `tzdata:other`.
fn change(packages: &[&str]) -> HostChange {
    let packages = packages.iter().map(|package| {
        let (name, kind) = package.split_once(':').unwrap_or((package, "library"));
        let touches = match kind {
            "library" => "/usr/lib/x.so.1",
            "program" => "/usr/bin/x",
            "archive" => "/usr/share/java/x.jar",
            "node" => "/usr/share/nodejs/x/index.js",
            "ruby" => "/usr/lib/ruby/vendor_ruby/x.rb",
            "php" => "/usr/share/php/x.php",
            "pam" => "/usr/lib/x86_64-linux-gnu/security/pam_x.so",
            "other" => "/usr/share/x/x",
            _ => "/usr/share/doc/x",
        };
        let paths = BTreeSet::from([PathBuf::from(touches)]);
        PackageChange {
            change: Change {
                name: name.to_owned(),
                architecture: "amd64".to_owned(),
                old: Some("1".to_owned()),
                new: Some("2".to_owned()),
            },
            touches: Touches::of(&paths),
            paths,
        }
    });
    HostChange {
        packages: packages.collect(),
        other_paths: BTreeSet::new(),
    }
}

fn running(program: &str, has_run_others: bool) -> Evidence {
    Evidence {
        processes: 1,
        programs: vec![Program {
            path: program.into(),
            has_run_others,
        }],
        ..Evidence::default()
    }
}

fn undecided(program: Option<&str>) -> Evidence {
    Evidence {
        processes: 1,
        undecided: vec![Undecided {
            pid: 7,
            program: program.map(PathBuf::from),
            why: "it is odd".to_owned(),
        }],
        ..Evidence::default()
    }
}

fn sighting(path: &str) -> Vec<Sighting> {
    vec![Sighting {
        path: path.into(),
        pid: 7,
    }]
}

fn told(
    update: &Update,
    program: Option<&str>,
    evidence: &Evidence,
    changed: &[&str],
) -> Vec<String> {
    let reasons = reasons(
        update,
        program.map(Path::new),
        evidence,
        &change(changed),
        &relations(),
        &owners_here(),
    );
    reasons.iter().map(Reason::to_string).collect()
}

#[test]
fn what_a_program_may_load_next_is_a_reason_and_nothing_else() {
    let python = "/usr/bin/python3.13";
    let for_python = "runs /usr/bin/python3.13, and python3-flask is for that";
    let part_of_nginx = "runs /usr/sbin/nginx, and nginx-common is a part of it";
    for (program, has_run_others, changed, expected) in [
        (python, false, "python3-flask:other", &[for_python][..]),
        (python, false, "python3-flask:documentation", &[]),
        (python, false, "libjson-perl:other", &[]),
        (python, false, "unused", &[]),
        (python, false, "nginx", &[]),
        (
            python,
            false,
            "tzdata:other",
            &["runs /usr/bin/python3.13, which may read the data of tzdata at any time"],
        ),
        (
            python,
            false,
            "libpython3.13-stdlib:other",
            &["runs /usr/bin/python3.13, and libpython3.13-stdlib is a part of it"],
        ),
        (
            python,
            true,
            "unused",
            &["runs other programs with /usr/bin/python3.13, which may use unused"],
        ),
        (
            "/srv/venv/bin/python3.13",
            false,
            "python3-flask:other",
            &["runs /srv/venv/bin/python3.13, and python3-flask is for that"],
        ),
        (
            "/usr/lib/libpython3.13.so.1.0",
            false,
            "python3-werkzeug:other",
            &["runs /usr/lib/libpython3.13.so.1.0, and python3-werkzeug is for that"],
        ),
        (
            "/usr/bin/perl",
            false,
            "libjson-perl:other",
            &["runs /usr/bin/perl, and libjson-perl is for that"],
        ),
        (
            "/usr/sbin/php-fpm8.4",
            false,
            "php-symfony:other",
            &["runs /usr/sbin/php-fpm8.4, and php-symfony is for that"],
        ),
        (
            "/usr/lib/jvm/x/bin/java",
            false,
            "libtomcat-java:archive",
            &["runs /usr/lib/jvm/x/bin/java, and libtomcat-java is for that"],
        ),
        ("/usr/lib/jvm/x/bin/java", false, "zlib1g", &[]),
        // These do not say what they are for; where their files lie does.
        (
            "/usr/bin/node",
            false,
            "node-escape-html:node",
            &["runs /usr/bin/node, and node-escape-html is for that"],
        ),
        ("/usr/bin/node", false, "ruby-webrick:ruby", &[]),
        (
            "/usr/bin/ruby3.3",
            false,
            "ruby-webrick:ruby",
            &["runs /usr/bin/ruby3.3, and ruby-webrick is for that"],
        ),
        ("/usr/bin/ruby3.3", false, "ruby-webrick:other", &[]),
        (
            "/usr/sbin/php-fpm8.4",
            false,
            "php-htmlawed:php",
            &["runs /usr/sbin/php-fpm8.4, and php-htmlawed is for that"],
        ),
        (
            "/usr/sbin/nginx",
            false,
            "libnginx-mod-http-geoip",
            &["runs /usr/sbin/nginx, and libnginx-mod-http-geoip is a part of it"],
        ),
        (
            "/usr/sbin/nginx",
            false,
            "nginx-common:other",
            &[part_of_nginx],
        ),
        ("/usr/sbin/nginx", false, "shop-theme:other", &[]),
        ("/usr/sbin/nginx", false, "tzdata:other", &[]),
        (
            "/usr/lib/libpam.so.0",
            true,
            "libpam-modules:pam",
            &["runs /usr/lib/libpam.so.0, and libpam-modules is a part of it"],
        ),
        (
            "/usr/lib/libpam.so.0",
            true,
            "libpam-ldapd:pam",
            &["runs /usr/lib/libpam.so.0, and libpam-ldapd is for that"],
        ),
        ("/usr/lib/libpam.so.0", true, "sudo:program", &[]),
        (
            "/usr/sbin/cron",
            false,
            "unused:program",
            &["runs other programs with /usr/sbin/cron, which may use unused"],
        ),
        ("/usr/sbin/cron", false, "unused:documentation", &[]),
        // What it links it also maps.
        ("/usr/sbin/nginx", false, "libssl3t64", &[]),
        ("/usr/sbin/nginx", true, "unused", &[]),
        ("/usr/bin/dash", false, "unused:program", &[]),
        (
            "/usr/bin/dash",
            true,
            "unused:program",
            &["runs other programs with /usr/bin/dash, which may use unused"],
        ),
        ("/usr/bin/dash", true, "unused:documentation", &[]),
        ("/opt/static", false, "unused:program", &[]),
    ] {
        assert_eq!(
            told(
                &Update::default(),
                None,
                &running(program, has_run_others),
                &[changed]
            ),
            expected,
            "{program} {changed}"
        );
    }
}

#[test]
fn what_is_seen_is_a_reason_whatever_changed() {
    let evidence = Evidence {
        maps: sighting("/usr/lib/libc.so.6"),
        opens: sighting("/opt/a\nb"),
        ..Evidence::default()
    };
    assert_eq!(
        told(&Update::default(), None, &evidence, &[]),
        [
            "runs the old /usr/lib/libc.so.6 of libc6",
            "keeps the old /opt/a\\nb open"
        ]
    );
}

#[test]
fn what_the_container_file_says_is_a_reason() {
    let update = Update {
        policy: UpdatePolicy::Always,
        packages: vec!["tzdata".to_owned(), "gone".to_owned()],
        ..Update::default()
    };
    assert_eq!(
        told(
            &update,
            None,
            &Evidence::default(),
            &["tzdata:documentation", "libc6"]
        ),
        [
            "names tzdata in update.packages",
            "is to follow every change (update.policy = \"always\")"
        ]
    );
    let never = Update {
        policy: UpdatePolicy::Never,
        ..Update::default()
    };
    let perl = running("/usr/bin/perl", false);
    assert_eq!(told(&never, None, &perl, &["libjson-perl"]).len(), 1);
}

#[test]
fn what_cannot_be_decided_is_decided_by_what_the_program_needs() {
    let uses = |package: &str| format!("may {package}, which cannot be told: it is odd");
    for (seen, named, changed, expected) in [
        (
            Some("/usr/sbin/nginx"),
            None,
            "libc6",
            vec![uses("use libc6")],
        ),
        (
            Some("/usr/sbin/nginx"),
            None,
            "nginx",
            vec![uses("use nginx")],
        ),
        (Some("/usr/sbin/nginx"), None, "libc6:documentation", vec![]),
        (Some("/usr/sbin/nginx"), None, "unused", vec![]),
        // What is essential need not be named.
        (
            Some("/usr/sbin/nginx"),
            None,
            "perl-base",
            vec![uses("use perl-base")],
        ),
        (None, Some("/usr/sbin/nginx"), "unused", vec![]),
        (
            None,
            Some("/usr/sbin/nginx"),
            "libc6",
            vec![uses("use libc6")],
        ),
        (
            None,
            Some("/opt/own"),
            "unused",
            vec![uses("use what changed")],
        ),
        (None, None, "unused", vec![uses("use what changed")]),
        (None, None, "unused:documentation", vec![]),
    ] {
        assert_eq!(
            told(&Update::default(), named, &undecided(seen), &[changed]),
            expected,
            "{seen:?} {named:?} {changed}"
        );
    }
}

#[test]
fn a_thousand_changed_packages_affect_nothing_that_does_not_use_them() {
    let names: Vec<String> = (0..1000)
        .map(|number| format!("package-{number}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for program in ["/usr/sbin/nginx", "/usr/bin/python3.13", "/usr/bin/dash"] {
        let told = told(&Update::default(), None, &running(program, false), &names);
        assert_eq!(told, [""; 0], "{program}");
    }
}

fn any_change() -> impl Strategy<Value = Vec<String>> {
    let kinds = ["library", "program", "archive", "other", "documentation"];
    let package = (0..PACKAGES.len(), prop::sample::select(kinds.to_vec()))
        .prop_map(|(number, kind)| format!("{}:{kind}", PACKAGES[number].0));
    prop::collection::vec(package, 0..6)
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let programs = prop::sample::select(vec![
        "/usr/bin/dash",
        "/usr/bin/python3.13",
        "/usr/bin/perl",
        "/usr/sbin/nginx",
        "/usr/sbin/php-fpm8.4",
        "/usr/bin/java",
        "/opt/own",
    ]);
    (programs, any::<bool>(), any::<bool>()).prop_map(|(program, others, is_decided)| {
        match is_decided {
            true => running(program, others),
            false => undecided(others.then_some(program)),
        }
    })
}

proptest! {
    #[test]
    fn another_changed_package_never_takes_a_reason_away(
        before in any_change(),
        more in any_change(),
        evidence in any_evidence(),
        always in any::<bool>(),
    ) {
        let update = Update {
            policy: if always { UpdatePolicy::Always } else { UpdatePolicy::Affected },
            packages: vec!["tzdata".to_owned()],
            ..Update::default()
        };
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let after: Vec<&str> = before.iter().copied().chain(more.iter().map(String::as_str)).collect();
        let after = told(&update, None, &evidence, &after);
        for reason in told(&update, None, &evidence, &before) {
            prop_assert!(after.contains(&reason), "{}", reason);
        }
    }
}
