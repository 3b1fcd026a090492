//! Escapes in, systemd's own reading of them out: every escape is undone by a reader written after systemd's source.

use proptest::prelude::*;

use super::*;

/// What `extract_first_word` with UNQUOTE and CUNESCAPE makes of a line (src/basic/extract-word.c), then specifiers (only `%%`
/// may be left), then for commands `replace_env_argv` (only `$$` may be left).
fn read_back(line: &str, variables: bool) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut characters = line.chars().peekable();
    loop {
        while characters.next_if(|c| " \t\n\r".contains(*c)).is_some() {}
        if characters.peek().is_none() {
            return Ok(words);
        }
        let mut bytes = Vec::new();
        let mut quote = None;
        while let Some(c) = characters.next() {
            match (c, quote) {
                ('\\', _) => bytes.extend(unescape(&mut characters)?),
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (' ' | '\t' | '\n' | '\r', None) => break,
                _ => bytes.extend(c.to_string().bytes()),
            }
        }
        if quote.is_some() {
            return Err(format!("open quote in {line:?}"));
        }
        let word = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        let word = halve(&word, '%')?;
        words.push(if variables { halve(&word, '$')? } else { word });
    }
}

fn unescape(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Vec<u8>, String> {
    Ok(vec![match characters.next() {
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('r') => b'\r',
        Some('"') => b'"',
        Some('\\') => b'\\',
        Some('x') => {
            let hex: String = characters.by_ref().take(2).collect();
            match u8::from_str_radix(&hex, 16) {
                Ok(byte) if byte != 0 && hex.len() == 2 => byte,
                _ => return Err(format!("bad escape \\x{hex}")),
            }
        }
        other => return Err(format!("bad escape {other:?}")),
    }])
}

/// Every `sign` in pairs, or an error.
fn halve(text: &str, sign: char) -> Result<String, String> {
    let mut halved = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        halved.push(c);
        if c == sign && characters.next() != Some(sign) {
            return Err(format!("a lone {sign:?} in {text:?}"));
        }
    }
    Ok(halved)
}

/// What systemd makes of `KEY=` and free text (src/shared/conf-parser.c): blanks around it stripped, a backslash at the end
/// continues the line, specifiers.
fn read_text_back(line: &str) -> Result<String, String> {
    let mut escaped = false;
    for c in line.chars() {
        escaped = !escaped && c == '\\';
    }
    if escaped || line.contains('\n') {
        return Err(format!("{line:?} goes on in the next line"));
    }
    halve(line.trim_matches([' ', '\t', '\r']), '%')
}

/// `unit_name_unescape` (src/basic/unit-name.c).
fn unescape_name(escaped: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = escaped.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'-' => bytes.push(b'/'),
            b'\\' => {
                let hex = std::str::from_utf8(&rest[1..3]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &rest[3..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn words_as_people_write_them() {
    for (word, written) in [
        ("a b", r#""a b""#),
        ("", r#""""#),
        ("say \"hi\"", r#""say \"hi\"""#),
        ("it's", r#""it's""#),
        ("a\nb\tc", r#""a\nb\tc""#),
        (r"\.", r#""\\.""#),
        (";", r#"";""#),
        ("a;b", "a;b"),
        ("$HOME", "$$HOME"),
        ("100%", "100%%"),
        (" x ", r#"" x ""#),
        ("é🔟", "é🔟"),
        ("\u{1b}[1m", r#""\x1b[1m""#),
        ("#x", "#x"),
    ] {
        assert_eq!(command([word]).to_string(), written, "for {word:?}");
    }
    assert_eq!(words(["A=$B 100%"]).to_string(), r#""A=$B 100%%""#);
    assert_eq!(privileged_command(["/x", "%"]).to_string(), "+/x %%");
}

#[test]
fn names_as_systemd_escape_writes_them() {
    for (written, escaped) in [
        ("/run/lodger/roots/web", "run-lodger-roots-web"),
        ("/run/lodger/roots/web@3", r"run-lodger-roots-web\x403"),
        ("/a-b/c_d", r"a\x2db-c_d"),
        ("//a//b/", "a-b"),
        ("/.hidden/.x", r"\x2ehidden-.x"),
        ("/é:", r"\xc3\xa9:"),
        ("/", "-"),
    ] {
        assert_eq!(path(written), escaped, "for {written:?}");
    }
    assert_eq!(name("/a"), "-a");
}

proptest! {
    #[test]
    fn every_command_comes_back(words in prop::collection::vec("[^\\x00]*", 0..6)) {
        prop_assert_eq!(read_back(&command(&words).to_string(), true), Ok(words));
    }

    #[test]
    fn every_list_of_words_comes_back(list in prop::collection::vec("[^\\x00]*", 0..6)) {
        prop_assert_eq!(read_back(&words(&list).to_string(), false), Ok(list));
    }

    #[test]
    fn awkward_words_come_back(list in prop::collection::vec("[a\"' \\\\%$;\n\t=#{}]*", 0..6)) {
        prop_assert_eq!(read_back(&command(&list).to_string(), true), Ok(list));
    }

    #[test]
    fn every_text_comes_back(line in "[^\\p{Cc}]*[a%\\\\]*") {
        let line = line.trim_matches([' ', '\t', '\r']);
        prop_assert_eq!(read_text_back(&text(line).to_string()), Ok(line.to_owned()));
    }

    #[test]
    fn no_text_makes_a_second_line(line in any::<String>()) {
        prop_assert!(!text(&line).to_string().contains(['\n', '\0']));
    }

    #[test]
    fn every_path_comes_back(parts in prop::collection::vec("[^/\\x00]+", 1..5)) {
        let joined = parts.join("/");
        let escaped = path(&format!("/{joined}"));
        prop_assert_eq!(unescape_name(&escaped), joined);
        prop_assert!(escaped.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_.\\".contains(&b)));
    }
}
