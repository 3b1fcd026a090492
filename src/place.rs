//! The fixed names of design.md: where things lie. One place, so that no path is spelled twice.

/// Where container files are looked for, strongest first.
pub const CONTAINER_FILES: [&str; 3] = ["/etc/lodger", "/run/lodger", "/usr/lib/lodger"];
/// Host settings.
pub const SETTINGS: &str = "/etc/lodger.toml";
/// Mount points of the containers' roots.
pub const ROOTS: &str = "/run/lodger/roots";
/// Locks by which starts wait for one another.
pub const QUEUE: &str = "/run/lodger/queue";
/// Mask layers, content-addressed, on a tmpfs.
pub const MASKS: &str = "/run/lodger/masks";
/// All state.
pub const STATE: &str = "/var/lib/lodger";
/// Uppers and work directories.
pub const CONTAINERS: &str = "/var/lib/lodger/containers";
/// Where in a container's state the uppers lie that are thrown away at every start.
pub const EPHEMERAL: &str = "ephemeral";
/// Pinned bases, unless `/etc/lodger.toml` says otherwise.
pub const BASES: &str = "/var/lib/lodger/bases";
/// dpkg's database.
pub const ADMINDIR: &str = "/var/lib/dpkg";
/// Data that containers share and keep.
pub const VOLUMES: &str = "/var/lib/lodger/volumes";
/// In the directory of bases: the link to the number of the one that containers start on.
pub const CURRENT_BASE: &str = "current";
/// In a container's state: the link to the base it is held on.
pub const HELD_BASE: &str = "base";
/// In a container's state: the /var of one with a shared root.
pub const OWN_VAR: &str = "var";
/// The bases again, read-only: what roots are made of.
pub const MOUNTED_BASES: &str = "/run/lodger/bases";
/// The host's /etc, read-only: what containers have of it as it is at their start.
pub const ETC_OF_HOST: &str = "/run/lodger/host/etc";
/// Where the sockets of the journal are (systemd-journald.service(8)).
pub const JOURNAL: &str = "/run/systemd/journal";
/// The same directory, read-only.
pub const JOURNAL_OF_HOST: &str = "/run/lodger/host/journal";
/// The host's system bus, as D-Bus has its address.
pub const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";
/// The daemon, which also mounts the roots.
pub const LODGERD: &str = "/usr/libexec/lodgerd";
/// The target that starts every container of `start = "boot"`.
pub const TARGET: &str = "lodger.target";
/// Where the links lie through which it starts them, in a directory of units (systemd.unit(5)).
pub const WANTS: &str = "lodger.target.wants";
/// The service that sees to it that there is a pinned base, and a new one when dpkg has changed something. `lodger-base.service`
/// would be the container `base`.
pub const BASE_UNIT: &str = "lodgerd-base.service";
/// The service that removes the bases that nobody needs any more.
pub const PRUNE_UNIT: &str = "lodgerd-prune.service";
/// Where systemd listens to services (sd_notify(3), `$NOTIFY_SOCKET`).
pub const NOTIFY: &str = "/run/systemd/notify";
/// Where lodgerd reaches the service that stops containers for it, lodgerd-stops@.service.
pub const STOPS: &str = "/run/lodger/stops.socket";
/// The service that makes sure, once in a boot, that systemd isolates containers on this host. Those that lodgerd does not see
/// at their start require it.
pub const ISOLATION_UNIT: &str = "lodgerd-isolation.service";
/// What comes before the container's name in the service that prepares what has to be there before a start.
pub const PREPARE_UNIT: &str = "lodgerd-prepare@";
/// What comes before the container's name in the service that tells people of a failure.
pub const ALERT_UNIT: &str = "lodger-alert@";
/// What comes before the number of a refresh in the timer, and the service, that have a refresh look again at what was put off.
pub const LATER_UNIT: &str = "lodgerd-later@";
/// What comes before the container's name in the service that checks its health, and in the timer of that.
pub const HEALTH_UNIT: &str = "lodgerd-health@";
/// What was found out of each container's health.
pub const HEALTH: &str = "/run/lodger/health";
/// The slice every container runs in.
pub const SLICE: &str = "lodger.slice";
/// What generators and people read about the files: what became of each.
pub const FILE_STATUS: &str = "/run/lodger/status.json";
/// Process 1 of a container with `init = true`, from Debian's package tini.
pub const INIT: &str = "/usr/bin/tini";
/// Where systemd looks for a program that is given by its name alone (`systemd-path search-binaries-default`), whatever `PATH`
/// the container has.
pub const SEARCH_PATH: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
