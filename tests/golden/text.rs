//! A text in; compared with a recorded file, or recorded anew with UPDATE_EXPECTED=1, out.

use std::fs;
use std::path::{Path, PathBuf};

/// Fails unless `found` is the text of the file `expected`; a file that is not there is an empty one.
pub fn assert_text(expected: &Path, found: &str) {
    if updating() {
        if found.is_empty() {
            let _ = fs::remove_file(expected);
        } else {
            fs::write(expected, found).expect("a file");
        }
        return;
    }
    let recorded = fs::read_to_string(expected).unwrap_or_default();
    assert_eq!(
        found,
        recorded,
        "{}; UPDATE_EXPECTED=1 records what is found",
        expected.display()
    );
}

/// The directories or files below `directory`, sorted. None at all is a mistake of the test.
pub fn cases(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory of cases");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no cases in {}", directory.display());
    paths
}

/// Whether what is found is to be recorded.
pub fn updating() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1")
}
