//! Container files with mistakes in; what `lodger check` says of each, whole, out.

use std::path::Path;
use std::process::Command;

#[path = "golden/text.rs"]
mod text;

use text::{assert_text, cases};

#[test]
fn every_bad_file_is_told_as_recorded() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let nothing_installed = tempfile::tempdir().expect("a directory");
    for file in cases(&directory)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "toml"))
    {
        let name = file.file_name().expect("a file has a name");
        let output = Command::new(env!("CARGO_BIN_EXE_lodger"))
            .env_clear()
            .env("LODGER_ROOT", nothing_installed.path())
            .current_dir(&directory)
            .arg("check")
            .arg(name)
            .output()
            .expect("lodger runs");
        let messages = String::from_utf8(output.stderr).expect("messages are UTF-8");
        assert_text(&file.with_extension("stderr"), &messages);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{}: {messages}",
            file.display()
        );
        assert_eq!(output.stdout, b"", "{}", file.display());
    }
}
