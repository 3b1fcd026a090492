//! Names of units.

use super::{Checked, each_word, not};
use crate::container::name::UNIT_SUFFIXES;
use crate::container::references::check_unit;
use crate::diagnostic::{Fault, quote, rule};

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

/// Mounts of what every container has on the host.
const HOLDING: [&str; 6] = [
    "-.mount",
    "run.mount",
    "usr.mount",
    "var.mount",
    "var-lib.mount",
    "var-lib-lodger.mount",
];

/// Any units.
pub fn any(text: &str) -> Checked {
    each_word(text, unit)
}

/// `Before=`: units that can wait for a container. systemd would drop a job of a circle, and lodger cannot see one here.
pub fn later(text: &str) -> Checked {
    each_word(text, |word| {
        let refused = |why: &str| Fault::new(rule::VALUE, format!("{} {why}", quote(word)));
        if EARLIER.contains(&word) {
            return Err(refused("is what every service waits for"));
        }
        if word.starts_with("lodgerd-") || HOLDING.contains(&word) {
            return Err(refused("is what the container itself waits for"));
        }
        if [".slice", ".device"]
            .iter()
            .any(|kind| word.ends_with(kind))
        {
            return Err(refused("does not wait for services"));
        }
        if word.starts_with("lodger-") && word.ends_with(".service") {
            let fault = refused("is a container");
            return Err(fault.help("name this one under \"after\" in the file of that one"));
        }
        unit(word)
    })
}

/// systemd's `unit_name_is_valid`, without templates.
fn unit(text: &str) -> Checked {
    let has_suffix = UNIT_SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
    if has_suffix && check_unit(text).is_ok() {
        return Ok(text.to_owned());
    }
    Err(not(text, "the name of a unit")
        .help("a unit is written with its suffix: a container web is lodger-web.service"))
}
