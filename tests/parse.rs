//! Any text at all in; no panic, and no mistake without a diagnostic, out.

use std::path::Path;

use lodger::container::file::parse;
use lodger::container::name::FileName;
use lodger::host::Host;
use lodger::prefix::Prefix;
use lodger::service::{Way, service, stub};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn no_text_makes_it_panic_and_no_mistake_is_silent(text in "(exec|root|hide|limits|environment|\"/x\"|=|\\[|\\]|\"|'|\\{|\\}|,|\\.|\n|\r|\\\\|%i|#|é| |-|[0-9]|\\PC){0,40}") {
        checked(&text)?;
    }

    #[test]
    fn any_words_and_variables_make_a_sound_unit(words in prop::collection::vec(any::<String>(), 0..5), value in any::<String>()) {
        let quoted = |text: &String| serde_json::to_string(text).expect("a string is JSON");
        let words: Vec<_> = words.iter().map(quoted).collect();
        let text = format!("exec = [\"/x\", {}]\nenvironment.A = {}\n", words.join(", "), quoted(&value));
        checked(&text)?;
    }
}

/// Parses `text` under both kinds of names, and renders what comes of it.
fn checked(text: &str) -> Result<(), TestCaseError> {
    for name in ["web", "web@"] {
        let name = FileName::parse(name).expect("it is a name");
        let nowhere = Prefix::under("/nowhere".as_ref());
        let unit_of = |container| {
            service(
                container,
                Way::of(container, &nowhere, 257),
                &Host::default(),
            )
        };
        let units: Vec<_> = match parse(&name, Path::new("/etc/lodger/x.toml"), text) {
            Ok(file) => file.containers.iter().map(unit_of).collect(),
            Err(refused) => {
                prop_assert!(!refused.diagnostics.is_empty());
                for diagnostic in &refused.diagnostics {
                    prop_assert!(!diagnostic.one_line().contains('\n'));
                    prop_assert!(diagnostic.block().ends_with('\n'));
                }
                stub(&refused)
            }
        };
        for unit in units {
            for line in unit.to_string().lines() {
                prop_assert!(is_a_line_of_a_unit(line), "{line:?}");
            }
        }
    }
    Ok(())
}

/// What is written is keys that lodger knows, and no text of a file ever begins a line or continues one.
fn is_a_line_of_a_unit(line: &str) -> bool {
    let key = line.split_once('=').is_some_and(|(key, _)| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    let continued = line.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1;
    let clean = !line.contains(|c: char| c.is_ascii_control());
    clean
        && !continued
        && (key
            || line.is_empty()
            || line.starts_with('#')
            || line == "[Unit]"
            || line == "[Service]")
}
