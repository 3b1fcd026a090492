//! A directory in; what is below it compared with a recorded tree, or recorded anew with UPDATE_EXPECTED=1, out.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::text::updating;

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file's text.
    File(String),
    /// A link's target.
    Link(PathBuf),
}

/// Files and links below a directory, by path; an absent directory is empty.
pub type Tree = BTreeMap<PathBuf, Entry>;

/// Everything below `directory`. The version of the package does not count.
pub fn read_tree(directory: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut open = vec![directory.to_owned()];
    while let Some(inner) = open.pop() {
        let Ok(entries) = fs::read_dir(&inner) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("an entry of a readable directory").path();
            let kind = fs::symlink_metadata(&path)
                .expect("an entry has metadata")
                .file_type();
            let name = path
                .strip_prefix(directory)
                .expect("it is below")
                .to_owned();
            if kind.is_symlink() {
                tree.insert(
                    name,
                    Entry::Link(fs::read_link(&path).expect("a link has a target")),
                );
            } else if kind.is_dir() {
                open.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("a text file");
                tree.insert(name, Entry::File(without_version(&text)));
            }
        }
    }
    tree
}

/// `text` with the package's version as a word, so that a release changes no expectation.
pub fn without_version(text: &str) -> String {
    text.replace(
        concat!("lodger-generator ", env!("CARGO_PKG_VERSION"), " "),
        "lodger-generator VERSION ",
    )
}

/// Fails unless `found` is what lies below `expected`, whole.
pub fn assert_tree(expected: &Path, found: &Tree) {
    if updating() {
        let _ = fs::remove_dir_all(expected);
        for (path, entry) in found {
            let path = expected.join(path);
            fs::create_dir_all(path.parent().expect("it is below")).expect("a directory");
            match entry {
                Entry::File(text) => fs::write(path, text).expect("a file"),
                Entry::Link(target) => symlink(target, path).expect("a link"),
            }
        }
        return;
    }
    let recorded = read_tree(expected);
    let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(found),
        names(&recorded),
        "the names below {}",
        expected.display()
    );
    for (path, entry) in found {
        assert_eq!(
            Some(entry),
            recorded.get(path),
            "{} below {}",
            path.display(),
            expected.display()
        );
    }
}
