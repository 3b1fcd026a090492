//! Containers in; a warning for each program, user and file that they count on and this host is without, out. It may lie in the
//! container's own upper, or be installed later, so it is no error.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lodger::container::file::wish::{Thing, Wish};
use lodger::container::installed::Installed;
use lodger::diagnostic::{Diagnostic, Fault, quote, rule};
use lodger::place;
use lodger::prefix::Prefix;

/// A warning for each thing that is not there. Where `%i` is part of it, one of each place in a file is enough to look at.
pub fn warnings(prefix: &Prefix, installed: &Installed) -> Vec<Diagnostic> {
    let users = fs::read_to_string(prefix.at("/etc/passwd")).unwrap_or_default();
    let mut warnings = Vec::new();
    for file in &installed.good {
        let mut missing: BTreeMap<_, &Wish> = BTreeMap::new();
        for wish in &file.wishes {
            if !is_there(prefix, &users, &wish.thing) {
                let place = (wish.place.document, wish.place.span.start);
                missing.entry(place).or_insert(wish);
            }
        }
        warnings.extend(missing.into_values().map(|wish| {
            let fault = Fault::new(rule::NOT_THERE, message(&wish.thing));
            installed.diagnostic(&wish.place, fault).as_warning()
        }));
    }
    warnings
}

fn message(thing: &Thing) -> String {
    match thing {
        Thing::Program(program) => format!("the program {} is not on this host", quote(program)),
        Thing::User(user) => format!("the user {} is not in this host's /etc/passwd", quote(user)),
        Thing::Path(what, path) => {
            let path = quote(&path.to_string_lossy());
            format!("{what} {path} is not on this host")
        }
    }
}

fn is_there(prefix: &Prefix, users: &str, thing: &Thing) -> bool {
    // A link may lead outside the prefix, where it cannot be followed: that it is there is enough.
    let exists = |path: &Path| prefix.at(path).symlink_metadata().is_ok();
    match thing {
        Thing::Program(program) if program.starts_with('/') => exists(Path::new(program)),
        Thing::Program(program) => place::SEARCH_PATH
            .iter()
            .any(|directory| exists(&Path::new(directory).join(program))),
        // Numbers need no entry, and other sources of names cannot be asked under a prefix.
        Thing::User(user) => {
            let begins = |line: &str| line.split_once(':').is_some_and(|(name, _)| name == user);
            user.starts_with(|c: char| c.is_ascii_digit()) || users.lines().any(begins)
        }
        // Relative to a file that is checked before it is installed.
        Thing::Path(_, path) if path.is_relative() => path.symlink_metadata().is_ok(),
        Thing::Path(_, path) => exists(path),
    }
}
