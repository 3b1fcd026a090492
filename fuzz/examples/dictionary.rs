//! lodger's own words in; a dictionary for libFuzzer out: keys, tables, examples and directives.

use std::collections::BTreeSet;

use lodger::container::keys::{KEYS, TABLES};
use lodger::document::Shape;

fn main() {
    let mut words = BTreeSet::new();
    for table in &TABLES {
        words.insert(format!("[{}]", table.name));
    }
    for about in KEYS {
        words.insert(format!("{} = ", about.name));
        words.insert(about.example.to_owned());
        if let Shape::Words(of) = about.shape {
            words.extend(of().into_iter().map(|word| format!("\"{word}\"")));
        }
    }
    let known = include_str!("../../tests/directives/known");
    words.extend(
        known
            .lines()
            .filter(|line| !line.starts_with('['))
            .map(|key| format!("{key}=")),
    );
    let more = [
        "%i", "%%i", "%%", "\\u0000", "\\\\", "\"\"\"", "'''", "[[", "infinity", "0x", "1e9",
        "{ }", "\n",
    ];
    words.extend(more.map(str::to_owned));
    for word in words {
        let escaped = word.bytes().map(|byte| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        });
        println!("\"{}\"", escaped.collect::<String>());
    }
}
