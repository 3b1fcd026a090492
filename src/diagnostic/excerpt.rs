//! A line of a file and a place on it in; what fits on a screen, and where it is for editors, out.

use std::ops::Range;

/// The part of a line that a block shows, and where its carets go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Printable text, tabs widened, cut to a bounded width.
    pub text: String,
    /// Characters before the first caret.
    pub caret: usize,
    /// Number of carets, at least 1.
    pub length: usize,
    /// The place on the whole line in UTF-16 code units, from 0: what editors count in.
    pub utf16: Range<usize>,
}

impl Excerpt {
    /// `length` characters from the character `start` (from 0) of `line`.
    pub fn of_line(line: &str, start: usize, length: usize) -> Self {
        const BEFORE: usize = 80;
        const WIDTH: usize = 160;
        let skipped = start.saturating_sub(BEFORE);
        let mut text = String::new();
        let (mut caret, mut end) = (None, 0);
        if skipped > 0 {
            text.push_str("...");
        }
        let mut width = text.len();
        for (index, character) in line.chars().enumerate().skip(skipped).take(WIDTH) {
            if index == start {
                caret = Some(width);
            }
            match character {
                '\t' => text.push_str("    "),
                _ if character.is_control() => text.push('\u{fffd}'),
                _ => text.push(character),
            }
            width += if character == '\t' { 4 } else { 1 };
            if index < start + length {
                end = width;
            }
        }
        if line.chars().nth(skipped + WIDTH).is_some() {
            text.push_str("...");
        }
        // A place behind the last character is the end of the line: something is missing there.
        let caret = caret.unwrap_or(width);
        Self {
            text,
            caret,
            length: end.saturating_sub(caret).max(1),
            utf16: utf16_before(line, start)..utf16_before(line, start + length),
        }
    }
}

/// The UTF-16 code units of the first `characters` of `line`.
fn utf16_before(line: &str, characters: usize) -> usize {
    line.chars().take(characters).map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_the_text() {
        let of = |line, start, length| {
            let Excerpt {
                text,
                caret,
                length,
                ..
            } = Excerpt::of_line(line, start, length);
            (text, caret, length)
        };
        assert_eq!(of("user = 1", 7, 1), ("user = 1".to_owned(), 7, 1));
        assert_eq!(of("é = 1", 4, 1), ("é = 1".to_owned(), 4, 1));
        assert_eq!(of("\ta\tb", 1, 3), ("    a    b".to_owned(), 4, 6));
        assert_eq!(of("a = ", 4, 0), ("a = ".to_owned(), 4, 1));
        assert_eq!(of("", 0, 0), (String::new(), 0, 1));
    }

    #[test]
    fn editors_count_in_utf16() {
        let of = |line, start, length| Excerpt::of_line(line, start, length).utf16;
        assert_eq!(of("é = 1", 4, 1), 4..5);
        assert_eq!(of("\"🔟🔟\" = 1", 0, 4), 0..6);
        assert_eq!(of("\"🔟\" = x", 6, 1), 7..8);
        assert_eq!(of("a = ", 4, 1), 4..4);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}X{}", "a".repeat(1000), "b".repeat(1000));
        let excerpt = Excerpt::of_line(&line, 1000, 1);
        assert_eq!(
            excerpt.text,
            format!("...{}X{}...", "a".repeat(80), "b".repeat(79))
        );
        assert_eq!((excerpt.caret, excerpt.length), (83, 1));
    }
}
