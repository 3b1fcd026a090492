//! Words: yes and no, what an enumeration has, signals, exit statuses, names.

use super::number::is_in;
use super::{Checked, each_word, not, one_of, one_of_many};
use crate::container::values;
use crate::diagnostic::{Fault, quote, rule};
use crate::signal::SignalNumber;
use crate::unit::escape;

/// `yes` or `no`, in any of systemd's spellings.
pub fn boolean(text: &str) -> Checked {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok("yes".to_owned()),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok("no".to_owned()),
        _ => Err(not(text, "true or false")),
    }
}

/// What can be added to the isolation of a container and not taken away.
pub fn yes(text: &str) -> Checked {
    match boolean(text)?.as_str() {
        "yes" => Ok("yes".to_owned()),
        _ => Err(not(text, "true, and it can only be added here")),
    }
}

/// A function for each enumeration of systemd, by its words.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $($word:literal)+;)+) => {
        $($(#[$doc])* pub fn $name(text: &str) -> Checked {
            one_of(text, &[$($word),+])
        })+
    };
}

words! {
    /// `OnSuccessJobMode=`, `OnFailureJobMode=`; those that stop other units or leave dependencies out are not for containers.
    job_mode: "fail" "replace" "replace-irreversibly";
    /// `OOMPolicy=`.
    oom_policy: "continue" "stop" "kill";
    /// `TimeoutStartFailureMode=`.
    failure_mode: "terminate" "abort" "kill";
    /// `CPUSchedulingPolicy=`; the others are for real time, see `RestrictRealtime=`.
    cpu_policy: "other" "batch" "idle";
    /// `IOSchedulingClass=`, likewise.
    io_class: "best-effort" "idle";
    /// `NUMAPolicy=`.
    numa_policy: "default" "preferred" "bind" "interleave" "local";
    /// `StandardOutput=`, `StandardError=`; the others are files, terminals and logs of the host.
    output: "journal" "null" "inherit";
    /// `SyslogLevel=`, `LogLevelMax=`.
    level: "emerg" "alert" "crit" "err" "warning" "notice" "info" "debug";
    /// `SyslogFacility=`.
    facility: "kern" "user" "mail" "daemon" "auth" "syslog" "lpr" "news" "uucp" "cron" "authpriv" "ftp"
        "local0" "local1" "local2" "local3" "local4" "local5" "local6" "local7";
    /// `ManagedOOMSwap=`, `ManagedOOMMemoryPressure=`.
    oomd: "auto" "kill";
    /// `ManagedOOMPreference=`.
    oomd_preference: "none" "avoid" "omit";
    /// `MemoryPressureWatch=`.
    pressure_watch: "auto" "on" "off" "skip";
}

/// A signal by its name, such as `SIGABRT`.
pub fn signal(text: &str) -> Checked {
    match SignalNumber::parse(text) {
        Ok(signal) => Ok(signal.to_string()),
        Err(_) => Err(not(text, "the name of a signal").help("such as \"SIGABRT\"")),
    }
}

/// Exit statuses by number or name (systemd.exec(5), "Process Exit Codes") and signals.
pub fn exit_statuses(text: &str) -> Checked {
    const NAMES: [&str; 24] = [
        "SUCCESS",
        "FAILURE",
        "INVALIDARGUMENT",
        "NOTIMPLEMENTED",
        "NOPERMISSION",
        "NOTINSTALLED",
        "NOTCONFIGURED",
        "NOTRUNNING",
        "USAGE",
        "DATAERR",
        "NOINPUT",
        "NOUSER",
        "NOHOST",
        "UNAVAILABLE",
        "SOFTWARE",
        "OSERR",
        "OSFILE",
        "CANTCREAT",
        "IOERR",
        "TEMPFAIL",
        "PROTOCOL",
        "NOPERM",
        "CONFIG",
        "EXCEPTION",
    ];
    each_word(text, |word| {
        if is_in(word, 0..=255) || NAMES.contains(&word) {
            return Ok(word.to_owned());
        }
        signal(word).map_err(|_| not(word, "an exit status or a signal"))
    })
}

/// `CoredumpFilter=`: kinds of mappings, or their mask in hexadecimal.
pub fn coredump_filter(text: &str) -> Checked {
    const KINDS: [&str; 11] = [
        "private-anonymous",
        "shared-anonymous",
        "private-file-backed",
        "shared-file-backed",
        "elf-headers",
        "private-huge",
        "shared-huge",
        "private-dax",
        "shared-dax",
        "default",
        "all",
    ];
    each_word(text, |word| one_of_many(word, "a kind of mapping", &KINDS))
}

/// `SupplementaryGroups=`: groups of the host by name or number.
pub fn groups(text: &str) -> Checked {
    each_word(text, group)
}

/// A user or group of the host, by name or number.
fn group(text: &str) -> Checked {
    values::user_or_group(text, "user or group").map(|()| text.to_owned())
}

/// `UnsetEnvironment=`: names of variables.
pub fn variables(text: &str) -> Checked {
    each_word(text, |name| {
        values::variable_name(name).map(|()| name.to_owned())
    })
}

/// `SyslogIdentifier=`: free text.
pub fn identifier(text: &str) -> Checked {
    Ok(escape::text(text).to_string())
}

/// `LogNamespace=`: what can be an instance of systemd-journald@.service and the name of a directory.
pub fn log_namespace(text: &str) -> Checked {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.len() <= 64 && !text.starts_with('.') && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(not(text, "the name of a namespace of the journal"))
}

/// `LogExtraFields=`: one field, `NAME=VALUE`, whatever is in the value.
pub fn journal_field(text: &str) -> Checked {
    let named = |text: &str| {
        let (name, _) = text.split_once('=')?;
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_uppercase());
        (begins && name.len() <= 64 && name.chars().all(allowed)).then_some(())
    };
    if named(text).is_none() {
        return Err(not(text, "a field of the journal")
            .help("NAME=VALUE, the name in capital letters, digits and \"_\""));
    }
    if text.split(' ').skip(1).any(|word| named(word).is_some()) {
        let message = format!("{} looks like several fields", quote(text));
        return Err(Fault::new(rule::VALUE, message).help("write a list with one in each item"));
    }
    Ok(escape::words([text]).to_string())
}

/// `RestrictNamespaces=`: all, or a list of kinds. `no` would be no restriction.
pub fn namespaces(text: &str) -> Checked {
    const KINDS: [&str; 8] = ["cgroup", "ipc", "net", "mnt", "pid", "user", "uts", "time"];
    if boolean(text).is_ok() {
        return yes(text);
    }
    super::each_word_or_none_of(text, |word| one_of(word, &KINDS))
}
