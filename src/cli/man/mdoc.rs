//! Sentences with `code` in backticks in; lines of mdoc(7) out.

/// Where a line ends that has room for no further word.
const WIDTH: usize = 76;

/// The lines, each sentence beginning one.
pub fn sentences(text: &str) -> String {
    let mut page = String::new();
    let mut line = String::new();
    let mut words = words_of(text).into_iter().peekable();
    while let Some(word) = words.next() {
        let is_last = words.peek().is_none();
        match word {
            Word::Macro(call) => {
                end_line(&mut page, &mut line);
                page.push_str(&call);
                page.push('\n');
            }
            Word::Plain(word) => {
                if line.len() + 1 + word.len() > WIDTH {
                    end_line(&mut page, &mut line);
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(&word);
                if is_last || word.ends_with(['.', '?', '!']) {
                    end_line(&mut page, &mut line);
                }
            }
        }
    }
    page
}

/// A word of a text line, or a whole line that calls a macro.
enum Word {
    Plain(String),
    Macro(String),
}

fn end_line(page: &mut String, line: &mut String) {
    if !line.is_empty() {
        // A line that begins so would be taken for a call.
        if line.starts_with(['.', '\'']) {
            page.push_str("\\&");
        }
        page.push_str(line);
        page.push('\n');
        line.clear();
    }
}

fn words_of(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        rest = rest.trim_start();
        let end = word_end(rest);
        let (word, after) = rest.split_at(end);
        rest = after;
        if !word.is_empty() {
            words.push(word_of(word));
        }
    }
    words
}

/// Where the word ends that `text` begins with: at a blank that is in no code.
fn word_end(text: &str) -> usize {
    let mut in_code = false;
    for (at, character) in text.char_indices() {
        match character {
            '`' => in_code = !in_code,
            ' ' if !in_code => return at,
            _ => {}
        }
    }
    text.len()
}

fn word_of(word: &str) -> Word {
    let mut parts = word.splitn(3, '`');
    if let (Some(before), Some(code), Some(after)) = (parts.next(), parts.next(), parts.next()) {
        let code = format!("\"{}\"", in_quotes(code));
        return Word::Macro(call("Ql", &code, before, after));
    }
    if let Some((page, section, after)) = manual_page(word) {
        return Word::Macro(call("Xr", &format!("{page} {section}"), "", after));
    }
    Word::Plain(escaped(word))
}

/// `.Ql "argument" ,` with what stands around the argument, which mdoc knows as delimiters where it is punctuation.
fn call(name: &str, argument: &str, before: &str, after: &str) -> String {
    let is_delimiter = |text: &str| matches!(text, "(" | ")" | "," | "." | ";" | ":" | "?" | "!");
    let mut line = match before {
        "" => format!(".{name}"),
        before if is_delimiter(before) => format!(".{name} {before}"),
        before => format!(".No {} Ns {name}", in_quotes(before)),
    };
    line.push_str(&format!(" {argument}"));
    if after.chars().all(|c| is_delimiter(&c.to_string())) {
        for character in after.chars() {
            line.push_str(&format!(" {character}"));
        }
    } else {
        line.push_str(&format!(" Ns {}", in_quotes(after)));
    }
    line
}

/// `systemd.service(5),` as page, section and the rest.
fn manual_page(word: &str) -> Option<(&str, &str, &str)> {
    let (page, rest) = word.split_once('(')?;
    let (section, after) = rest.split_once(')')?;
    let is_page = page.starts_with(|c: char| c.is_ascii_lowercase());
    let is_section = section.len() == 1 && section.bytes().all(|byte| byte.is_ascii_digit());
    (is_page && is_section).then_some((page, section, after))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e")
}

/// The text of an argument. A dot or a macro's name in it is text, for it begins with nothing that is printed.
pub fn in_quotes(text: &str) -> String {
    format!(
        "\\&{}",
        escaped(text).replace('"', "\\(dq").replace('-', "\\-")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_becomes_ql_and_pages_xr() {
        assert_eq!(
            sentences(
                "With `lodger.target` at boot, see systemd.unit(5). The (`a b`), too; \"`x`\"s."
            ),
            "With\n.Ql \"\\&lodger.target\"\nat boot, see\n.Xr systemd.unit 5 .\nThe\n.Ql ( \"\\&a b\" ) ,\ntoo;\n\
             .No \\&\\(dq Ns Ql \"\\&x\" Ns \\&\\(dqs.\n"
        );
    }

    #[test]
    fn no_text_is_taken_for_a_call() {
        assert_eq!(sentences(".x \\y 'z"), "\\&.x \\ey 'z\n");
    }
}
