//! The key table: every key of a container file, once. Parser, JSON Schema, `lodger explain` and the reference in lodger.toml(5)
//! are made from it.

use std::path::PathBuf;
use std::time::Duration;

use super::health::{self, Unhealthy};
use super::mounts::{self, Owner};
use super::references::Referent;
use super::update::{self, UpdatePolicy};
use super::values::{self, isolation, path, quantity};
use super::{
    Base, Device, EnvironmentFile, Limit, Network, Profile, Restart, RootKind, ServiceType, Start,
    User,
};
use crate::document::{About, Key, Shape, read_word, text, words};
use crate::signal::SignalNumber;

mod tables;

pub use tables::{TABLES, TableAbout};

macro_rules! keys {
    ($($id:ident: $type:ty = $path:literal, $shape:expr, $read:expr, default $default:literal, becomes $directive:literal,
        like $example:literal, $meaning:literal;)*) => {
        $(
            #[doc = concat!("`", $path, "`")]
            pub static $id: Key<$type> = Key {
                about: About {
                    table: split($path).0,
                    name: split($path).1,
                    shape: $shape,
                    default: $default,
                    meaning: $meaning,
                    directive: $directive,
                    since: "0.1",
                    example: $example,
                },
                read: $read,
            };
        )*
        /// Every key, in the order of the manual page.
        pub static KEYS: &[&About] = &[$(&$id.about),*];
    };
}

/// `limits.memory` as table and name.
const fn split(path: &'static str) -> (&'static str, &'static str) {
    let mut at = 0;
    while at < path.len() {
        if path.as_bytes()[at] == b'.' {
            let (table, name) = path.split_at(at);
            return (table, name.split_at(1).1);
        }
        at += 1;
    }
    ("", path)
}

keys! {
    DESCRIPTION: String = "description", Shape::Text, values::description,
        default "the container's name", becomes "Description=", like r#""Shop front""#,
        "One line of text that people see in `systemctl status`.";
    EXEC: String = "exec", Shape::Command, text,
        default "none; it has to be there", becomes "ExecStart=", like r#"["/usr/sbin/nginx", "-g", "daemon off;"]"#,
        "The program and its arguments. Text instead of an array is split into words as a shell would split it; no shell runs, so \
         there are no variables, pipes or globs. The program is an absolute path or a bare name. `$` and `%` are ordinary \
         characters, except `%i` in `NAME@.toml`.";
    EXEC_RELOAD: String = "exec-reload", Shape::Command, text,
        default "none; `systemctl reload` is refused", becomes "ExecReload=", like r#"["/usr/sbin/nginx", "-s", "reload"]"#,
        "What `systemctl reload` runs, inside the running container and with its user and capabilities. As `exec`.";
    INIT: bool = "init", Shape::Boolean, values::boolean,
        default "false", becomes "ExecStart=/usr/bin/tini", like "true",
        "Whether a small init, tini from Debian's package of that name, is process 1 and the program its child. It reaps orphans, and \
         passes on signals to a program that has no handlers of its own, which the kernel would not do for process 1.";
    USER: User = "user", Shape::Text, values::user,
        default "root inside, without the capabilities that act on the host", becomes "User=, DynamicUser=", like r#""www-data""#,
        "The user to run as, by a name or number that the host knows. `\"dynamic\"` is a user of its own that systemd makes up for as long \
         as the container runs; it owns no files in between, so what it wants to keep needs a volume that it may write to.";
    TYPE: ServiceType = "type", Shape::Words(words::<ServiceType>), read_word,
        default "\"exec\"", becomes "Type=", like r#""notify""#,
        "When systemd takes the container for started: once the program is executed, once it says `READY=1`, or once it has ended. The \
         message counts from the main process; with `init = true` from any.";
    ENVIRONMENT: String = "environment", Shape::Texts, values::variable_value,
        default "{}", becomes "Environment=", like r#"{ TZ = "UTC" }"#,
        "Environment variables. Names are made of letters, digits and `_`, and do not begin with a digit.";
    ENVIRONMENT_FILES: EnvironmentFile = "environment-files", Shape::List(&Shape::Text), path::environment_file,
        default "[]", becomes "EnvironmentFile=", like r#"["web.env", "-/etc/default/web"]"#,
        "Files on the host with lines `NAME=value`, read at each start; a path that is not absolute begins where the container file is. \
         They are stronger than `environment`. A `-` before the path: it may be missing.";
    WORKING_DIRECTORY: PathBuf = "working-directory", Shape::Path, path::absolute,
        default "\"/\"", becomes "WorkingDirectory=", like r#""/srv/shop""#,
        "Where the program starts: an absolute path inside the container, which has to exist at start.";
    STOP_SIGNAL: SignalNumber = "stop-signal", Shape::Text, values::signal,
        default "\"SIGTERM\"", becomes "KillSignal=", like r#""SIGQUIT""#,
        "The signal that asks the program to end.";
    STOP_TIMEOUT: Duration = "stop-timeout", Shape::Time(1, quantity::LONGEST_STOP), quantity::time_span,
        default "\"10s\"", becomes "TimeoutStopSec=", like r#""1min 30s""#,
        "How long the program may take to end after `stop-signal` before it is killed: an integer for seconds, or text like `1min 30s`. \
         The program is process 1 of its own PID namespace, where the kernel drops a signal unless the program handles it. If it does \
         not, what it has started gets the signal instead, and it is killed once that has ended; see `init`.";
    RESTART: Restart = "restart", Shape::Words(words::<Restart>), read_word,
        default "\"on-failure\"", becomes "Restart=", like r#""always""#,
        "As `Restart=` in systemd.service(5). The pause before a restart grows from 100 ms to 30 s, and no number of restarts makes \
         systemd give up. With `type = \"oneshot\"`, `always` and `on-success` are refused.";
    START: Start = "start", Shape::Words(words::<Start>), values::start,
        default "\"boot\"", becomes "lodger.target.wants/", like r#""manual""#,
        "With `lodger.target` at boot, or only when somebody asks.";
    REQUIRES: Referent = "requires", Shape::List(&Shape::Text), super::references::read_referent,
        default "[]", becomes "Requires=, After=", like r#"["db", "postgresql.service"]"#,
        "What has to be up before: other containers by their names, or any unit with its suffix. When one of them is stopped, so is this \
         container. A container that is not there, is refused, or waits for this one in turn is an error, and so is a target that waits \
         for the containers, such as `multi-user.target`.";
    WANTS: Referent = "wants", Shape::List(&Shape::Text), super::references::read_referent,
        default "[]", becomes "Wants=, After=", like r#"["cache"]"#,
        "What is started too, and before, if it can be. This container is started whatever becomes of it.";
    AFTER: Referent = "after", Shape::List(&Shape::Text), super::references::read_referent,
        default "[]", becomes "After=", like r#"["network-online.target"]"#,
        "What is started before, and stopped after, if it is started or stopped at the same time. Nothing is started by it.";
    PART_OF: Referent = "part-of", Shape::List(&Shape::Text), super::references::read_referent,
        default "[]", becomes "PartOf=", like r#"["shop.target"]"#,
        "What takes this container with it when it is stopped or restarted.";
    INSTANCES: String = "instances", Shape::Instances, text,
        default "none; it has to be there in `NAME@.toml`, and nowhere else", becomes "one unit for each", like "3",
        "How many containers `NAME@.toml` makes, 1 to 10000, which are called `1` to that number; or an array of their names. Each is \
         the service `lodger-NAME@INSTANCE.service`. In the text of such a file `%i` stands for the instance, and `%%i` for the two \
         characters `%i`.";

    KIND: RootKind = "root.kind", Shape::Words(words::<RootKind>), values::root_kind,
        default "\"overlay\"", becomes "RootDirectory=", like r#""overlay""#,
        "How the base becomes the root. `overlay`: with the container's own writable layer over it. `shared`: read-only as it is, with the \
         container's own `/var`, `/tmp` and `/run`; what is mounted elsewhere than there, in `/srv`, `/mnt`, `/media`, `/home`, `/root` or \
         `/boot` needs a place that the host has.";
    BASE: Base = "root.base", Shape::Words(words::<Base>), values::base,
        default "\"pinned\"", becomes "lodgerd mount", like r#""host""#,
        "The tree below. `pinned` is a copy of the host, made of hard links, that never changes: the newest at each start. It holds what \
         packages own and everybody may read; a new one is made after each package change. `host` is the live host: what a running \
         container sees while dpkg is at work is a mix of old and new.";
    SHOW: PathBuf = "root.show", Shape::List(&Shape::Path), path::shown,
        default "[]", becomes "lodgerd mount", like r#"["/etc/ssl/private/shop.key"]"#,
        "Absolute paths of the host that the container sees, read-only, although the base is without them. They have to be there at \
         start.";
    HIDE: PathBuf = "root.hide", Shape::List(&Shape::Path), path::hidden,
        default "[]", becomes "lodgerd mount", like r#"["/opt/other"]"#,
        "Absolute paths that the container must not see, besides those that are always hidden. Something else can be mounted at or below \
         one, but not in a shared root, and not where the path itself is below a mount, `/run` or its like.";
    EPHEMERAL: bool = "root.ephemeral", Shape::Boolean, values::boolean,
        default "false", becomes "lodgerd mount", like "true",
        "Whether what the container has written is thrown away at each start. What it wrote before this was set is kept, out of use.";
    WRITABLE_USR: bool = "root.writable-usr", Shape::Boolean, values::boolean,
        default "false", becomes "ProtectSystem=", like "true",
        "Whether the container may write to `/usr`. What it changes there hides the host's file for ever, and is never patched.";

    MOUNT_SOURCE: PathBuf = "mounts.source", Shape::Path, path::source,
        default "none", becomes "lodgerd mount", like r#""/srv/shop""#,
        "A file or directory of the host, which has to be there at start.";
    MOUNT_READ_ONLY: bool = "mounts.read-only", Shape::Boolean, values::boolean,
        default "false", becomes "lodgerd mount", like "true",
        "Whether the container can only read it.";
    MOUNT_VOLUME: String = "mounts.volume", Shape::Text, mounts::volume,
        default "none", becomes "lodgerd mount", like r#""shop""#,
        "A directory that lodger keeps, `/var/lib/lodger/volumes/NAME`: it is made at the first start and never deleted. Several \
         containers may share one.";
    MOUNT_OWNER: Owner = "mounts.owner", Shape::Text, mounts::owner,
        default "root", becomes "lodgerd mount", like r#""www-data""#,
        "`USER` or `USER:GROUP`, names or numbers of the host, which a volume is given when it is made.";
    MOUNT_MODE: u32 = "mounts.mode", Shape::Mode, mounts::mode,
        default "\"0755\" for a volume, \"1777\" for a tmpfs", becomes "lodgerd mount", like r#""0750""#,
        "Permission bits, in octal, which a volume is given when it is made and a tmpfs at each start.";
    MOUNT_TMPFS: u64 = "mounts.tmpfs", Shape::Size, quantity::memory,
        default "none", becomes "lodgerd mount", like r#""64M""#,
        "An empty directory in memory, new at each start, that may hold as much as this.";

    MEMORY: Limit = "limits.memory", Shape::SizeOrInfinity, quantity::memory_limit,
        default "no limit", becomes "MemoryMax=", like r#""512M""#,
        "The most memory: an integer of bytes, or a number with `K`, `M`, `G` or `T`, powers of 1024; at least `1M`. Beyond it the \
         container's processes are killed.";
    MEMORY_HIGH: Limit = "limits.memory-high", Shape::SizeOrInfinity, quantity::memory_limit,
        default "no limit", becomes "MemoryHigh=", like r#""400M""#,
        "The memory beyond which the container is slowed down.";
    SWAP: Limit = "limits.swap", Shape::SizeOrInfinity, quantity::swap_limit,
        default "no limit", becomes "MemorySwapMax=", like r#""0""#,
        "The most swap space; `0` is none.";
    CPU: u32 = "limits.cpu", Shape::Percent, quantity::percent,
        default "no limit", becomes "CPUQuota=", like r#""150%""#,
        "The most processor time, in per cent of one CPU: `150%` is one and a half.";
    TASKS: Limit = "limits.tasks", Shape::IntegerOrInfinity(1, i64::MAX), quantity::tasks,
        default "systemd's `DefaultTasksMax=`", becomes "TasksMax=", like "64",
        "The most processes and threads.";
    OPEN_FILES: u64 = "limits.open-files", Shape::Integer(1, 1_073_741_816), quantity::open_files,
        default "systemd's `DefaultLimitNOFILE=`", becomes "LimitNOFILE=", like "65536",
        "The most files that one process may have open.";
    IO_WEIGHT: u64 = "limits.io-weight", Shape::Integer(1, 10_000), quantity::io_weight,
        default "100", becomes "IOWeight=", like "200",
        "The share of disk time in comparison with others that want it at the same time.";

    PROFILE: Profile = "isolation.profile", Shape::Words(words::<Profile>), read_word,
        default "\"default\"", becomes "CapabilityBoundingSet=, SystemCallFilter=, RestrictNamespaces=, RestrictAddressFamilies=, RestrictRealtime=, LimitRTPRIO=", like r#""strict""#,
        "The set of rules. `default` fits services that start as root and drop their privileges themselves. `strict` leaves no \
         capabilities, no further namespaces, and only the system calls that ordinary services make. `trusted` leaves the capabilities that \
         containers of other kinds commonly have. `lodger show NAME` has them all.";
    CAPABILITIES: &'static str = "isolation.capabilities", Shape::List(&Shape::Text), isolation::capability,
        default "the profile's", becomes "CapabilityBoundingSet=, AmbientCapabilities=", like r#"["CAP_NET_BIND_SERVICE"]"#,
        "The capabilities it may have, see capabilities(7), in place of the profile's; `[]` is none. With `user` the program has them \
         from its start. Those that would let it out, such as `CAP_SYS_MODULE`, are refused.";
    DEVICES: Device = "isolation.devices", Shape::List(&Shape::Text), isolation::device,
        default "[]", becomes "DeviceAllow=, BindPaths=", like r#"["/dev/dri/renderD128 rw"]"#,
        "Devices of the host that it may use, besides `/dev/null` and its like: a path and the rights, of `r`, `w` and `m`; `rw` if \
         none are given. A `-` before the path: it may be missing.";

    NETWORK_MODE: Network = "network.mode", Shape::Words(words::<Network>), values::network,
        default "\"host\"", becomes "PrivateNetwork=", like r#""none""#,
        "The host's network, or none but a loopback device of its own.";

    CREDENTIAL_FILE: PathBuf = "credentials.file", Shape::Path, path::credential,
        default "none", becomes "LoadCredential=", like r#""/etc/credstore/shop.db""#,
        "A file of the host with the secret.";
    CREDENTIAL_ENCRYPTED: PathBuf = "credentials.encrypted", Shape::Path, path::credential,
        default "none", becomes "LoadCredentialEncrypted=", like r#""/etc/credstore.encrypted/shop.db""#,
        "A file of the host with the secret as `systemd-creds encrypt` wrote it.";

    HEALTH_EXEC: String = "health.exec", Shape::Command, text,
        default "none; it has to be there in [health]", becomes "lodgerd health", like r#"["/usr/bin/curl", "-fsS", "http://127.0.0.1/"]"#,
        "What is run inside the container to find out whether it does its work: it is healthy if this succeeds. The command has the \
         container's user, capabilities, limits and `environment`, but not its `environment-files`; its messages on standard error \
         tell why it failed. All that it starts is ended with it. As `exec`.";
    HEALTH_INTERVAL: Duration = "health.interval", Shape::Time(1, 86_400), health::interval,
        default "\"10s\"", becomes "OnActiveSec=, OnUnitInactiveSec=", like r#""30s""#,
        "The time between the end of a check and the next, and between the start of the container and the first: `1s` to `1d`.";
    HEALTH_TIMEOUT: Duration = "health.timeout", Shape::Time(1, 3600), health::timeout,
        default "\"5s\"", becomes "lodgerd health", like r#""500ms""#,
        "How long a check may take before it is ended and has failed: `100ms` to `1h`.";
    HEALTH_RETRIES: u32 = "health.retries", Shape::Integer(1, health::MOST_RETRIES), health::retries,
        default "3", becomes "lodgerd health", like "5",
        "After how many failed checks in a row `on-failure` comes to pass.";
    HEALTH_ON_FAILURE: Unhealthy = "health.on-failure", Shape::Words(words::<Unhealthy>), read_word,
        default "\"restart\"", becomes "lodgerd health", like r#""report""#,
        "What becomes of a container that has become unhealthy: it is restarted, or only reported in the journal. One that has not been \
         healthy since its start is still starting: it is reported, and not restarted.";

    POLICY: UpdatePolicy = "update.policy", Shape::Words(words::<UpdatePolicy>), read_word,
        default "\"affected\"", becomes "none: lodgerd reads it", like r#""always""#,
        "When a refresh restarts the container: if a package change affects it, after every package change, or never. With `never` it \
         runs old code until somebody restarts it, and is shown as stale.";
    PACKAGES: String = "update.packages", Shape::List(&Shape::Text), update::package,
        default "[]", becomes "none: lodgerd reads it", like r#"["php8.4-fpm"]"#,
        "Debian packages whose every change affects the container, besides those whose files it is seen to use: the names of binary \
         packages, without an architecture. For what it starts or loads only now and then, as a forge starts git.";
    WAVE: String = "update.wave", Shape::Text, update::wave,
        default "\"default\"", becomes "none: lodgerd reads it", like r#""canary""#,
        "The wave in which a refresh restarts the container. The waves and their order are in `/etc/lodger.toml`.";
    SETTLE: Duration = "update.settle", Shape::Time(0, 600), update::settle,
        default "\"1s\"", becomes "none: lodgerd reads it", like r#""5s""#,
        "How long the container has to stay active and healthy after a refresh has restarted it, before it counts as ready: `0s` to \
         `10min`.";
    ROLLBACK: bool = "update.rollback", Shape::Boolean, values::boolean,
        default "true", becomes "none: lodgerd reads it", like "false",
        "Whether a container that does not become ready on the new base goes back to the one it ran on, and is held there.";

    SYSTEMD_SERVICE: String = "systemd.service", Shape::Directives, text,
        default "{}", becomes "[Service]", like "{ LogRateLimitBurst = 1000 }",
        "Directives of `[Service]`: text, integers and booleans, or arrays for directives that may be given more than once.";
    SYSTEMD_UNIT: String = "systemd.unit", Shape::Directives, text,
        default "{}", becomes "[Unit]", like r#"{ ConditionPathExists = "/srv/shop" }"#,
        "Directives of `[Unit]`, in the same way.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_stands_in_a_table_once_and_has_words() {
        let mut seen = BTreeSet::new();
        for about in KEYS {
            assert!(seen.insert(about.path()), "{} stands twice", about.path());
            assert!(
                TABLES.iter().any(|table| table.name == about.table),
                "{}",
                about.path()
            );
            for words in [
                about.default,
                about.meaning,
                about.directive,
                about.since,
                about.example,
            ] {
                assert!(!words.is_empty(), "{}", about.path());
            }
            assert!(about.meaning.ends_with('.'), "{}", about.path());
            assert_eq!(
                about.meaning.matches('`').count() % 2,
                0,
                "{}",
                about.path()
            );
        }
    }
}
