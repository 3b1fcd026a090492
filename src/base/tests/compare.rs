//! Bases of small hosts, and what happens to them, in; what verify and diff say out.

use std::os::unix::fs::symlink;

use super::super::diff::{Letter, text_of};
use super::super::record::TABLE;
use super::super::row::{Kind, Row};
use super::super::table::{self, Part};
use super::*;
use crate::refresh::change::HostChange;

fn told(bases: &Bases, base: &str, content: bool) -> Vec<String> {
    let findings = verify(bases, number(base), content).unwrap();
    let line = |finding: &super::super::verify::Finding| {
        format!(
            "{} {} [{}] [{}]",
            finding.letter.letter(),
            text_of(&finding.path),
            finding.what.join(" "),
            finding.packages.join(" ")
        )
    };
    findings.iter().map(line).collect()
}

#[test]
fn an_untouched_base_is_as_it_was_made() {
    let small = Small::new();
    small.create();
    assert_eq!(told(&small.bases(), "1", false), Vec::<String>::new());
}

#[test]
fn whatever_is_changed_in_place_is_found() {
    let small = Small::new();
    small.create();
    let bases = small.bases();
    let tree = bases.tree(number("1"));
    // Through the host: it is the same file.
    fs::write(small.0.path().join("usr/bin/ls"), "evil").unwrap();
    small.mode("opt/app/app", 0o700);
    // In the base itself.
    fs::remove_file(tree.join("usr/lib/libc.so.6")).unwrap();
    fs::remove_file(tree.join("usr/lib/libc.so")).unwrap();
    symlink("other.so", tree.join("usr/lib/libc.so")).unwrap();
    fs::write(tree.join("usr/lib/new"), "").unwrap();
    fs::create_dir_all(tree.join("usr/more/below")).unwrap();
    fs::remove_dir_all(tree.join("var/lib/nginx")).unwrap();
    fs::remove_file(tree.join("etc/passwd")).unwrap();
    fs::create_dir(tree.join("etc/passwd")).unwrap();
    fs::set_permissions(tree.join("opt/closed"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(
        told(&bases, "1", false),
        [
            "C /etc/passwd [mode type] []",
            "C /opt/app/app [mode] [a]",
            "C /opt/closed [mode] []",
            "C /usr/bin/ls [size time] [a]",
            "C /usr/lib/libc.so [target] []",
            "D /usr/lib/libc.so.6 [] []",
            "A /usr/lib/new [] []",
            "A /usr/more [] []",
            "D /var/lib/nginx [] []",
            "D /var/lib/nginx/body [] []",
        ]
    );
}

#[test]
fn contents_are_compared_with_what_packages_say() {
    let small = Small::new();
    // The sums of "ls" and of something else.
    let sums = "44ba5ca65651b4f36f1927576dd35436  usr/bin/ls\n00000000000000000000000000000000  usr/lib/libc.so.6\n";
    small.write("var/lib/dpkg/info/a.md5sums", 0o644, sums);
    small.create();
    assert_eq!(told(&small.bases(), "1", false), Vec::<String>::new());
    assert_eq!(
        told(&small.bases(), "1", true),
        ["C /usr/lib/libc.so.6 [content] []"]
    );
}

#[test]
fn two_bases_differ_in_packages_and_in_what_changed() {
    let small = Small::new();
    small.write("opt/becomes", 0o644, "a file");
    small.write("opt/written", 0o644, "1");
    small.create();
    let replace = |path: &str, mode: u32, text: &str| {
        fs::remove_file(small.0.path().join(path)).unwrap();
        small.write(path, mode, text);
    };
    replace("usr/lib/libc.so.6", 0o644, "libc 2");
    // As a reinstallation does it: another inode, and nothing else.
    replace("usr/bin/ls", 0o755, "ls");
    replace("opt/app/app", 0o755, "ppa");
    fs::remove_file(small.0.path().join("opt/becomes")).unwrap();
    small.write("opt/becomes/a", 0o644, "");
    fs::write(small.0.path().join("opt/written"), "in place").unwrap();
    small.write("etc/new", 0o644, "");
    small.write("etc/passwd", 0o600, "root");
    small.write(
        "var/lib/dpkg/status",
        0o644,
        &STATUS.replace("Version: 1", "Version: 2"),
    );
    small.create();
    let difference = diff(&small.bases(), number("1"), number("2")).unwrap();
    let packages: Vec<_> = difference
        .packages
        .iter()
        .map(|change| {
            (
                change.name.as_str(),
                change.old.as_deref(),
                change.new.as_deref(),
            )
        })
        .collect();
    assert_eq!(packages, [("a", Some("1"), Some("2"))]);
    let paths = |difference: &super::super::diff::Difference| -> Vec<String> {
        let line = |change: &super::super::diff::PathChange| {
            format!("{} {}", change.letter.letter(), text_of(&change.path))
        };
        difference.paths.iter().map(line).collect()
    };
    assert_eq!(
        paths(&difference),
        [
            "A /etc/new",
            "D /etc/passwd",
            "C /opt/app/app",
            "C /opt/becomes",
            "A /opt/becomes/a",
            "C /opt/written",
            "C /usr/lib/libc.so.6",
        ]
    );
    let back = diff(&small.bases(), number("2"), number("1")).unwrap();
    assert_eq!(back.paths.len(), difference.paths.len());
    assert_eq!(back.paths[0].letter, Letter::Deleted);
    let same = diff(&small.bases(), number("2"), number("2")).unwrap();
    assert_eq!((same.packages.len(), same.paths.len()), (0, 0));
}

#[test]
fn there_is_no_difference_to_what_is_not_there() {
    let small = Small::new();
    small.create();
    let message = format!(
        "{:#}",
        diff(&small.bases(), number("1"), number("7")).unwrap_err()
    );
    assert!(message.starts_with("there is no base 7 in '"), "{message}");
    assert!(verify(&small.bases(), number("7"), false).is_err());
}

#[test]
fn a_hundred_thousand_changed_files_are_told() {
    const FILES: usize = 100_000;
    let small = Small::new();
    small.create();
    let list: String = (0..FILES)
        .map(|number| format!("/usr/share/many/{number:06}\n"))
        .collect();
    small.write("var/lib/dpkg/info/a.list", 0o644, &list);
    small.write("var/lib/dpkg/status", 0o644, &STATUS.replace('1', "2"));
    small.write("usr/bin/new", 0o755, "");
    assert_eq!(small.create(), Created::New(number("2")));
    let bases = small.bases();
    // Files of other sizes need not be there to be told apart.
    let stat = nix::sys::stat::stat(&small.0.path().join("usr/bin/ls")).unwrap();
    for (base, size) in [("1", 1), ("2", 2)] {
        let directory = "usr/share/many";
        let mut text = Vec::new();
        Row::of(directory.into(), Kind::Directory, &stat).write(&mut text);
        for number in 0..FILES {
            let row = Row::of(format!("{number:06}").into(), Kind::Linked, &stat);
            Row { size, ..row }.write(&mut text);
        }
        let path = directory.into();
        let file = bases.record_directory(number(base)).join(TABLE);
        fs::remove_file(&file).unwrap();
        table::write(&file, &mut [Part { path, text }]).unwrap();
    }
    let change = HostChange::between(&bases, number("1"), number("2")).unwrap();
    assert_eq!(change.packages.len(), 1);
    assert_eq!(change.packages[0].paths.len(), FILES);
    assert!(change.packages[0].touches.only_data() && change.other_paths.is_empty());
}
