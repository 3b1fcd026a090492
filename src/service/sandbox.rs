//! What every container is kept from: the directives in the order of the unit, and why each is there.
//!
//! systemd goes on without most of these when a namespace cannot be had; so the set is checked after a start, not only written.

/// Key and value, as they are in `[Service]`.
pub const DIRECTIVES: [(&str, &str); 21] = [
    // Own /proc, /sys, /dev, and /run as an empty tmpfs: the root is the host's tree, but not its runtime state.
    ("MountAPIVFS", "yes"),
    // That empty /run has no journal in it: bind its sockets, or syslog() goes nowhere.
    ("BindLogSockets", "yes"),
    // The payload is PID 1 of its own namespace and sees no process of the host or of another container.
    ("PrivatePIDs", "yes"),
    // System V IPC and POSIX message queues: names collide between containers that run the same program.
    ("PrivateIPC", "yes"),
    // /tmp and /var/tmp would otherwise be the host's own, through the overlay's lower layer.
    ("PrivateTmp", "yes"),
    // Nothing that is mounted inside reaches the host.
    ("PrivateMounts", "yes"),
    // /dev with null, zero, random and their like only.
    ("PrivateDevices", "yes"),
    // PrivateDevices= keeps the host's /dev/shm: POSIX shared memory has names that collide, and secrets.
    ("TemporaryFileSystem", "/dev/shm:mode=1777,nosuid,nodev"),
    // Its own UTS namespace, and no sethostname().
    ("ProtectHostname", "yes"),
    // /proc/sys, /sys and their like read-only: most of it is the host's, whatever the namespace.
    ("ProtectKernelTunables", "yes"),
    // No loading of modules, and /usr/lib/modules out of sight.
    ("ProtectKernelModules", "yes"),
    // /dev/kmsg and syslog(2) tell of other containers.
    ("ProtectKernelLogs", "yes"),
    // /sys/fs/cgroup read-only: limits are set from outside.
    ("ProtectControlGroups", "yes"),
    // The clock is everybody's.
    ("ProtectClock", "yes"),
    // An upper that shadows a library would never be patched again, so /usr is read-only ...
    ("ProtectSystem", "yes"),
    // ... and /usr/local is not: dpkg owns nothing there. "+": inside the container's root.
    ("ReadWritePaths", "+/usr/local"),
    // What /etc/resolv.conf points to where systemd-resolved or resolvconf manage it; /run is empty otherwise. "-": where
    // they do not.
    (
        "BindReadOnlyPaths",
        "-/run/systemd/resolve -/run/resolvconf",
    ),
    // A set-user-ID program of the host gives nothing here. RestrictSUIDSGID= would add nothing (the root is mounted
    // nosuid, and uppers are out of reach for users of the host) and makes openat2(2) fail.
    ("NoNewPrivileges", "yes"),
    // personality(2) turns off protections.
    ("LockPersonality", "yes"),
    // Real-time priority can starve the host.
    ("RestrictRealtime", "yes"),
    // What services that drop their privileges themselves need, and nothing that reaches out of the root.
    (
        "CapabilityBoundingSet",
        "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_NET_BIND_SERVICE CAP_SETGID CAP_SETUID CAP_SETPCAP \
         CAP_SYS_CHROOT CAP_AUDIT_WRITE",
    ),
];
