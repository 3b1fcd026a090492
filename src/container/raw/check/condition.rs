//! What has to hold before a start: `Condition…=` and `Assert…=`, on the host. systemd takes one that it cannot read for one
//! that does not hold.

use super::number::{is_in, seconds, share, size};
use super::{Checked, each_word, not, one_of, one_of_many, path, word};
use crate::container::values;
use crate::container::values::isolation::CAPABILITIES;
use crate::unit::escape;

/// `|` for one of several and `!` for the opposite, then what `check` reads.
fn behind_marks(text: &str, check: impl Fn(&str) -> Checked) -> Checked {
    let (any, rest) = mark(text, '|');
    let (not, rest) = mark(rest, '!');
    Ok(format!("{any}{not}{}", check(rest)?))
}

fn mark(text: &str, mark: char) -> (&str, &str) {
    match text.strip_prefix(mark) {
        Some(rest) => (&text[..1], rest.trim_start_matches(' ')),
        None => ("", text),
    }
}

/// A function for each kind of condition: its name, and how the value behind the marks is read.
macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident($value:ident) $check:expr;)+) => {
        $($(#[$doc])* pub fn $name(text: &str) -> Checked {
            behind_marks(text, |$value| $check)
        })+
    };
}

conditions! {
    /// A path of the host.
    of_path(value) path::absolute(value);
    /// `ConditionNeedsUpdate=`.
    needs_update(value) one_of(value, &["/etc", "/var"]);
    /// `ConditionACPower=`, `ConditionFirstBoot=`.
    boolean(value) word::boolean(value);
    /// `ConditionArchitecture=`.
    architecture(value) one_of_many(value, "an architecture as uname(2) names it for systemd", &ARCHITECTURES);
    /// `ConditionFirmware=`.
    firmware(value) one_of(value, &["uefi", "device-tree"]);
    /// `ConditionVirtualization=`.
    virtualization(value) virtualization_word(value);
    /// `ConditionHost=`.
    host(value) made_of(value, "a host name or a machine's ID", "-_.:*?[]!");
    /// `ConditionKernelCommandLine=`.
    kernel_command_line(value) text_of(value);
    /// `ConditionKernelVersion=`.
    kernel_version(value) each_word(value, kernel_version_word);
    /// `ConditionCredential=`.
    credential(value) made_of(value, "the name of a credential", "-_.:@");
    /// `ConditionSecurity=`.
    security(value) one_of(value, &["selinux", "apparmor", "tomoyo", "ima", "smack", "audit", "uefi-secureboot", "tpm2", "cvm", "measured-uki"]);
    /// `ConditionCapability=`.
    capability(value) one_of_many(value, "a capability", &CAPABILITIES);
    /// `ConditionMemory=`.
    memory(value) compared(value, "an amount of memory such as \">=1G\"", |size_of| size(size_of, 1024).is_some());
    /// `ConditionCPUs=`.
    cpus(value) compared(value, "a number of CPUs such as \">=2\"", |number| is_in(number, 0..=i64::from(u32::MAX)));
    /// `ConditionCPUFeature=`.
    cpu_feature(value) made_of(value, "a feature of CPUs", "_");
    /// `ConditionEnvironment=`.
    environment(value) environment_word(value);
    /// `ConditionUser=`. It asks who systemd itself runs as, and to PID 1 no other name means anything (condition.c).
    user(value) one_of(value, &["root", "0", "@system"]);
    /// `ConditionGroup=`, likewise.
    group(value) one_of(value, &["root", "0"]);
    /// `ConditionControlGroupController=`.
    controllers(value) if ["v1", "v2"].contains(&value) { Ok(value.to_owned()) } else { controllers_of(value) };
    /// `ConditionMemoryPressure=` and its kin.
    pressure(value) pressure_of(value);
}

const ARCHITECTURES: [&str; 12] = [
    "native",
    "x86",
    "x86-64",
    "arm",
    "arm64",
    "ppc64",
    "ppc64-le",
    "riscv64",
    "s390x",
    "loongarch64",
    "mips64-le",
    "alpha",
];

fn virtualization_word(text: &str) -> Checked {
    const KINDS: [&str; 27] = [
        "vm",
        "container",
        "private-users",
        "qemu",
        "kvm",
        "amazon",
        "zvm",
        "vmware",
        "microsoft",
        "oracle",
        "xen",
        "uml",
        "bochs",
        "parallels",
        "bhyve",
        "qnx",
        "acrn",
        "apple",
        "google",
        "openvz",
        "lxc",
        "lxc-libvirt",
        "systemd-nspawn",
        "docker",
        "podman",
        "wsl",
        "proot",
    ];
    word::boolean(text).or_else(|_| one_of_many(text, "a kind of virtualization", &KINDS))
}

/// Letters, digits and `more`.
fn made_of(text: &str, what: &str, more: &str) -> Checked {
    let allowed = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    if !text.is_empty() && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(not(text, what))
}

/// One word of the kernel's command line, or an assignment there.
fn text_of(text: &str) -> Checked {
    if text.is_empty() || text.contains(['"', '\'', '\\', ' ']) {
        return Err(not(text, "a word of the kernel's command line"));
    }
    Ok(escape::text(text).to_string())
}

/// The versions of cgroups stand alone: among others systemd takes them for controllers that nobody has.
fn controllers_of(text: &str) -> Checked {
    each_word(text, |name| {
        one_of(name, &["cpu", "cpuset", "io", "memory", "pids"])
            .map_err(|fault| fault.help("or one of v1, v2 alone"))
    })
}

fn kernel_version_word(text: &str) -> Checked {
    let version = text.trim_start_matches(['<', '>', '=', '!']);
    let operator = &text[..text.len() - version.len()];
    if ["", "<", "<=", "=", "!=", ">=", ">", "==", "<>"].contains(&operator) {
        let begins = version.starts_with(|c: char| c.is_ascii_digit() || "*?[".contains(c));
        if !begins {
            return Err(not(text, "a version of the kernel such as \">=6.12\""));
        }
        made_of(version, "a version of the kernel", ".-~+*?[]_")?;
        return Ok(text.to_owned());
    }
    Err(not(text, "a version of the kernel such as \">=6.12\""))
}

fn compared(text: &str, what: &str, is: impl Fn(&str) -> bool) -> Checked {
    let rest = text.trim_start_matches(['<', '>', '=', '!']);
    let operator = &text[..text.len() - rest.len()];
    if ["", "<", "<=", "=", "!=", ">=", ">"].contains(&operator) && is(rest) {
        return Ok(text.to_owned());
    }
    Err(not(text, what))
}

/// A variable of the manager: that it is set, or what to.
fn environment_word(text: &str) -> Checked {
    let (name, _) = text.split_once('=').unwrap_or((text, ""));
    values::variable_name(name)?;
    Ok(escape::text(text).to_string())
}

/// `[SLICE:]SHARE[/TIME]`.
fn pressure_of(text: &str) -> Checked {
    let limit = match text.split_once(':') {
        Some((slice, limit)) if slice.ends_with(".slice") => {
            super::unit_name::any(slice)?;
            limit
        }
        Some(_) => return Err(not(text, "a share behind the name of a slice")),
        None => text,
    };
    let (share_of, time) = limit.split_once('/').unwrap_or((limit, "5min"));
    share(share_of)?;
    if seconds(time).is_err() || !["10s", "10sec", "1min", "5min"].contains(&time) {
        return Err(not(time, "10sec, 1min or 5min"));
    }
    Ok(text.to_owned())
}
