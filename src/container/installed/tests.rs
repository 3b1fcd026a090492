//! Trees of container files in; what is good, refused, masked and shadowed out.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A root with these files; the content "-> X" makes a link.
fn read_tree(files: &[(&str, &str)]) -> (Installed, Vec<String>) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match text.strip_prefix("-> ") {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, text).unwrap(),
        }
    }
    let installed = read(&Prefix::under(root.path().as_os_str()));
    let lines = installed
        .diagnostics
        .iter()
        .map(Diagnostic::one_line)
        .collect();
    (installed, lines)
}

fn names(installed: &Installed) -> Vec<&str> {
    installed
        .containers()
        .map(|container| container.name.as_str())
        .collect()
}

const GOOD: &str = "exec = \"/bin/x\"";

#[test]
fn nothing_at_all_is_nothing() {
    let (installed, lines) = read_tree(&[]);
    assert_eq!((names(&installed), lines), (vec![], vec![]));
}

#[test]
fn the_strongest_file_counts_and_a_mask_counts_too() {
    let (installed, lines) = read_tree(&[
        ("usr/lib/lodger/a.toml", "bad"),
        ("run/lodger/a.toml", "bad"),
        ("etc/lodger/a.toml", GOOD),
        ("etc/lodger/b.toml", "-> /dev/null"),
        ("usr/lib/lodger/b.toml", GOOD),
        ("run/lodger/c.toml", ""),
        ("usr/lib/lodger/c.toml", GOOD),
        ("usr/lib/lodger/d.toml", GOOD),
        ("usr/lib/lodger/README", "not ours"),
    ]);
    assert_eq!((names(&installed), lines), (vec!["a", "d"], vec![]));
    let masked: Vec<_> = installed
        .masked
        .iter()
        .map(|(name, path)| (name.as_str(), path.to_str().unwrap()))
        .collect();
    assert_eq!(
        masked,
        [("b", "/etc/lodger/b.toml"), ("c", "/run/lodger/c.toml")]
    );
    let shadowed: Vec<_> = installed
        .shadowed
        .iter()
        .map(|(_, a, b)| (a.to_str().unwrap(), b.to_str().unwrap()))
        .collect();
    assert_eq!(
        shadowed,
        [
            ("/run/lodger/a.toml", "/etc/lodger/a.toml"),
            ("/usr/lib/lodger/a.toml", "/etc/lodger/a.toml"),
            ("/usr/lib/lodger/b.toml", "/etc/lodger/b.toml"),
            ("/usr/lib/lodger/c.toml", "/run/lodger/c.toml"),
        ]
    );
}

#[test]
fn what_cannot_be_read_is_refused_alone() {
    let (installed, lines) = read_tree(&[
        ("etc/lodger/a.toml", "-> nowhere"),
        ("etc/lodger/b.toml/x", ""),
        ("etc/lodger/c.toml", GOOD),
        ("etc/lodger/d.toml", "-> d.toml"),
    ]);
    assert_eq!(names(&installed), ["c"]);
    assert_eq!(
        lines,
        [
            "/etc/lodger/a.toml: a symbolic link to \"nowhere\", which is not there",
            "/etc/lodger/b.toml: not a regular file but a directory",
            "/etc/lodger/d.toml: cannot be opened: Too many levels of symbolic links (os error 40)",
        ]
    );
}

#[test]
fn a_fifo_is_refused_without_waiting() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("etc/lodger")).unwrap();
    nix::unistd::mkfifo(
        &root.path().join("etc/lodger/a.toml"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    let installed = read(&Prefix::under(root.path().as_os_str()));
    let lines: Vec<_> = installed
        .diagnostics
        .iter()
        .map(Diagnostic::one_line)
        .collect();
    assert_eq!(
        lines,
        ["/etc/lodger/a.toml: not a regular file but a device, FIFO or socket"]
    );
}

#[test]
fn a_directory_that_cannot_be_read_makes_the_weaker_ones_unsure() {
    let (installed, lines) = read_tree(&[
        ("etc/lodger", "-> nowhere"),
        ("usr/lib/lodger/a.toml", GOOD),
    ]);
    assert_eq!(names(&installed), [""; 0]);
    assert_eq!(
        lines,
        [
            "/etc/lodger: this directory cannot be read: No such file or directory (os error 2)",
            "/usr/lib/lodger/a.toml: a file in \"/etc/lodger\" would be stronger, and that directory cannot be read",
        ]
    );
}

#[test]
fn names_that_are_none_are_told_with_the_rule() {
    let (installed, lines) = read_tree(&[
        ("etc/lodger/a b.toml", GOOD),
        ("etc/lodger/all.toml", GOOD),
        ("etc/lodger/x@1.toml", GOOD),
        ("etc/lodger/.toml", GOOD),
    ]);
    assert_eq!(names(&installed), [""; 0]);
    let rule = crate::container::name::RULE;
    let told = |file: &str, why: &str| {
        format!("/etc/lodger/{file}: this file's name cannot be a container's: {why} ({rule})")
    };
    assert_eq!(
        lines,
        [
            told(".toml", "the name is empty"),
            told("a b.toml", "the name has ' ' in it"),
            told(
                "all.toml",
                "the name \"all\" is kept for what is meant for all containers"
            ),
            told(
                "x@1.toml",
                "instances come from one file \"x@.toml\" with \"instances\" in it"
            ),
        ]
    );
}

#[test]
fn a_unit_that_is_there_stops_its_container_and_no_other() {
    let (installed, lines) = read_tree(&[
        ("etc/lodger/a.toml", GOOD),
        ("etc/lodger/b@.toml", "exec = \"/bin/x\"\ninstances = 3"),
        ("etc/lodger/bad.toml", "bad"),
        ("etc/lodger/masked.toml", GOOD),
        (
            "etc/lodger/user.toml",
            "exec = \"/bin/x\"\nrequires = [\"b@2\"]",
        ),
        ("usr/lib/systemd/system/lodger-a.service", "[Service]"),
        ("etc/systemd/system/lodger-b@2.service", "[Service]"),
        ("etc/systemd/system/lodger-masked.service", "-> /dev/null"),
        ("run/systemd/system/lodger-bad.service", "[Service]"),
    ]);
    assert_eq!(names(&installed), ["b@1", "b@3", "masked"]);
    let told = |file: &str, unit: &str, directory: &str| {
        format!(
            "/etc/lodger/{file}: its unit \"{unit}\" is there already: \"{directory}/{unit}\" (rename the container, or remove \
             that file; changes to the unit belong in {unit}.d/)"
        )
    };
    let b = told("b@.toml", "lodger-b@2.service", "/etc/systemd/system");
    assert_eq!(
        lines,
        [
            told("a.toml", "lodger-a.service", "/usr/lib/systemd/system"),
            b.clone(),
            "/etc/lodger/bad.toml:1:4: not TOML: key with no value, expected `=`".to_owned(),
            told("bad.toml", "lodger-bad.service", "/run/systemd/system"),
            format!("/etc/lodger/user.toml:2:13: requires \"b@2\", which is refused: {b}"),
        ]
    );
    assert_eq!(
        installed.existing,
        BTreeSet::from(["lodger-bad.service".to_owned()])
    );
}

/// The words of the one container's command, and what is said.
fn exec_of(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let (installed, lines) = read_tree(files);
    let words = installed
        .containers()
        .next()
        .map(|container| container.exec.clone());
    (words.unwrap_or_default(), lines)
}

#[test]
fn drop_ins_are_taken_in_the_order_of_their_names_over_all_directories() {
    let (installed, lines) = read_tree(&[
        (
            "etc/lodger/web-shop.toml",
            "exec = \"/bin/x\"\ndescription = \"file\"\nuser = \"a\"\n[limits]\ntasks = 1\n",
        ),
        ("etc/lodger/all.toml.d/30.toml", "description = \"30\""),
        (
            "usr/lib/lodger/web-shop.toml.d/20.toml",
            "description = \"20\"\nlimits.open-files = 20",
        ),
        (
            "run/lodger/web-.toml.d/10.toml",
            "description = \"10\"\nuser = \"b\"",
        ),
        ("etc/lodger/db.toml", GOOD),
    ]);
    assert_eq!(lines, [""; 0]);
    let [_, web] = &installed.containers().collect::<Vec<_>>()[..] else {
        panic!("two containers")
    };
    assert_eq!(web.description, "30");
    assert_eq!(
        web.user,
        Some(crate::container::User::Named("b".to_owned()))
    );
    assert_eq!(web.limits.tasks, Some(crate::container::Limit::Of(1)));
    assert_eq!(web.limits.open_files, Some(20));
    assert_eq!(web.source, PathBuf::from("/etc/lodger/web-shop.toml"));
}

#[test]
fn of_drop_ins_of_one_name_the_most_specific_counts_then_the_strongest_directory() {
    let base = ("etc/lodger/a-b.toml", GOOD);
    let say = |what: &str| format!("exec = [\"/bin/x\", \"{what}\"]");
    let (all, prefix, own, weak) = (say("all"), say("prefix"), say("own"), say("weak"));
    let mut files = vec![base, ("etc/lodger/all.toml.d/x.toml", all.as_str())];
    assert_eq!(exec_of(&files).0[1], "all");
    files.push(("usr/lib/lodger/a-.toml.d/x.toml", &prefix));
    assert_eq!(exec_of(&files).0[1], "prefix");
    files.push(("usr/lib/lodger/a-b.toml.d/x.toml", &weak));
    assert_eq!(exec_of(&files).0[1], "weak");
    files.push(("run/lodger/a-b.toml.d/x.toml", &own));
    assert_eq!(
        exec_of(&files),
        (vec!["/bin/x".to_owned(), "own".to_owned()], vec![])
    );
    files.push(("etc/lodger/a-b.toml.d/x.toml", "-> /dev/null"));
    assert_eq!(
        exec_of(&files).0,
        ["/bin/x"],
        "a mask takes the weaker ones of its name away"
    );
}

#[test]
fn an_array_takes_the_place_of_all_of_another_and_so_does_a_mount() {
    let (installed, lines) = read_tree(&[
        (
            "etc/lodger/a.toml",
            "exec = [\"/bin/x\", \"1\", \"2\"]\nenvironment = { A = \"1\", B = \"2\" }\nafter = [\"x.service\"]\n\
             [mounts]\n\"/a\" = { source = \"/a\", read-only = true }\n",
        ),
        (
            "etc/lodger/a.toml.d/x.toml",
            "exec = [\"/bin/y\"]\nenvironment.B = \"3\"\nafter = []\nmounts.\"/a\" = { tmpfs = \"1M\" }\n",
        ),
    ]);
    assert_eq!(lines, [""; 0]);
    let a = installed.containers().next().unwrap();
    assert_eq!(a.exec, ["/bin/y"]);
    assert_eq!(a.environment.get("A").map(String::as_str), Some("1"));
    assert_eq!(a.environment.get("B").map(String::as_str), Some("3"));
    assert_eq!(a.relations.after, [""; 0]);
    assert!(matches!(
        a.mounts.values().next().map(|mount| &mount.source),
        Some(crate::container::MountSource::Tmpfs { .. })
    ));
}

#[test]
fn a_bad_drop_in_refuses_those_it_is_meant_for_with_its_own_place() {
    let (installed, lines) = read_tree(&[
        ("etc/lodger/web-a.toml", GOOD),
        ("etc/lodger/web-b.toml", "exec = \"/bin/x\"\ncolour = 1"),
        ("etc/lodger/db.toml", GOOD),
        (
            "usr/lib/lodger/web-.toml.d/10.toml",
            "limit.tasks = 1\nuser = 1",
        ),
        ("etc/lodger/other.toml", GOOD),
        ("etc/lodger/other.toml.d/x.toml", "= bad"),
        ("etc/lodger/third.toml", GOOD),
        ("etc/lodger/third.toml.d/x.toml", "-> nowhere"),
    ]);
    assert_eq!(names(&installed), ["db"]);
    assert_eq!(
        lines,
        [
            "/etc/lodger/other.toml.d/x.toml:1:1: not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`",
            "/etc/lodger/third.toml.d/x.toml: a symbolic link to \"nowhere\", which is not there",
            "/etc/lodger/web-b.toml:2:1: unknown key \"colour\"",
            "/usr/lib/lodger/web-.toml.d/10.toml:1:1: unknown table \"limit\"; did you mean \"limits\"?",
            "/usr/lib/lodger/web-.toml.d/10.toml:2:8: expected a string, found an integer (write \"1\")",
        ]
    );
}

#[test]
fn a_drop_in_of_one_instance_is_for_that_one() {
    let (installed, lines) = read_tree(&[
        (
            "etc/lodger/web@.toml",
            "exec = [\"/bin/x\", \"%i\"]\ninstances = 3",
        ),
        ("etc/lodger/web@.toml.d/10.toml", "description = \"all %i\""),
        (
            "etc/lodger/web@2.toml.d/20.toml",
            "description = \"two %i\"",
        ),
        (
            "etc/lodger/web@9.toml.d/20.toml",
            "description = \"nobody\"",
        ),
    ]);
    let descriptions: Vec<_> = installed
        .containers()
        .map(|container| container.description.as_str())
        .collect();
    assert_eq!(descriptions, ["all 1", "two 2", "all 3"]);
    assert_eq!(
        lines,
        ["/etc/lodger/web@9.toml.d/20.toml: /etc/lodger/web@.toml makes no instance \"9\""]
    );
    assert!(!installed.has_errors());

    let (installed, lines) = read_tree(&[
        ("etc/lodger/web@.toml", "exec = \"/bin/x\"\ninstances = 1"),
        ("etc/lodger/web@.toml.d/10.toml", "instances = 2"),
        ("etc/lodger/web@2.toml.d/20.toml", "instances = 3"),
    ]);
    assert_eq!(names(&installed), [""; 0]);
    assert_eq!(
        lines,
        [
            "/etc/lodger/web@2.toml.d/20.toml:1:1: instances belongs in \"web@.toml\" or its drop-ins for all of them"
        ]
    );
}

#[test]
fn drop_ins_that_count_for_nothing_are_told() {
    let (installed, lines) = read_tree(&[
        ("etc/lodger/web.toml", GOOD),
        ("etc/lodger/wbe.toml.d/x.toml", "user = \"x\""),
        ("etc/lodger/web.toml.d/README", "x"),
        ("etc/lodger/web.toml.d/x.toml~", "x"),
        ("etc/lodger/db.toml.d", "a file"),
        ("usr/lib/lodger/gone-.toml.d/x.toml", ""),
    ]);
    assert_eq!(names(&installed), ["web"]);
    assert_eq!(
        lines,
        [
            "/etc/lodger/db.toml.d: not a directory (drop-ins lie in directories called NAME.toml.d)",
            "/etc/lodger/wbe.toml.d: these drop-ins are meant for no container file that there is",
            "/etc/lodger/web.toml.d/README: not read: the name of a drop-in ends in .toml",
            "/usr/lib/lodger/gone-.toml.d: these drop-ins are meant for no container file that there is",
        ]
    );
}

#[test]
fn a_relative_environment_file_begins_where_it_is_written() {
    let (installed, lines) = read_tree(&[
        (
            "etc/lodger/web.toml",
            "exec = \"/bin/x\"\nenvironment-files = [\"web.env\", \"/etc/default/web\"]",
        ),
        ("etc/lodger/db.toml", GOOD),
        (
            "usr/lib/lodger/db.toml.d/x.toml",
            "environment-files = [\"-%h/x\"]",
        ),
    ]);
    assert_eq!(lines, [""; 0]);
    let files: Vec<_> = installed
        .containers()
        .flat_map(|container| &container.environment_files)
        .map(|file| (file.path.to_str().unwrap(), file.optional))
        .collect();
    assert_eq!(
        files,
        [
            ("/usr/lib/lodger/db.toml.d/%h/x", true),
            ("/etc/lodger/web.env", false),
            ("/etc/default/web", false),
        ]
    );
}

#[test]
fn references_reach_over_files() {
    let requires = |what: &str| format!("exec = \"/bin/x\"\nrequires = [{what}]\n");
    let (installed, lines) = read_tree(&[
        ("etc/lodger/a.toml", &requires("\"b\"")),
        ("etc/lodger/b.toml", &requires("\"lodger-a.service\"")),
        ("etc/lodger/c.toml", &requires("\"a\"")),
        ("etc/lodger/d.toml", &requires("\"bad@7\", \"gone\"")),
        ("etc/lodger/gone.toml", ""),
        (
            "etc/lodger/e.toml",
            &requires("\"x@2\", \"network-online.target\", \"lodger-elsewhere.service\""),
        ),
        ("etc/lodger/f.toml", &requires("\"x@4\"")),
        ("etc/lodger/bad@.toml", "bad"),
        ("etc/lodger/x@.toml", "exec = \"/bin/x\"\ninstances = 3"),
    ]);
    assert_eq!(names(&installed), ["e", "x@1", "x@2", "x@3"]);
    assert_eq!(
        lines,
        [
            "/etc/lodger/a.toml:2:13: containers wait for each other: a -> b -> a",
            "/etc/lodger/b.toml:2:13: containers wait for each other: b -> a -> b",
            "/etc/lodger/bad@.toml:1:4: not TOML: key with no value, expected `=`",
            "/etc/lodger/c.toml:2:13: requires \"a\", which is refused: containers wait for each other: a -> b -> a",
            "/etc/lodger/d.toml:2:13: requires \"bad@\", which is refused: /etc/lodger/bad@.toml:1:4: not TOML: key with no value, \
             expected `=`",
            "/etc/lodger/d.toml:2:22: requires \"gone\", which is masked by \"/etc/lodger/gone.toml\"",
            "/etc/lodger/f.toml:2:13: requires \"x@4\", and no file makes a container of that name; did you mean \"x@1\"?",
        ]
    );
}

#[test]
fn a_link_to_where_boot_does_not_reach_is_a_warning() {
    let (installed, lines) = read_tree(&[
        ("etc/lodger/a.toml", "-> ../../home/a.toml"),
        ("home/a.toml", GOOD),
    ]);
    assert_eq!(names(&installed), ["a"]);
    assert!(!installed.has_errors());
    assert_eq!(
        lines,
        [
            "/etc/lodger/a.toml: a symbolic link to \"/home/a.toml\", and /home may not be mounted when containers are made at \
             boot (copy the file)"
        ]
    );
}

#[test]
fn one_container_is_read_as_it_is_among_all() {
    let files = [
        (
            "etc/lodger/a.toml",
            "exec = \"/bin/x\"\nrequires = [\"gone\"]",
        ),
        ("etc/lodger/b.toml", "exec = 1\nuser = 2"),
        ("etc/lodger/c.toml", "-> /dev/null"),
        ("usr/lib/lodger/c.toml", GOOD),
        (
            "run/lodger/w@.toml",
            "exec = [\"x\", \"%i\"]\ninstances = [\"1\", \"2\"]",
        ),
        ("etc/lodger/w@2.toml.d/more.toml", "init = true"),
        ("etc/lodger/all.toml.d/more.toml", "stop-timeout = 1"),
    ];
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match text.strip_prefix("-> ") {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, text).unwrap(),
        }
    }
    let prefix = Prefix::under(root.path().as_os_str());
    let one = |name: &str| read_one(&prefix, &Name::parse(name).unwrap());
    let all = read(&prefix);
    for name in ["w@1", "w@2"] {
        let mut containers = all.containers();
        let among_all = containers.find(|container| container.name.as_str() == name);
        assert!(among_all.is_some());
        assert_eq!(one(name).unwrap().as_ref(), among_all);
    }
    // Whatever becomes of its relations, it is what its file says.
    assert_eq!(one("a").unwrap().unwrap().stop_timeout.as_secs(), 1);
    assert_eq!(one("b").unwrap_err().len(), 2);
    for name in ["c", "d", "w@3", "x@1"] {
        assert_eq!(one(name), Ok(None), "{name}");
    }
}
