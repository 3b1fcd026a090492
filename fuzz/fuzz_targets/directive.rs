//! `KEY=VALUE` in, as a directive of [Unit] and of [Service]; a panic out if what is taken could not stand in a unit.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lodger::container::raw::{RawValue, Section, directive, is_settable};

mod line;

use line::assert_one_line;

fuzz_target!(|text: &str| {
    let Some((key, value)) = text.split_once('=') else {
        return;
    };
    let one = |text: &str| match text.parse() {
        Ok(number) => RawValue::Integer(number),
        Err(_) => RawValue::Text(text.to_owned()),
    };
    let values = [
        one(value),
        RawValue::Text(value.to_owned()),
        RawValue::List(value.split('\n').map(one).collect()),
    ];
    for section in [Section::Unit, Section::Service] {
        for value in &values {
            match directive(section, key, value) {
                Ok(lines) => {
                    assert!(is_settable(section, key) && !lines.is_empty());
                    for line in lines {
                        assert!(!line.trim().is_empty());
                        assert_one_line(&line);
                        assert_specifiers(&line);
                    }
                }
                Err(fault) => assert!(!fault.message.is_empty()),
            }
        }
    }
});

/// A `%` is doubled, or the end of a share such as `50%`: anything else is a specifier.
fn assert_specifiers(line: &str) {
    let plain = line.replace("%%", "");
    for (at, _) in plain.match_indices('%') {
        let digit = plain[..at].ends_with(|c: char| c.is_ascii_digit());
        let end = plain[at + 1..].is_empty() || plain[at + 1..].starts_with(['/', ' ']);
        assert!(digit && end, "{line:?}");
    }
}
