//! Paths and addresses of documentation.

use super::{Checked, each_word, not};
use crate::container::values;
use crate::diagnostic::Fault;
use crate::document::Scalar;
use crate::unit::escape;

/// One absolute path that fills the line, so that blanks in it need no quotes.
pub fn absolute(text: &str) -> Checked {
    let path = values::path::absolute(Scalar::Text(text.into()))?;
    Ok(escape::text(&path.to_string_lossy()).to_string())
}

/// One absolute path in a list of words: systemd drops the backslashes and quotes of those.
pub fn word(text: &str) -> Checked {
    if text.contains([' ', '"', '\'', '\\']) {
        return Err(not(text, "a path that lodger can write into a list"));
    }
    absolute(text)
}

/// `RequiresMountsFor=` and its kin: paths of the host.
pub fn words(text: &str) -> Checked {
    each_word(text, word)
}

/// Paths inside the container. Without the `+` systemd would look for them on the host, where the container has nothing of them.
pub fn words_inside(text: &str) -> Checked {
    each_word(text, |word_of| {
        let (dash, path) = match word_of.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", word_of),
        };
        match path.strip_prefix('+') {
            Some(path) => Ok(format!("{dash}+{}", word(path)?)),
            None => Err(not(word_of, "a path inside the container").help(inside_help(path))),
        }
    })
}

fn inside_help(path: &str) -> String {
    format!("write \"+{path}\": without the \"+\" systemd takes it for a path of the host")
}

/// `Documentation=`: addresses of the kinds that systemd.unit(5) names.
pub fn documentation(text: &str) -> Checked {
    const KINDS: [&str; 5] = ["http://", "https://", "file:/", "info:", "man:"];
    each_word(text, |address| {
        let rest = KINDS.iter().find_map(|kind| address.strip_prefix(kind));
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\');
        if rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain)) {
            return Ok(escape::text(address).to_string());
        }
        let fault: Fault = not(address, "an address of documentation");
        Err(fault.help("one that begins with http://, https://, file:/, info: or man:"))
    })
}
