//! `[update]` as written in; what a refresh does with the container out.

use std::time::Duration;

use super::keys;
use super::values::quantity;
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Reader, Scalar, Table, Word, text};
use crate::sorted::sort_by;

/// The wave of a container that names none.
pub const DEFAULT_WAVE: &str = "default";

/// What a refresh does with a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// When it restarts it.
    pub policy: UpdatePolicy,
    /// Binary packages whose every change affects it; sorted, each once.
    pub packages: Vec<String>,
    /// The wave it belongs to, if it names one; else it is in [`DEFAULT_WAVE`].
    pub wave: Option<String>,
    /// How long it has to stay active and healthy to count as ready; 1 s by default.
    pub settle: Duration,
    /// Whether it goes back to the base it ran on when it does not become ready.
    pub rollback: bool,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            policy: UpdatePolicy::Affected,
            packages: Vec::new(),
            wave: None,
            settle: Duration::from_secs(1),
            rollback: true,
        }
    }
}

/// When a refresh restarts a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdatePolicy {
    /// If a package change affects it.
    Affected,
    /// After every package change.
    Always,
    /// Never: it stays as it is, and is shown as stale.
    Never,
}

impl Word for UpdatePolicy {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("affected", Self::Affected),
        ("always", Self::Always),
        ("never", Self::Never),
    ];
}

/// `[update]`; what is wrong with it is noted.
pub fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Update {
    let mut update = Update::default();
    let Some(mut table) = reader.table(table, "update", "[update]") else {
        return update;
    };
    if let Some(policy) = reader.value(&mut table, &keys::POLICY) {
        update.policy = policy;
    }
    let packages = reader.list(&mut table, &keys::PACKAGES).unwrap_or_default();
    update.packages = packages.into_iter().map(|(package, _)| package).collect();
    sort_by(&mut update.packages, String::cmp);
    update.packages.dedup();
    update.wave = reader.value(&mut table, &keys::WAVE);
    if let Some(settle) = reader.value(&mut table, &keys::SETTLE) {
        update.settle = settle;
    }
    if let Some(rollback) = reader.value(&mut table, &keys::ROLLBACK) {
        update.rollback = rollback;
    }
    reader.refuse_rest(table);
    update
}

/// The name of a binary package, by the rule of Debian Policy 5.6.7.
pub fn package(scalar: Scalar) -> Result<String, Fault> {
    let name = text(scalar)?;
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
    };
    let is_name = |name: &str| {
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        name.len() >= 2 && begins && name.bytes().all(allowed)
    };
    if is_name(&name) {
        return Ok(name);
    }
    let fault = Fault::new(
        rule::VALUE,
        format!("{} is not the name of a Debian package", quote(&name)),
    );
    Err(match name.split_once([':', '=', '/', ' ']) {
        Some((package, _)) if is_name(package) => fault.help(format!(
            "write \"{package}\": it counts in every version and for every architecture"
        )),
        _ => {
            fault.help("at least two of a-z, 0-9, \"+\", \"-\" and \".\", a letter or digit first")
        }
    })
}

/// The name of a wave: a plain word.
pub fn wave(scalar: Scalar) -> Result<String, Fault> {
    let name = text(scalar)?;
    wave_name(&name)?;
    Ok(name)
}

/// Whether `name` can be the name of a wave.
pub fn wave_name(name: &str) -> Result<(), Fault> {
    const LONGEST: usize = 64;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.len() <= LONGEST && name.bytes().all(allowed) {
        return Ok(());
    }
    let message = format!("{} is not the name of a wave", quote(name));
    let help = format!("letters, digits, \"-\" and \"_\", at most {LONGEST}");
    Err(Fault::new(rule::VALUE, message).help(help))
}

/// How long a container has to stay as it should be.
pub fn settle(scalar: Scalar) -> Result<Duration, Fault> {
    const MOST: Duration = Duration::from_secs(600);
    quantity::time_within(scalar, Duration::ZERO, MOST, "from 0s to 10min")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    #[test]
    fn packages_are_called_as_debian_calls_them() {
        for good in ["libc6", "g++", "0ad", "libstdc++6", "php8.4-fpm", "a."] {
            assert_eq!(package(of(good)), Ok(good.to_owned()));
        }
        for bad in ["", "a", "-ab", ".ab", "Libc6", "lib_c", "é1", "ab*", "ab\n"] {
            let fault = package(of(bad)).unwrap_err();
            assert!(fault.help.is_some_and(|help| help.starts_with("at least")));
        }
        for more in [
            "libc6:amd64",
            "libc6=2.41-12",
            "libc6/trixie",
            "libc6 (>= 2)",
        ] {
            let help = "write \"libc6\": it counts in every version and for every architecture";
            assert_eq!(package(of(more)).unwrap_err().help.as_deref(), Some(help));
        }
    }

    #[test]
    fn waves_are_called_by_plain_words() {
        let longest = "w".repeat(64);
        for good in ["canary", "A_1", "-", longest.as_str()] {
            assert_eq!(wave(of(good)), Ok(good.to_owned()));
        }
        let too_long = "w".repeat(65);
        for bad in ["", "a b", "a.b", "é", "a/b", too_long.as_str()] {
            assert!(wave(of(bad)).is_err(), "for {bad:?}");
        }
    }

    #[test]
    fn settling_may_take_no_time_but_not_for_ever() {
        for (good, millis) in [("0", 0), ("0s", 0), ("1ms", 1), ("10min", 600_000)] {
            assert_eq!(settle(of(good)), Ok(Duration::from_millis(millis)));
        }
        assert_eq!(settle(Scalar::Integer(0)), Ok(Duration::ZERO));
        for bad in ["10min 1us", "infinity", "-1s", ""] {
            assert!(settle(of(bad)).is_err(), "for {bad:?}");
        }
        assert_eq!(
            settle(Scalar::Integer(601)).unwrap_err().message,
            "601 is not a time from 0s to 10min"
        );
    }
}
