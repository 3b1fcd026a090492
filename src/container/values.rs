//! A scalar of a container file in; the value of the container, or what is wrong with it, out.
//!
//! systemd ignores most bad values with a warning and goes on without the limit or the isolation; here each of them is a fault.

use std::path::PathBuf;

use crate::diagnostic::{Fault, did_you_mean, quote, rule};
use crate::document::{Scalar, text};

mod quantity;

pub use quantity::{memory, percent, time_span};

/// Longest string the kernel takes as one argument or one variable: `MAX_ARG_STRLEN` without its NUL.
pub const LONGEST_ARGUMENT: usize = 131_071;

/// One of the words of a table such as `[("boot", Start::Boot)]`.
pub fn one_of<T: Copy>(scalar: Scalar, words: &[(&'static str, T)]) -> Result<T, Fault> {
    let word = text(scalar)?;
    if let Some((_, value)) = words.iter().find(|(known, _)| *known == word) {
        return Ok(*value);
    }
    let known: Vec<_> = words
        .iter()
        .map(|(known, _)| format!("\"{known}\""))
        .collect();
    let fault = Fault::new(
        rule::VALUE,
        format!("{} is none of {}", quote(&word), known.join(", ")),
    );
    let meant = did_you_mean(&word, words.iter().map(|(known, _)| *known));
    Err(fault.suggest(meant))
}

/// A line of text for people. systemd strips blanks around it and knows no way to write a line break in it.
pub fn description(scalar: Scalar) -> Result<String, Fault> {
    const LONGEST: usize = 1000;
    let description = text(scalar)?.trim().to_owned();
    if description.is_empty() {
        return Err(Fault::new(rule::VALUE, "the description is empty")
            .help("leave the key out to be called by the name"));
    }
    if description.contains(char::is_control) {
        return Err(Fault::new(
            rule::VALUE,
            "a description is one line without control characters",
        ));
    }
    if description.chars().count() > LONGEST {
        return Err(Fault::new(
            rule::VALUE,
            format!("a description has at most {LONGEST} characters"),
        ));
    }
    Ok(description)
}

/// A user's name or number, as `User=` takes it (systemd's `valid_user_group_name`, without what it only warns about).
pub fn user(scalar: Scalar) -> Result<String, Fault> {
    const LONGEST: usize = 255;
    let user = match scalar {
        Scalar::Integer(number) => {
            return Err(
                Fault::new(rule::WRONG_TYPE, "expected a string, found an integer")
                    .help(format!("write \"{number}\"")),
            );
        }
        other => text(other)?,
    };
    if user == "dynamic" {
        return Err(Fault::new(
            rule::NOT_YET,
            "user = \"dynamic\" is not in this version of lodger yet",
        ));
    }
    if user.starts_with(|c: char| c.is_ascii_digit()) {
        return user_number(&user).map(|()| user);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let begins = user.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins || !user.chars().all(allowed) || user.len() > LONGEST {
        return Err(Fault::new(
            rule::VALUE,
            format!("{} is not the name or the number of a user", quote(&user)),
        ));
    }
    Ok(user)
}

/// 65535 and 4294967295 mean "no user" to the kernel (systemd's `uid_is_valid`).
fn user_number(user: &str) -> Result<(), Fault> {
    let canonical = user == "0" || !user.starts_with('0');
    match user.parse::<u32>() {
        Ok(number) if canonical && number != 65_535 && number != u32::MAX => Ok(()),
        _ => Err(Fault::new(
            rule::VALUE,
            format!("{} is not the number of a user", quote(user)),
        )),
    }
}

/// Whether `name` can be the name of an environment variable: systemd drops any other with a warning.
pub fn variable_name(name: &str) -> Result<(), Fault> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(Fault::new(
        rule::VARIABLE,
        format!(
            "{} cannot be the name of an environment variable",
            quote(name)
        ),
    )
    .help("letters, digits and \"_\", not a digit first"))
}

/// The value of an environment variable: any text that the kernel takes.
pub fn variable_value(scalar: Scalar) -> Result<String, Fault> {
    let value = match scalar {
        Scalar::Integer(number) => {
            return Err(
                Fault::new(rule::WRONG_TYPE, "expected a string, found an integer")
                    .help(format!("write \"{number}\"")),
            );
        }
        other => text(other)?,
    };
    if value.len() > LONGEST_ARGUMENT - 256 {
        return Err(Fault::new(
            rule::VALUE,
            "longer than the kernel takes one variable (128 KiB)",
        ));
    }
    Ok(value)
}

/// An absolute path without `.` and `..`, written the shortest way.
pub fn absolute_path(scalar: Scalar) -> Result<PathBuf, Fault> {
    let path = text(scalar)?;
    let fault = |why: &str| Err(Fault::new(rule::PATH, format!("{} {why}", quote(&path))));
    if !path.starts_with('/') {
        return fault("is not an absolute path");
    }
    if path.contains(char::is_control) || path.ends_with(char::is_whitespace) {
        return fault(
            "has control characters in it or a blank at its end, which a unit file cannot hold",
        );
    }
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return fault("has \".\" or \"..\" in it");
    }
    if parts.iter().any(|part| part.len() > 255) || path.len() > 4095 {
        return fault("is longer than a path can be");
    }
    Ok(PathBuf::from(format!("/{}", parts.join("/"))))
}

/// `[root] hide`: something below `/`.
pub fn hidden_path(scalar: Scalar) -> Result<PathBuf, Fault> {
    let path = absolute_path(scalar)?;
    if path.parent().is_none() {
        return Err(Fault::new(
            rule::PATH,
            "\"/\" cannot be hidden: nothing would be left",
        ));
    }
    Ok(path)
}

/// `TasksMax=`: 0 is out of range for systemd, which would go on without a limit.
pub fn tasks(scalar: Scalar) -> Result<u64, Fault> {
    match scalar {
        Scalar::Integer(number) => match u64::try_from(number) {
            Ok(tasks) if tasks > 0 => Ok(tasks),
            _ => Err(
                Fault::new(rule::QUANTITY, format!("{number} is not a number of tasks"))
                    .help("at least 1"),
            ),
        },
        other => Err(Fault::new(
            rule::WRONG_TYPE,
            format!("expected an integer, found {}", other.kind()),
        )),
    }
}

#[cfg(test)]
mod tests;
