//! A value as written in; the value as it stands in the unit out, or why systemd would ignore it. By what is meant.

use crate::diagnostic::{Fault, did_you_mean, quote, rule};

pub mod condition;
pub mod limit;
pub mod network;
pub mod number;
pub mod path;
pub mod system_call;
pub mod unit_name;
pub mod word;

/// What every check gives.
pub type Checked = Result<String, Fault>;

/// `text` is not `what`.
fn not(text: &str, what: &str) -> Fault {
    Fault::new(rule::VALUE, format!("{} is not {what}", quote(text)))
}

/// Each blank-separated word of `text`, with one blank between them.
fn each_word(text: &str, check: impl Fn(&str) -> Checked) -> Checked {
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Err(Fault::new(rule::VALUE, "nothing is listed"));
    }
    let checked: Result<Vec<_>, _> = words.into_iter().map(check).collect();
    Ok(checked?.join(" "))
}

/// As [`each_word`], behind the `~` that turns the list round.
fn each_word_or_none_of(text: &str, check: impl Fn(&str) -> Checked) -> Checked {
    match text.strip_prefix('~') {
        Some(rest) => Ok(format!("~{}", each_word(rest, check)?)),
        None => each_word(text, check),
    }
}

/// One of `words`, letter by letter.
fn one_of(text: &str, words: &[&str]) -> Checked {
    if words.contains(&text) {
        return Ok(text.to_owned());
    }
    let known = words.join(", ");
    let meant = did_you_mean(text, words.iter().copied());
    Err(not(text, &format!("one of {known}")).suggest(meant))
}

/// One of many `words`, of which only the nearest is named.
fn one_of_many(text: &str, what: &str, words: &[&str]) -> Checked {
    if words.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(not(text, what).suggest(did_you_mean(text, words.iter().copied())))
}
