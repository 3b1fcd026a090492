//! A scalar of a container file in; the value of the container, or what is wrong with it, out.
//!
//! systemd ignores most bad values with a warning and goes on without the limit or the isolation; here each of them is a fault.

use super::{Base, Network, Profile, Restart, RootKind, ServiceType, Start, User};
use crate::diagnostic::{Fault, did_you_mean, quote, rule};
use crate::document::{Scalar, Word, is_ordinary, read_word, text, word};
use crate::signal::SignalNumber;

pub mod isolation;
pub mod path;
pub mod quantity;

/// Longest string the kernel takes as one argument or one variable: `MAX_ARG_STRLEN` without its NUL.
pub const LONGEST_ARGUMENT: usize = 131_071;
/// Longer than any that a program asks for.
const LONGEST_VARIABLE_NAME: usize = 255;

impl Word for ServiceType {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("exec", Self::Exec),
        ("notify", Self::Notify),
        ("oneshot", Self::Oneshot),
    ];
}

impl Word for Restart {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("no", Self::No),
        ("on-success", Self::OnSuccess),
        ("on-failure", Self::OnFailure),
        ("on-abnormal", Self::OnAbnormal),
        ("on-abort", Self::OnAbort),
        ("on-watchdog", Self::OnWatchdog),
        ("always", Self::Always),
    ];
}

impl Word for Start {
    const WORDS: &'static [(&'static str, Self)] =
        &[("boot", Self::Boot), ("manual", Self::Manual)];
}

impl Word for RootKind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("overlay", Self::Overlay), ("shared", Self::Shared)];
}

impl Word for Base {
    const WORDS: &'static [(&'static str, Self)] =
        &[("pinned", Self::Pinned), ("host", Self::Host)];
}

impl Word for Profile {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("default", Self::Default),
        ("strict", Self::Strict),
        ("trusted", Self::Trusted),
    ];
}

impl Word for Network {
    const WORDS: &'static [(&'static str, Self)] = &[("host", Self::Host), ("none", Self::None)];
}

/// When it is started.
pub fn start(scalar: Scalar) -> Result<Start, Fault> {
    word_so_far(scalar, &["cluster"])
}

/// How the base becomes the root.
pub fn root_kind(scalar: Scalar) -> Result<RootKind, Fault> {
    read_word(scalar)
}

/// The tree underneath.
pub fn base(scalar: Scalar) -> Result<Base, Fault> {
    read_word(scalar)
}

/// Which network.
pub fn network(scalar: Scalar) -> Result<Network, Fault> {
    match &scalar {
        Scalar::Text(word) if word.starts_with("with:") => Err(not_yet(word)),
        _ => word_so_far(scalar, &["private"]),
    }
}

/// One of the words there are so far; `later` ones are known, so that nobody looks for a spelling mistake.
fn word_so_far<T: Word>(scalar: Scalar, later: &[&str]) -> Result<T, Fault> {
    match &scalar {
        Scalar::Text(word) if later.contains(&&**word) => Err(not_yet(word)),
        _ => read_word(scalar),
    }
}

fn not_yet(word: &str) -> Fault {
    let message = format!("{} is not in this version of lodger yet", quote(word));
    Fault::new(rule::NOT_YET, message)
}

/// `true` or `false`: a word such as "yes" is text, and might mean anything.
pub fn boolean(scalar: Scalar) -> Result<bool, Fault> {
    match scalar {
        Scalar::Boolean(boolean) => Ok(boolean),
        other => Err(Fault::new(
            rule::WRONG_TYPE,
            format!("expected true or false, found {}", other.kind()),
        )),
    }
}

/// Text; a number is what people write who mean its digits.
fn text_not_number(scalar: Scalar) -> Result<String, Fault> {
    match scalar {
        Scalar::Integer(number) => {
            let fault = Fault::new(rule::WRONG_TYPE, "expected a string, found an integer");
            Err(fault.help(format!("write \"{number}\"")))
        }
        other => text(other),
    }
}

/// A line of text for people. systemd strips blanks around it and knows no way to write a line break in it.
pub fn description(scalar: Scalar) -> Result<String, Fault> {
    const LONGEST: usize = 1000;
    let written = word(scalar)?;
    // Nearly all are.
    let is_short = (1..=LONGEST).contains(&written.len());
    if is_short && is_ordinary(&written) && !written.starts_with(' ') && !written.ends_with(' ') {
        return Ok(written.into_owned());
    }
    let description = written.trim().to_owned();
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

/// A user's name or number, as `User=` takes it (systemd's `valid_user_group_name`, without what it only warns about), or one
/// that systemd makes up.
pub fn user(scalar: Scalar) -> Result<User, Fault> {
    match text_not_number(scalar)? {
        word if word == "dynamic" => Ok(User::Dynamic),
        user => user_or_group(&user, "user").map(|()| User::Named(user)),
    }
}

/// Whether `name` can be the name or the number of a user or group, whichever `what` says.
pub fn user_or_group(name: &str, what: &str) -> Result<(), Fault> {
    // `LOGIN_NAME_MAX` without its NUL; utmp would take less, which systemd only warns about.
    const LONGEST: usize = 255;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let good = if name.starts_with(|c: char| c.is_ascii_digit()) {
        is_user_number(name)
    } else {
        begins && name.chars().all(allowed) && name.len() <= LONGEST
    };
    if good {
        return Ok(());
    }
    let message = format!("{} is not the name or the number of a {what}", quote(name));
    Err(Fault::new(rule::VALUE, message))
}

/// 65535 and 4294967295 mean "no user" to the kernel (systemd's `uid_is_valid`).
fn is_user_number(user: &str) -> bool {
    let canonical = user == "0" || !user.starts_with('0');
    let number = user.parse::<u32>();
    canonical && number.is_ok_and(|number| number != 65_535 && number != u32::MAX)
}

/// Whether `name` can be the name of an environment variable: systemd drops any other with a warning, and the kernel takes name and
/// value together up to [`LONGEST_ARGUMENT`].
pub fn variable_name(name: &str) -> Result<(), Fault> {
    if name.len() > LONGEST_VARIABLE_NAME {
        let message = format!("the name of a variable has at most {LONGEST_VARIABLE_NAME} bytes");
        return Err(Fault::new(rule::VARIABLE, message));
    }
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
    let value = text_not_number(scalar)?;
    if value.len() > LONGEST_ARGUMENT - LONGEST_VARIABLE_NAME - 1 {
        return Err(Fault::new(
            rule::VALUE,
            "longer than the kernel takes one variable (128 KiB)",
        ));
    }
    Ok(value)
}

/// A signal that a program can be asked to end with, by its name in signal(7), with or without `SIG`.
pub fn signal(scalar: Scalar) -> Result<SignalNumber, Fault> {
    let written = text_not_number(scalar)?;
    let name = match written.strip_prefix("SIG") {
        Some(_) => written.clone(),
        None => format!("SIG{written}"),
    };
    match SignalNumber::parse(&name) {
        Ok(signal) if signal.can_be_caught() => Ok(signal),
        Ok(_) => {
            let written = quote(&written);
            let message = format!("{written} asks nothing of a program, it cannot be caught");
            Err(Fault::new(rule::VALUE, message))
        }
        Err(_) => {
            let message = format!("{} is not a signal", quote(&written));
            let known = SignalNumber::names();
            Err(Fault::new(rule::VALUE, message).suggest(did_you_mean(&name, known)))
        }
    }
}

#[cfg(test)]
mod tests;
