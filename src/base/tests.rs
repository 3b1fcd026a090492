//! Small hosts in; the bases that are made of them out.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

use serde_json::json;

use super::table::{Placed, Rows};
use super::*;

mod compare;

/// A host with these directories, files and links; a directory's name ends in `/`, a link's text begins with `->`.
struct Small(tempfile::TempDir);

const STATUS: &str = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n";

impl Small {
    fn new() -> Self {
        let small = Self(tempfile::tempdir().unwrap());
        for (path, mode, text) in [
            ("usr/bin/ls", 0o755, "ls"),
            ("usr/bin/su", 0o4755, "su"),
            ("usr/bin/wall", 0o2755, "wall"),
            ("usr/bin/secret", 0o750, "secret"),
            ("usr/lib/libc.so.6", 0o644, "libc"),
            ("usr/local/bin/mine", 0o755, "mine"),
            ("usr/local/bin/mine-su", 0o4711, "unreadable"),
            ("opt/app/app", 0o755, "app"),
            ("opt/app/conf", 0o644, "conf"),
            ("opt/closed/inside", 0o644, "inside"),
            ("opt/named/inside", 0o644, "named"),
            ("etc/passwd", 0o644, "root"),
            ("etc/shadow", 0o640, "hash"),
            ("etc/lodger.toml", 0o644, ""),
            ("etc/lodger/web.toml", 0o644, "exec = 1"),
            ("root/key", 0o644, "key"),
            ("srv/www", 0o644, "www"),
            ("data/file", 0o644, "data"),
            ("var/lib/nginx/body/deep/x", 0o644, ""),
            ("var/lib/lodger/containers/x", 0o644, ""),
            ("var/lib/closed/below/x", 0o644, ""),
            ("var/tmp/x/y", 0o644, ""),
        ] {
            small.write(path, mode, text);
        }
        small.write("var/lib/dpkg/status", 0o644, STATUS);
        small.write(
            "var/lib/dpkg/info/a.list",
            0o644,
            "/.\n/usr/bin/ls\n/opt/app/app\n/opt/app/conf\n",
        );
        small.write("var/lib/dpkg/info/a.conffiles", 0o644, "/opt/app/conf\n");
        small.write("var/lib/dpkg/info/a.md5sums", 0o644, "00  usr/bin/ls\n");
        small.write("var/lib/dpkg/info/a.postinst", 0o755, "");
        small.mode("opt/closed", 0o750);
        small.mode("opt/named", 0o711);
        small.mode("var/lib/closed", 0o700);
        small.mode("root", 0o700);
        for (link, target) in [
            ("bin", "usr/bin"),
            ("initrd.img", "boot/x"),
            ("etc/alternatives", "/usr/bin"),
            ("usr/lib/libc.so", "libc.so.6"),
            ("var/run", "/run"),
            ("var/lib/link", "/"),
        ] {
            symlink(target, small.0.path().join(link)).unwrap();
        }
        nix::unistd::mkfifo(
            &small.0.path().join("usr/lib/pipe"),
            nix::sys::stat::Mode::S_IRWXU,
        )
        .unwrap();
        small.mode("", 0o755);
        small
    }

    fn write(&self, path: &str, mode: u32, text: &str) {
        let file = self.0.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self.mode(path, mode);
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.0.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn host(&self) -> Host {
        Host::under(&Prefix::under(self.0.path().as_os_str()))
    }

    fn bases(&self) -> Bases {
        Bases::at(self.0.path().join("var/lib/lodger/bases"))
    }

    fn create(&self) -> Created {
        create(&self.bases(), &self.host(), Consistency::Settled).unwrap()
    }

    fn ino(&self, path: &str) -> u64 {
        fs::symlink_metadata(self.0.path().join(path))
            .unwrap()
            .ino()
    }
}

fn number(number: &str) -> Number {
    number.parse().unwrap()
}

/// Everything in a tree: for each path its mode and, of files and links, what is in them.
fn contents(tree: &Path) -> BTreeMap<String, String> {
    let mut contents = BTreeMap::new();
    let mut directories = vec![tree.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let text = if metadata.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if metadata.is_dir() {
                directories.push(path.clone());
                format!("{:o}/", metadata.mode() & 0o7777)
            } else {
                assert!(!metadata.file_type().is_fifo());
                format!(
                    "{:o} {}",
                    metadata.mode() & 0o7777,
                    fs::read_to_string(&path).unwrap()
                )
            };
            contents.insert(path.strip_prefix(tree).unwrap().display().to_string(), text);
        }
    }
    contents
}

#[test]
fn a_base_is_what_others_can_read_without_their_rights() {
    let small = Small::new();
    assert_eq!(small.create(), Created::New(number("1")));
    let bases = small.bases();
    let found = contents(&bases.tree(number("1")));
    let expected = "bin|-> usr/bin boot|755/ dev|755/ etc|755/ etc/alternatives|-> /usr/bin etc/passwd|644 root home|755/ \
        media|755/ mnt|755/ opt|755/ opt/app|755/ opt/app/app|755 app opt/app/conf|644 conf opt/closed|750/ opt/named|711/ \
        opt/named/inside|644 named proc|555/ root|700/ run|755/ srv|755/ sys|555/ tmp|1777/ usr|755/ usr/bin|755/ \
        usr/bin/ls|755 ls usr/bin/su|755 su usr/bin/wall|755 wall usr/lib|755/ usr/lib/libc.so|-> libc.so.6 \
        usr/lib/libc.so.6|644 libc usr/local|755/ usr/local/bin|755/ usr/local/bin/mine|755 mine \
        var|755/ var/lib|755/ var/lib/closed|700/ var/lib/dpkg|755/ var/lib/dpkg/info|755/ var/lib/nginx|755/ \
        var/lib/nginx/body|755/ var/run|-> /run var/tmp|755/";
    let mut words = expected.split(' ').peekable();
    let mut wanted = BTreeMap::new();
    while let Some(word) = words.next() {
        let (path, text) = word.split_once('|').unwrap();
        let mut text = text.to_owned();
        while let Some(more) = words.next_if(|next| !next.contains('|')) {
            text = format!("{text} {more}");
        }
        wanted.insert(path.to_owned(), text);
    }
    assert_eq!(found, wanted);
    assert_eq!(bases.current().unwrap(), Some(number("1")));
    let counts = bases.record(number("1")).unwrap().counts;
    assert_eq!((counts.linked, counts.copied, counts.symlinks), (3, 6, 4));
    assert_eq!((counts.unreadable, counts.special), (5, 1));
}

#[test]
fn what_packages_own_is_the_same_file_and_what_people_edit_is_not() {
    let small = Small::new();
    small.create();
    let base = |path: &str| small.ino(&format!("var/lib/lodger/bases/1/{path}"));
    for path in [
        "usr/bin/ls",
        "usr/lib/libc.so.6",
        "opt/app/app",
        "bin",
        "usr/lib/libc.so",
    ] {
        assert_eq!(base(path), small.ino(path), "{path}");
    }
    for path in [
        "etc/passwd",
        "usr/local/bin/mine",
        "opt/app/conf",
        "opt/named/inside",
        "usr/bin/su",
        "usr/bin/wall",
    ] {
        assert_ne!(base(path), small.ino(path), "{path}");
        let (copy, source) = (
            fs::metadata(small.0.path().join("var/lib/lodger/bases/1").join(path)).unwrap(),
            fs::metadata(small.0.path().join(path)).unwrap(),
        );
        assert_eq!(
            (copy.mtime(), copy.mtime_nsec()),
            (source.mtime(), source.mtime_nsec())
        );
        assert_eq!((copy.uid(), copy.gid()), (source.uid(), source.gid()));
    }
}

#[test]
fn the_table_has_every_path_in_order() {
    let small = Small::new();
    small.create();
    let bases = small.bases();
    let rows = || Rows::open(&bases.record_directory(number("1")).join(record::TABLE)).unwrap();
    let placed: Vec<Placed> = rows().collect::<Result<_>>().unwrap();
    let held = placed.iter().filter(|placed| placed.is_held());
    let mut paths: Vec<_> = held
        .map(|placed| placed.path().display().to_string())
        .collect();
    paths.sort();
    let mut expected: Vec<_> = contents(&bases.tree(number("1"))).into_keys().collect();
    expected.insert(0, String::new());
    assert_eq!(paths, expected);
    let mut calls = 0;
    table::compare(rows(), rows(), |one, two| {
        calls += 1;
        assert_eq!(one, two);
        Ok(())
    })
    .unwrap();
    assert_eq!(calls, placed.len());
    let left_out: Vec<_> = placed
        .iter()
        .filter(|placed| !placed.is_held())
        .map(|placed| placed.path().display().to_string())
        .collect();
    assert_eq!(
        left_out,
        [
            "etc/lodger",
            "etc/lodger.toml",
            "etc/shadow",
            "usr/bin/secret",
            "usr/lib/pipe",
            "usr/local/bin/mine-su"
        ]
    );
}

#[test]
fn without_a_change_there_is_no_new_base() {
    let small = Small::new();
    small.create();
    assert_eq!(small.create(), Created::Same(number("1")));
    // What the base does not hold does not count.
    small.write("etc/shadow", 0o600, "other");
    small.write("etc/lodger/new.toml", 0o644, "");
    small.write("root/new", 0o644, "");
    small.write("etc/new-secret", 0o600, "");
    assert_eq!(small.create(), Created::Same(number("1")));
    assert_eq!(small.bases().numbers().unwrap(), [number("1")]);
    let names = small.bases().names().unwrap();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
}

#[test]
fn a_change_makes_a_base_that_shares_the_rest_with_the_one_before() {
    let small = Small::new();
    small.create();
    small.write("usr/lib/new", 0o644, "libc 2");
    fs::rename(
        small.0.path().join("usr/lib/new"),
        small.0.path().join("usr/lib/libc.so.6"),
    )
    .unwrap();
    small.write("etc/hosts", 0o644, "new");
    assert_eq!(small.create(), Created::New(number("2")));
    let base =
        |number: u32, path: &str| small.ino(&format!("var/lib/lodger/bases/{number}/{path}"));
    for path in [
        "etc/passwd",
        "usr/local/bin/mine",
        "usr/bin/su",
        "usr/bin/ls",
    ] {
        assert_eq!(base(1, path), base(2, path), "{path}");
    }
    assert_ne!(base(1, "usr/lib/libc.so.6"), base(2, "usr/lib/libc.so.6"));
    let counts = small.bases().record(number("2")).unwrap().counts;
    assert_eq!((counts.kept, counts.copied), (6, 1));
    assert_eq!(small.bases().current().unwrap(), Some(number("2")));
    let text = fs::read_to_string(small.bases().tree(number("1")).join("usr/lib/libc.so.6"));
    assert_eq!(text.unwrap(), "libc");
}

#[test]
fn a_copy_that_somebody_changed_in_the_base_is_not_passed_on() {
    let small = Small::new();
    small.create();
    let copy = small.bases().tree(number("1")).join("etc/passwd");
    fs::write(&copy, "evil").unwrap();
    assert_eq!(small.create(), Created::New(number("2")));
    let text = fs::read_to_string(small.bases().tree(number("2")).join("etc/passwd"));
    assert_eq!(text.unwrap(), "root");
}

#[test]
fn half_bases_are_swept_and_numbers_never_come_again() {
    let small = Small::new();
    small.create();
    let directory = small.bases().directory;
    for left in [
        ".making-2/usr/bin",
        ".making-2.record",
        ".removing-7/x",
        "9.record/dpkg",
    ] {
        fs::create_dir_all(directory.join(left)).unwrap();
    }
    symlink("2", directory.join(".making-current")).unwrap();
    fs::create_dir(directory.join("11")).unwrap();
    small.write("etc/new", 0o644, "");
    assert_eq!(small.create(), Created::New(number("12")));
    let mut names = small.bases().names().unwrap();
    names.sort();
    assert_eq!(names, ["1", "1.record", "11", "12", "12.record", "current"]);
}

#[test]
fn a_link_to_nothing_is_an_error_until_the_next_base() {
    let small = Small::new();
    fs::create_dir_all(&small.bases().directory).unwrap();
    assert_eq!(small.bases().current().unwrap(), None);
    symlink("5", small.bases().directory.join(CURRENT)).unwrap();
    let message = format!("{:#}", small.bases().current().unwrap_err());
    assert!(
        message.contains("leads to '5', which is no base"),
        "{message}"
    );
    assert_eq!(small.create(), Created::New(number("1")));
    assert_eq!(small.bases().current().unwrap(), Some(number("1")));
}

#[test]
fn unfinished_packages_are_refused_unless_the_base_is_provisional() {
    let small = Small::new();
    let unfinished = "Package: b\nStatus: install ok half-configured\nArchitecture: all\nVersion: 1\n\nPackage: lodger\n\
                      Status: install ok half-configured\nArchitecture: amd64\nVersion: 1\n";
    small.write("var/lib/dpkg/status", 0o644, unfinished);
    let create = |consistency| create(&small.bases(), &small.host(), consistency);
    let message = format!("{:#}", create(Consistency::Settled).unwrap_err());
    assert!(
        message.starts_with("dpkg has not finished with b:all (half-configured);"),
        "{message}"
    );
    assert_eq!(
        create(Consistency::Provisional).unwrap(),
        Created::New(number("1"))
    );
    assert!(small.bases().record(number("1")).unwrap().provisional);
    // The same tree, once dpkg is at rest, is a base like any other.
    small.write("var/lib/dpkg/status", 0o644, STATUS);
    assert_eq!(small.create(), Created::Same(number("1")));
    let record = small.bases().record(number("1")).unwrap();
    assert!(!record.provisional && record.packages.packages.contains_key("a:all"));
    let status = small
        .bases()
        .record_directory(number("1"))
        .join("dpkg/status");
    assert_eq!(fs::read_to_string(status).unwrap(), STATUS);
}

#[test]
fn while_dpkg_holds_its_lock_there_is_no_base() {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;
    let small = Small::new();
    small.write("var/lib/dpkg/lock-frontend", 0o640, "");
    let lock = File::options()
        .write(true)
        .open(small.host().admindir.join("lock-frontend"))
        .unwrap();
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&lock, FcntlArg::F_OFD_SETLK(&whole)).unwrap();
    let failed = create(&small.bases(), &small.host(), Consistency::Settled).unwrap_err();
    assert!(
        format!("{failed:#}").starts_with("dpkg or apt is at work")
            && failed.is::<settled::DpkgAtWork>(),
        "{failed:#}"
    );
    create(&small.bases(), &small.host(), Consistency::Provisional).unwrap();
}

#[test]
fn the_directory_of_the_bases_is_in_none() {
    let small = Small::new();
    let bases = Bases::at(small.0.path().join("usr/lib/bases"));
    for expected in [Created::New(number("1")), Created::Same(number("1"))] {
        assert_eq!(
            create(&bases, &small.host(), Consistency::Settled).unwrap(),
            expected
        );
    }
    assert!(!bases.tree(number("1")).join("usr/lib/bases").exists());
}

#[test]
fn a_host_that_others_cannot_enter_makes_no_empty_base() {
    let small = Small::new();
    small.mode("usr", 0o750);
    let failed = create(&small.bases(), &small.host(), Consistency::Settled).unwrap_err();
    assert!(
        format!("{failed:#}").contains("others may not enter '/usr'"),
        "{failed:#}"
    );
    assert_eq!(small.bases().names().unwrap(), Vec::<String>::new());
}

#[test]
fn old_bases_are_pruned_but_for_those_that_are_needed() {
    use std::num::NonZeroUsize;
    let small = Small::new();
    for round in 1..=6 {
        small.write("etc/round", 0o644, &round.to_string());
        assert_eq!(small.create(), Created::New(number(&round.to_string())));
    }
    let containers = small.0.path().join("var/lib/lodger/containers");
    fs::create_dir(containers.join("held")).unwrap();
    symlink("/var/lib/lodger/bases/2", containers.join("held/base")).unwrap();
    let proc = small.0.path().join("proc");
    fs::create_dir_all(proc.join("self")).unwrap();
    fs::write(proc.join("self/mountinfo"), "1 0 8:1 / / rw - ext4 x rw\n").unwrap();
    // A process whose root is base 3.
    let process = proc.join("4000000/ns");
    fs::create_dir_all(&process).unwrap();
    symlink("mnt:[1]", process.join("mnt")).unwrap();
    symlink(small.bases().tree(number("3")), proc.join("4000000/root")).unwrap();
    fs::write(proc.join("4000000/mountinfo"), "").unwrap();
    let keep = NonZeroUsize::new(2).unwrap();
    let pruned = prune(&small.bases(), keep, &containers, &proc).unwrap();
    assert_eq!(pruned.removed, [number("1"), number("4")]);
    let needed =
        |number: &str, why: &str| json!({ "number": number.parse::<u64>().unwrap(), "why": why });
    assert_eq!(
        serde_json::to_value(&pruned.needed).unwrap(),
        json!([
            needed("2", "held by held"),
            needed("3", "used by process 4000000")
        ])
    );
    let left: Vec<_> = ["2", "3", "5", "6"].map(number).to_vec();
    assert_eq!(small.bases().numbers().unwrap(), left);
    assert_eq!(small.bases().current().unwrap(), Some(number("6")));
}

#[test]
fn what_comes_and_goes_meanwhile_does_no_harm() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let small = Small::new();
    for number in 0..200 {
        small.write(
            &format!("usr/share/d{}/f{number}", number % 20),
            0o644,
            "text",
        );
    }
    let aside = small.0.path().join("aside");
    fs::create_dir(&aside).unwrap();
    let done = AtomicBool::new(false);
    let share = small.0.path().join("usr/share");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Whole files and directories appear and go, as under dpkg.
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                round += 1;
                let (directory, file) = (format!("d{}", round % 20), format!("f{}", round % 200));
                let _ = fs::rename(share.join(&directory), aside.join("directory"));
                let _ = fs::rename(aside.join("directory"), share.join(&directory));
                let _ = fs::remove_file(share.join(&directory).join(&file));
                fs::write(aside.join("new"), "text").unwrap();
                let _ = fs::rename(aside.join("new"), share.join(&directory).join(&file));
            }
        });
        for _ in 0..30 {
            let created = create(&small.bases(), &small.host(), Consistency::Settled);
            done.store(created.is_err(), Ordering::Relaxed);
            let (Created::New(number) | Created::Same(number)) = created.unwrap();
            assert_eq!(verify(&small.bases(), number, false).unwrap(), []);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(small.bases().numbers().unwrap().len() > 1);
}
