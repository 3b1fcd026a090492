//! Capabilities and devices as people write them in; the kernel's names and cgroup rights, or faults, out.

use std::path::PathBuf;

use super::path;
use crate::container::Device;
use crate::diagnostic::{Fault, did_you_mean, quote, rule};
use crate::document::{Scalar, word};

/// Every capability of capabilities(7), as systemd 257 knows them.
pub const CAPABILITIES: [&str; 41] = [
    "CAP_AUDIT_CONTROL",
    "CAP_AUDIT_READ",
    "CAP_AUDIT_WRITE",
    "CAP_BLOCK_SUSPEND",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_KILL",
    "CAP_LEASE",
    "CAP_LINUX_IMMUTABLE",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
    "CAP_MKNOD",
    "CAP_NET_ADMIN",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_RAW",
    "CAP_PERFMON",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYSLOG",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_CHROOT",
    "CAP_SYS_MODULE",
    "CAP_SYS_NICE",
    "CAP_SYS_PACCT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_WAKE_ALARM",
];

/// What systemd takes out of the set again without a word (systemd.exec(5), each directive's text), or what leads out of the
/// container, with the reason.
const REFUSED: [(&str, &str); 11] = [
    ("CAP_SYS_MODULE", "a module is code in the host's kernel"),
    ("CAP_SYS_RAWIO", "it reaches the host's memory and disks"),
    ("CAP_MKNOD", "name the device in \"devices\""),
    ("CAP_SYSLOG", "the kernel's log tells of other containers"),
    ("CAP_SYS_TIME", "the clock is everybody's"),
    ("CAP_WAKE_ALARM", "the clock is everybody's"),
    (
        "CAP_SYS_ADMIN",
        "it can take off everything that shuts the container in",
    ),
    ("CAP_SYS_BOOT", "it ends the host"),
    ("CAP_BPF", "it loads programs into the host's kernel"),
    ("CAP_MAC_ADMIN", "it changes the host's access rules"),
    (
        "CAP_DAC_READ_SEARCH",
        "open_by_handle_at(2) reaches every file of the host with it",
    ),
];

/// A capability by its name in capabilities(7); in lower case it is known too, as systemd prints it.
pub fn capability(scalar: Scalar) -> Result<&'static str, Fault> {
    let written = word(scalar)?;
    let name = written.to_ascii_uppercase();
    let Some(known) = CAPABILITIES.iter().find(|known| **known == name) else {
        let message = format!("{} is not a capability", quote(&written));
        return Err(Fault::new(rule::VALUE, message).suggest(did_you_mean(&name, CAPABILITIES)));
    };
    match REFUSED.iter().find(|(refused, _)| *refused == name) {
        Some((_, why)) => Err(Fault::new(
            rule::ISOLATION,
            format!("{known} is not for containers: {why}"),
        )),
        None => Ok(known),
    }
}

/// `/dev/dri/renderD128 rw`, with a `-` before it for a device that may be missing.
pub fn device(scalar: Scalar) -> Result<Device, Fault> {
    const HELP: &str = "a path and rights, such as \"/dev/dri/renderD128 rw\"";
    let written = word(scalar)?;
    let fault =
        |why: &str| Err(Fault::new(rule::VALUE, format!("{} {why}", quote(&written))).help(HELP));
    let (optional, rest) = match written.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, &*written),
    };
    let mut words = rest.split_ascii_whitespace();
    let (Some(path), rights, None) = (words.next(), words.next(), words.next()) else {
        return fault("is not a path and rights");
    };
    let path: PathBuf = path::source(Scalar::Text(path.into()))?;
    if !path.starts_with("/dev") || path.components().count() < 3 {
        return fault("is not below /dev");
    }
    let rights = rights.unwrap_or("rw");
    let access: String = "rwm"
        .chars()
        .filter(|right| rights.contains(*right))
        .collect();
    // Every letter is one of the three, and none stands twice.
    if access.len() != rights.len() || rights.chars().any(|right| !access.contains(right)) {
        return fault("has other rights than r, w and m");
    }
    Ok(Device {
        path,
        access,
        optional,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    #[test]
    fn capabilities_are_known_or_refused() {
        assert_eq!(capability(of("CAP_NET_RAW")), Ok("CAP_NET_RAW"));
        assert_eq!(capability(of("cap_chown")), Ok("CAP_CHOWN"));
        for (bad, message) in [
            (
                "CAP_NET_BIND_SERVIC",
                "\"CAP_NET_BIND_SERVIC\" is not a capability; did you mean \"CAP_NET_BIND_SERVICE\"?",
            ),
            (
                "~CAP_CHOWN",
                "\"~CAP_CHOWN\" is not a capability; did you mean \"CAP_CHOWN\"?",
            ),
            ("all", "\"all\" is not a capability"),
            (
                "CAP_MKNOD",
                "CAP_MKNOD is not for containers: name the device in \"devices\"",
            ),
        ] {
            assert_eq!(capability(of(bad)).unwrap_err().message, message);
        }
        for (refused, _) in REFUSED {
            assert!(CAPABILITIES.contains(&refused), "{refused}");
        }
        assert!(CAPABILITIES.is_sorted());
    }

    #[test]
    fn devices_have_a_path_and_rights() {
        let read = |written: &str| {
            device(of(written)).map(|device| {
                format!(
                    "{} {} {}",
                    device.path.display(),
                    device.access,
                    device.optional
                )
            })
        };
        assert_eq!(
            read("/dev/dri/renderD128 rw"),
            Ok("/dev/dri/renderD128 rw false".to_owned())
        );
        assert_eq!(read("-/dev/fuse"), Ok("/dev/fuse rw true".to_owned()));
        assert_eq!(read("/dev/kvm mwr"), Ok("/dev/kvm rwm false".to_owned()));
        for bad in [
            "",
            "-",
            "/dev",
            "/dev/",
            "/etc/passwd r",
            "char-*",
            "/dev/x rr",
            "/dev/x rx",
            "/dev/x r w",
            "dev/x",
            "/dev/../x",
        ] {
            assert!(read(bad).is_err(), "for {bad:?}");
        }
    }
}
