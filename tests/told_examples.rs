//! The examples of rule pages and of the key table in; that each does what is said of it out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lodger::container::keys::KEYS;
use lodger::diagnostic::pages::{Content, Example, pages};
use lodger::document::About;
use lodger::reference::{File, example};

#[allow(dead_code, reason = "each test needs its part of it")]
mod run;

use run::{json_of, lodger, root};

/// What the examples count on.
const HOST: &[(&str, &str)] = &[
    ("usr/sbin/nginx", ""),
    (
        "etc/passwd",
        "www-data:x:33:33::/var/www:/usr/sbin/nologin\n",
    ),
];

/// The rules that `lodger check` tells of these files under a root.
fn rules_of(examples: &[Example]) -> Vec<String> {
    let root = root(HOST);
    for Example { path, content } in examples {
        let path = root.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("it is below")).expect("a directory");
        match content {
            Content::Text(text) => fs::write(path, text),
            Content::Bytes(bytes) => fs::write(path, bytes),
            Content::Link(target) => std::os::unix::fs::symlink(target, path),
            Content::Directory => fs::create_dir(path),
        }
        .expect("an example");
    }
    rules_told(root.path())
}

fn rules_told(root: &Path) -> Vec<String> {
    let found = json_of(&lodger(root, &["check", "--json"]));
    let found = found.as_array().expect("an array");
    found
        .iter()
        .map(|one| one["rule"].as_str().expect("a rule").to_owned())
        .collect()
}

#[test]
fn every_rule_has_a_page_and_every_page_a_rule() {
    let rules = include_str!("../src/diagnostic/rule.rs");
    let rules: Vec<_> = rules
        .lines()
        .filter(|line| line.starts_with("pub const "))
        .map(|line| line.split('"').nth(1).expect("an identifier"))
        .collect();
    let paged: Vec<_> = pages().map(|page| page.rule).collect();
    assert_eq!(paged, rules);
    let names: BTreeSet<_> = pages().map(|page| page.name).collect();
    assert_eq!(names.len(), rules.len(), "two rules of one name");
}

#[test]
fn wrong_examples_break_their_rule_and_no_other_and_right_ones_none() {
    for page in pages() {
        let without = page.wrong.is_empty() || page.right.is_empty();
        assert_eq!(
            without,
            page.rule == "L025",
            "{} takes too many mistakes for an example",
            page.rule
        );
        if !without {
            let told: BTreeSet<_> = rules_of(page.wrong).into_iter().collect();
            assert_eq!(
                told,
                BTreeSet::from([page.rule.to_owned()]),
                "the wrong example of {}",
                page.rule
            );
            assert_eq!(
                rules_of(page.right),
                Vec::<String>::new(),
                "the right example of {}",
                page.rule
            );
        }
        for text in [page.meaning, page.why] {
            assert!(
                text.ends_with('.') && text.matches('`').count() % 2 == 0,
                "{}",
                page.rule
            );
        }
        assert!(!page.title.ends_with('.'), "{}", page.rule);
    }
}

/// A file that the example of a key makes sense in, and its name.
fn file_of(about: &About) -> (&'static str, String) {
    let exec = "exec = [\"/usr/sbin/nginx\"]\n";
    let text = example(about);
    match about.path().as_str() {
        "exec" => ("web.toml", text),
        "instances" => ("web@.toml", format!("{exec}{text}")),
        "mounts.*.read-only" => ("web.toml", format!("{exec}{text}source = \"/srv/shop\"\n")),
        "mounts.*.owner" | "mounts.*.mode" => {
            ("web.toml", format!("{exec}{text}volume = \"shop\"\n"))
        }
        path if path.starts_with("health.") && path != "health.exec" => (
            "web.toml",
            format!("{exec}{text}exec = \"/usr/sbin/nginx\"\n"),
        ),
        _ => ("web.toml", format!("{exec}{text}")),
    }
}

#[test]
fn the_example_of_every_key_is_right() {
    for about in KEYS {
        let root = root(HOST);
        let (name, text) = file_of(about);
        let other = "exec = [\"/usr/sbin/nginx\"]\n";
        let directory = root.path().join("etc/lodger");
        fs::create_dir_all(&directory).expect("a directory");
        for (name, text) in [
            (name, text.as_str()),
            ("db.toml", other),
            ("cache.toml", other),
        ] {
            fs::write(directory.join(name), text).expect("a file");
        }
        // What the example names is not on this host.
        let told: Vec<_> = rules_told(root.path())
            .into_iter()
            .filter(|rule| rule != "L022")
            .collect();
        assert_eq!(
            told,
            Vec::<String>::new(),
            "the example of {}:\n{text}",
            about.path()
        );
    }
    let root = root(&[("etc/lodger.toml", "")]);
    for about in File::Settings.keys() {
        let rest = match about.path().as_str() {
            "waves.*.length" => "window = \"Sun 02:00\"\n",
            _ => "",
        };
        let text = example(about) + rest;
        fs::write(root.path().join("etc/lodger.toml"), text).expect("a file");
        assert_eq!(
            rules_told(root.path()),
            Vec::<String>::new(),
            "the example of {}",
            about.path()
        );
    }
}

#[test]
fn the_examples_of_the_manual_page_are_right() {
    let page = include_str!("../man/lodger.toml.5");
    let blocks = page.split(".Bd -literal -offset indent\n").skip(1);
    let blocks = blocks.map(|block| {
        block
            .split(".Ed\n")
            .next()
            .expect("a split has a first part")
    });
    let mut files = 0;
    for block in blocks {
        let root = root(HOST);
        // A path in a comment begins a file.
        for file in block.split("# /").skip(1) {
            let (path, text) = file.split_once('\n').expect("a path is a line");
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("it is below")).expect("a directory");
            fs::write(path, text).expect("a file");
            files += 1;
        }
        // What an example names is not on this host, and no containers are there for the drop-ins.
        let told = rules_told(root.path());
        let told: Vec<_> = told
            .into_iter()
            .filter(|rule| rule != "L022" && rule != "L026")
            .collect();
        assert_eq!(told, Vec::<String>::new(), "in the example:\n{block}");
    }
    assert!(files >= 5, "{files} files");
}
