//! A path whose bytes a container chose, in; one line of text that can do nothing to a terminal out. In JSON paths are exact, see
//! [`crate::exact_path`].

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The path with `\n`, `\t`, `\\` and, for all other bytes that are not printable UTF-8, `\xHH`.
pub fn text(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => shown.push_str("\\n"),
                '\t' => shown.push_str("\\t"),
                '\\' => shown.push_str("\\\\"),
                _ if is_printable(character) => shown.push(character),
                _ => {
                    let mut bytes = [0; 4];
                    escape(&mut shown, character.encode_utf8(&mut bytes).as_bytes());
                }
            }
        }
        escape(&mut shown, chunk.invalid());
    }
    shown
}

fn escape(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(shown, "\\x{byte:02x}");
    }
}

/// JSON with every character that a terminal would act on as `\uHHHH`: the same value, to be looked at without harm. Where such a
/// character can be is within a string; between them a writer of JSON puts only line feeds.
pub fn in_json(json: String) -> String {
    let is_plain = |character: char| character == '\n' || is_printable(character);
    if json.chars().all(is_plain) {
        return json;
    }
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if is_plain(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

/// Not what moves the cursor, turns the direction of writing or takes no place at all: such a name could pass for another.
fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn json_is_the_same_and_does_nothing_to_a_terminal() {
        let value =
            serde_json::json!({ "path": "/\u{9b}31m \u{7f}\u{202e}\u{e0001}é\n", "two": [1] });
        let written = in_json(serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(
            written,
            "{\n  \"path\": \"/\\u009b31m \\u007f\\u202e\\udb40\\udc01é\\n\",\n  \"two\": [\n    1\n  ]\n}"
        );
        let back: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(back, value);
    }

    #[test]
    fn no_name_looks_like_another_or_moves_the_cursor() {
        for (bytes, shown) in [
            (&b"/etc/plain name"[..], "/etc/plain name"),
            ("/srv/é🔟".as_bytes(), "/srv/é🔟"),
            (b"/a\nD /etc", "/a\\nD /etc"),
            (b"/a\tof libc6", "/a\\tof libc6"),
            (b"/a\\n", "/a\\\\n"),
            (b"/\x1b[2J\x7f", "/\\x1b[2J\\x7f"),
            (b"/\xff\xc3(", "/\\xff\\xc3("),
            ("/\u{202e}gpj".as_bytes(), "/\\xe2\\x80\\xaegpj"),
            ("/\u{85}".as_bytes(), "/\\xc2\\x85"),
        ] {
            assert_eq!(text(Path::new(OsStr::from_bytes(bytes))), shown);
        }
    }
}
