//! `[Service]`: systemd.service(5) and systemd.kill(5).

use super::{HOST_FILES, LIMITLESS, POWER, STOP};
use crate::container::raw::Directive;
use crate::container::raw::Rule::{Key, Many, One, Refused, Renamed, Unchecked};
use crate::container::raw::check::{number, word};

/// In the order of systemd's own list.
pub const SERVICE: &[Directive] = &[
    (
        "PIDFile",
        Refused("lodger has no service type that needs it"),
    ),
    (
        "ExecCondition",
        Refused(
            "lodger mounts, stops and unmounts there; what has to run before is a container of type \"oneshot\" that this one requires",
        ),
    ),
    (
        "ExecStartPre",
        Refused(
            "lodger mounts, stops and unmounts there; what has to run before is a container of type \"oneshot\" that this one requires",
        ),
    ),
    ("ExecStart", Key("exec")),
    ("ExecReload", Key("exec-reload")),
    (
        "ExecStartPost",
        Refused(
            "lodger mounts, stops and unmounts there; what has to run before is a container of type \"oneshot\" that this one requires",
        ),
    ),
    (
        "ExecStop",
        Refused(
            "lodger mounts, stops and unmounts there; what has to run before is a container of type \"oneshot\" that this one requires",
        ),
    ),
    (
        "ExecStopPost",
        Refused(
            "lodger mounts, stops and unmounts there; what has to run before is a container of type \"oneshot\" that this one requires",
        ),
    ),
    (
        "RestartSec",
        Refused("lodger slows restarts down by itself, from 100 ms to 30 s"),
    ),
    (
        "RestartSteps",
        Refused("lodger slows restarts down by itself, from 100 ms to 30 s"),
    ),
    (
        "RestartMaxDelaySec",
        Refused("lodger slows restarts down by itself, from 100 ms to 30 s"),
    ),
    (
        "TimeoutSec",
        Renamed("TimeoutStartSec=, and stop-timeout of the container file"),
    ),
    ("TimeoutStartSec", One(number::seconds)),
    ("TimeoutStopSec", Key("stop-timeout")),
    ("TimeoutAbortSec", One(number::seconds)),
    ("TimeoutStartFailureMode", One(word::failure_mode)),
    ("TimeoutStopFailureMode", Refused(STOP)),
    ("RuntimeMaxSec", One(number::seconds)),
    ("RuntimeRandomizedExtraSec", Unchecked),
    ("WatchdogSec", One(number::seconds)),
    ("StartLimitInterval", Refused(LIMITLESS)),
    ("StartLimitBurst", Refused(LIMITLESS)),
    ("StartLimitAction", Refused(POWER)),
    ("FailureAction", Refused(POWER)),
    ("RebootArgument", Refused(POWER)),
    ("Type", Key("type")),
    (
        "ExitType",
        Refused("lodger has no service type that needs it"),
    ),
    ("Restart", Key("restart")),
    (
        "RestartMode",
        Refused("lodger slows restarts down by itself, from 100 ms to 30 s"),
    ),
    (
        "PermissionsStartOnly",
        Refused("lodger mounts the root before a start"),
    ),
    (
        "RootDirectoryStartOnly",
        Refused("lodger mounts the root before a start"),
    ),
    ("RemainAfterExit", One(word::boolean)),
    (
        "GuessMainPID",
        Refused("lodger has no service type that needs it"),
    ),
    ("RestartPreventExitStatus", Many(word::exit_statuses)),
    ("RestartForceExitStatus", Many(word::exit_statuses)),
    ("SuccessExitStatus", Many(word::exit_statuses)),
    ("NonBlocking", One(word::boolean)),
    ("BusName", Refused("lodger has no type \"dbus\"")),
    (
        "FileDescriptorStoreMax",
        Refused("what is kept open keeps the old root mounted"),
    ),
    (
        "FileDescriptorStorePreserve",
        Refused("what is kept open keeps the old root mounted"),
    ),
    (
        "NotifyAccess",
        Refused("lodger listens to its own programs too"),
    ),
    ("Sockets", Refused("lodger has no socket units")),
    (
        "USBFunctionDescriptors",
        Refused("lodger has no socket units"),
    ),
    ("USBFunctionStrings", Refused("lodger has no socket units")),
    ("OOMPolicy", One(word::oom_policy)),
    ("OpenFile", Refused(HOST_FILES)),
    (
        "ReloadSignal",
        Refused("lodger has no type \"notify-reload\""),
    ),
    ("WorkingDirectory", Key("working-directory")),
    ("TimeoutCleanSec", One(number::seconds)),
    ("Slice", Refused("every container is in lodger.slice")),
    ("SendSIGKILL", Refused(STOP)),
    ("SendSIGHUP", Refused(STOP)),
    ("KillMode", Refused(STOP)),
    ("KillSignal", Key("stop-signal")),
    ("RestartKillSignal", Refused(STOP)),
    ("FinalKillSignal", Refused(STOP)),
    ("WatchdogSignal", One(word::signal)),
];
