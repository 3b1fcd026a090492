//! A user or a group of the host by name or number in; its numbers out, as whatever the host takes them from tells (nsswitch.conf(5)).
//!
//! The C library would load that into this program, by its environment and from wherever that says: lodgerd is linked statically, and
//! getent(1) is asked.

use std::process::Command;

use anyhow::{Context, Result, bail};

const GETENT: &str = "/usr/bin/getent";
/// Its exit status for what is not there.
const NOT_FOUND: i32 = 2;

/// Number and primary group of the user with this name, or number.
///
/// # Errors
/// When that cannot be asked.
pub fn user(key: &str) -> Result<Option<(u32, u32)>> {
    let Some(entry) = entry("passwd", key)? else {
        return Ok(None);
    };
    let numbers = field(&entry, 2).zip(field(&entry, 3));
    numbers.map(Some).with_context(|| unreadable(&entry))
}

/// Number of the group with this name.
///
/// # Errors
/// When that cannot be asked.
pub fn group(name: &str) -> Result<Option<u32>> {
    let Some(entry) = entry("group", name)? else {
        return Ok(None);
    };
    let number = field(&entry, 2);
    number.map(Some).with_context(|| unreadable(&entry))
}

fn field(entry: &str, at: usize) -> Option<u32> {
    entry.split(':').nth(at)?.parse().ok()
}

fn unreadable(entry: &str) -> String {
    format!("cannot make sense of '{entry}'")
}

fn entry(database: &str, key: &str) -> Result<Option<String>> {
    let asked = Command::new(GETENT)
        .env_clear()
        .args([database, "--", key])
        .output();
    let answer = asked.with_context(|| format!("cannot execute '{GETENT}'"))?;
    match answer.status.code() {
        Some(0) => {}
        Some(NOT_FOUND) => return Ok(None),
        _ => bail!("'{GETENT} {database}' has failed: {}", answer.status),
    }
    let text = String::from_utf8_lossy(&answer.stdout);
    Ok(text.lines().next().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_and_users_by_number() {
        assert_eq!(user("root").unwrap(), Some((0, 0)));
        assert_eq!(user("0").unwrap(), Some((0, 0)));
        assert_eq!(group("root").unwrap(), Some(0));
        for key in ["no-such", "3999999999", "", "--help"] {
            assert_eq!(user(key).unwrap(), None, "{key}");
            assert_eq!(group(key).unwrap(), None, "{key}");
        }
    }
}
