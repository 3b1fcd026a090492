//! A container in; the directives that shut it in, in the order of the unit, and why each is there.
//!
//! systemd goes on without most of these when a namespace cannot be had; so the set is checked after a start, not only written.

use std::borrow::Cow;
use std::path::Path;

use super::{Way, mount};
use crate::container::{Container, Device, Network, Profile, RootKind, User};
use crate::host::Resolver;
use crate::place;
use crate::unit::Unit;
use crate::unit::escape::{self, Words};

/// Directives as they stand in the unit. They are the same in every one, so they are text from the start.
macro_rules! lines {
    ($(($key:literal, $value:literal $(,)?)),* $(,)?) => { concat!($($key, "=", $value, "\n"),*) };
}

/// What every container is kept from.
const ALWAYS: &str = lines![
    // Own /proc, /sys, /dev, and /run as an empty tmpfs: the root is the host's tree, but not its runtime state.
    ("MountAPIVFS", "yes"),
    // The payload is PID 1 of its own namespace and sees no process of the host or of another container.
    ("PrivatePIDs", "yes"),
    // System V IPC and POSIX message queues: names collide between containers that run the same program.
    ("PrivateIPC", "yes"),
    // Its own /tmp, as Debian mounts it. PrivateTmp= has two directories made on the host and emptied again, a tenth of what a
    // restart takes; and /var/tmp, which outlives restarts on a host, is in the container's own /var.
    (
        "TemporaryFileSystem",
        "/tmp:mode=1777,size=50%,nr_inodes=1m,nosuid,nodev"
    ),
    // Nothing that is mounted inside reaches the host.
    ("PrivateMounts", "yes"),
    // /dev with null, zero, random and their like only.
    ("PrivateDevices", "yes"),
    // PrivateDevices= keeps the host's /dev/shm: POSIX shared memory has names that collide, and secrets.
    ("TemporaryFileSystem", "/dev/shm:mode=1777,nosuid,nodev"),
    // Its own UTS namespace, and no sethostname().
    ("ProtectHostname", "yes"),
    // /proc/sys, /sys and their like read-only: most of it is the host's, whatever the namespace. ProtectKernelTunables= and
    // ProtectControlGroups= do the same with twenty more mounts, which are a quarter of what a start takes. /proc/mtrr asks for
    // CAP_SYS_ADMIN itself.
    (
        "ReadOnlyPaths",
        "+/proc/sys -+/proc/sysrq-trigger -+/proc/irq -+/proc/bus -+/proc/fs -+/proc/acpi +/sys"
    ),
    // The kernel's debugging interfaces, and its modules. ProtectKernelModules= would besides refuse calls that ask for
    // CAP_SYS_MODULE, and each filter for calls is a hundredth of what a restart takes. The kernel's addresses and its memory,
    // /proc/kallsyms and /proc/kcore, tell nothing without CAP_SYSLOG and CAP_SYS_RAWIO. No container gets one of the three.
    (
        "InaccessiblePaths",
        "-+/sys/kernel/debug -+/sys/kernel/tracing -+/usr/lib/modules"
    ),
    // /dev/kmsg and syslog(2) tell of other containers.
    ("ProtectKernelLogs", "yes"),
    // A set-user-ID program of the host gives nothing here. RestrictSUIDSGID= would add nothing (the root is mounted
    // nosuid, and uppers and volumes are out of reach for users of the host) and makes openat2(2) fail.
    ("NoNewPrivileges", "yes"),
    // personality(2) turns off protections.
    ("LockPersonality", "yes"),
];

/// The empty /run has no journal in it: bind its sockets, or syslog() goes nowhere.
const LOG_SOCKETS: &str = lines![("BindLogSockets", "yes"),];
/// The same from where they are mounted read-only: for each of the three systemd reads the whole mount table four times.
const NO_LOG_SOCKETS: &str = lines![("BindLogSockets", "no"),];
/// Their names, and where programs look for them.
const LOG_SOCKETS_AT: [(&str, &str); 3] = [
    ("/socket", "/run/systemd/journal/socket"),
    ("/stdout", "/run/systemd/journal/stdout"),
    ("/dev-log", "/dev/log"),
];

/// /usr is read-only: an upper that shadows a library would never be patched again. /usr/local is not, dpkg owns nothing there;
/// "+": inside the container's root.
const READ_ONLY_USR: &str = lines![("ProtectSystem", "yes"), ("ReadWritePaths", "+/usr/local"),];

/// Real-time priority can starve the host. Whoever has neither of [`REAL_TIME_CAPABILITIES`] needs a limit for it (sched(7),
/// "Privileges and resource limits"), and cannot raise this one.
const NO_REAL_TIME: &str = lines![("LimitRTPRIO", "0"),];
/// For the others a filter.
const NO_REAL_TIME_CALLS: &str = lines![("RestrictRealtime", "yes"),];
/// That have it without a limit, or take the limit away.
const REAL_TIME_CAPABILITIES: [&str; 2] = ["CAP_SYS_NICE", "CAP_SYS_RESOURCE"];

/// What `strict` adds.
const STRICT: &str = lines![
    // Each further namespace is more of the kernel that can be reached.
    ("RestrictNamespaces", "yes"),
    // What services talk through: no raw packets, no exotic protocols.
    (
        "RestrictAddressFamilies",
        "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    ),
    // What ordinary services do (systemd.exec(5), "@system-service"), in the machine's own way of calling ...
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    // ... and what else they try fails, where a signal would end programs that only ask what there is.
    ("SystemCallErrorNumber", "EPERM"),
];

/// What services that drop their privileges themselves need, and nothing that reaches out of the root.
const DEFAULT_CAPABILITIES: &str = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_NET_BIND_SERVICE CAP_SETGID \
                                    CAP_SETUID CAP_SETPCAP CAP_SYS_CHROOT CAP_AUDIT_WRITE";
/// Besides: raw packets, locked memory, priorities and limits of its own processes, and a look at them.
const TRUSTED_CAPABILITIES: &str =
    "CAP_NET_RAW CAP_IPC_LOCK CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_PTRACE CAP_SETFCAP";

/// Adds all of it to the unit of `container`, on a host with this `resolver`.
pub fn add(unit: &mut Unit, container: &Container, way: Way, resolver: Resolver) {
    let isolation = &container.isolation;
    unit.add_lines("Service", ALWAYS);
    add_log_sockets(unit, container, way);
    let directory = resolver.directory();
    if let Some(directory) = directory.filter(|at| !container.has_mount(Path::new(at))) {
        // What /etc/resolv.conf points to; /run is empty otherwise. "-": its program need not run.
        unit.add_parts(
            "Service",
            "BindReadOnlyPaths",
            &["-".into(), directory.into()],
        );
    }
    if container.root.kind == RootKind::Overlay && !container.root.writable_usr {
        unit.add_lines("Service", READ_ONLY_USR);
    }
    for place in mount::writable_in_read_only(container) {
        // "-": systemd looks before ExecStartPre= too, when there is no root yet.
        let path = format!("-+{}", place.display());
        unit.add("Service", "ReadWritePaths", escape::words([path]));
    }
    if isolation.profile != Profile::Trusted {
        let mut capabilities = isolation.capabilities.iter().flatten();
        let no_real_time = match capabilities.any(|has| REAL_TIME_CAPABILITIES.contains(has)) {
            true => NO_REAL_TIME_CALLS,
            false => NO_REAL_TIME,
        };
        unit.add_lines("Service", no_real_time);
    }
    if isolation.profile == Profile::Strict {
        unit.add_lines("Service", STRICT);
    }
    if container.network == Network::None {
        unit.add("Service", "PrivateNetwork", "yes");
    }
    add_devices(unit, &isolation.devices);
    add_capabilities(unit, container);
}

/// `PrivateDevices=` has them neither in /dev nor among what may be opened.
fn add_devices(unit: &mut Unit, devices: &[Device]) {
    for (index, device) in devices.iter().enumerate() {
        let path = device.path.display();
        let is_same = |other: &&Device| other.path == device.path;
        // Written twice, with different rights: they add up, and there is one mount.
        if !devices[..index].iter().any(|other| is_same(&other)) {
            let is_optional = devices.iter().filter(is_same).all(|other| other.optional);
            let optional = if is_optional { "-" } else { "" };
            unit.add(
                "Service",
                "BindPaths",
                escape::words([format!("{optional}{path}")]),
            );
        }
        let access = escape::text(&format!("{path} {}", device.access)).into_owned();
        unit.add("Service", "DeviceAllow", access);
    }
}

/// `lodgerd mount` needs no base for all it mounts, and without one the sockets are not mounted either. Those of another
/// journal are systemd's to find (`LogNamespace=`).
fn add_log_sockets(unit: &mut Unit, container: &Container, way: Way) {
    let mut directives = container.directives.iter();
    if way == Way::Mounted || directives.any(|(_, key, _)| key == "LogNamespace") {
        unit.add_lines("Service", LOG_SOCKETS);
        return;
    }
    unit.add_lines("Service", NO_LOG_SOCKETS);
    unit.add_words("Service", "BindPaths", Words::List, |paths| {
        // "-": nobody has to log.
        for (name, target) in LOG_SOCKETS_AT {
            paths.option("-", &[place::JOURNAL_OF_HOST, name, ":", target]);
        }
    });
}

fn add_capabilities(unit: &mut Unit, container: &Container) {
    let isolation = &container.isolation;
    let set = match (&isolation.capabilities, isolation.profile) {
        (Some(capabilities), _) => Cow::from(capabilities.join(" ")),
        (None, Profile::Default) => Cow::from(DEFAULT_CAPABILITIES),
        (None, Profile::Strict) => Cow::from(""),
        (None, Profile::Trusted) => {
            Cow::from(format!("{DEFAULT_CAPABILITIES} {TRUSTED_CAPABILITIES}"))
        }
    };
    unit.add("Service", "CapabilityBoundingSet", escape::verbatim(&*set));
    // Who is not root has none of them otherwise, and nothing set-id to gain them by.
    let is_root = match &container.user {
        None => true,
        Some(User::Named(user)) => user == "root" || user == "0",
        Some(User::Dynamic) => false,
    };
    if isolation.capabilities.is_some() && !set.is_empty() && !is_root {
        unit.add("Service", "AmbientCapabilities", escape::verbatim(set));
    }
}
