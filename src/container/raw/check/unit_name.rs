//! Names of units.

use super::{Checked, each_word, not};
use crate::diagnostic::{Fault, quote, rule};

const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "mount",
    "automount",
    "device",
    "swap",
    "path",
    "timer",
    "slice",
    "scope",
];
/// Every service waits for these, by `DefaultDependencies=`.
const EARLIER: [&str; 10] = [
    "sysinit.target",
    "basic.target",
    "local-fs.target",
    "local-fs-pre.target",
    "sockets.target",
    "timers.target",
    "paths.target",
    "slices.target",
    "swap.target",
    "cryptsetup.target",
];

/// Any units.
pub fn any(text: &str) -> Checked {
    each_word(text, unit)
}

/// `Before=`.
pub fn after_it(text: &str) -> Checked {
    each_word(text, |word| match EARLIER.contains(&word) {
        true => Err(circle(word, "is what every service waits for")),
        false => unit(word),
    })
}

/// systemd would drop a job of the circle, and not say which.
fn circle(unit: &str, why: &str) -> Fault {
    Fault::new(rule::VALUE, format!("{} {why}", quote(unit)))
}

/// systemd's `unit_name_is_valid`, without templates.
fn unit(text: &str) -> Checked {
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
    let known = |(stem, suffix): (&str, &str)| {
        !stem.is_empty()
            && !stem.starts_with('@')
            && !stem.ends_with('@')
            && SUFFIXES.contains(&suffix)
    };
    if text.len() <= 255 && text.chars().all(allowed) && text.rsplit_once('.').is_some_and(known) {
        return Ok(text.to_owned());
    }
    Err(not(text, "the name of a unit")
        .help("a unit is written with its suffix: a container web is lodger-web.service"))
}
