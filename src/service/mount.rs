//! A container in; the command that mounts its root out.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::container::{Container, Mount, MountSource, RootKind, ServiceType, User};
use crate::place;
use crate::unit::escape::{WordList, path_text};

/// Where `ProtectSystem=yes` makes everything read-only (systemd.exec(5)), and the links to it.
const READ_ONLY: [&str; 9] = [
    "/usr", "/boot", "/efi", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
];

/// Adds `lodgerd mount` with what the container says about its root. systemd's own `BindPaths=` and `TemporaryFileSystem=` would be
/// done before the root is there.
pub fn add_command(command: &mut WordList, container: &Container) {
    let root = &container.root;
    command.name(place::LODGERD);
    command.name("mount");
    command.option("--base=", &[root.base.word()]);
    for path in &root.hide {
        command.option("--hide=", &[&path_text(path)]);
    }
    if root.ephemeral {
        command.name("--ephemeral");
    }
    for path in &root.show {
        bind(command, "", &[&path_text(path)], path, true);
    }
    for (target, mount) in &container.mounts {
        add_mount(command, target, mount);
    }
    let directory = path_text(&container.working_directory);
    if directory != "/" {
        command.option("--working-directory=", &[&directory]);
    }
    for program in programs(container) {
        command.option("--program=", &[program]);
    }
    if !reports(container) {
        command.name("--no-notify");
    }
    command.name(container.name.as_str());
}

/// What is going to be executed, and has to be there. An init looks a bare name up itself, in the container's own `PATH`.
fn programs(container: &Container) -> impl Iterator<Item = &str> {
    let program = container.exec.first().map(String::as_str);
    let looked_up = program.filter(|program| !container.init || program.starts_with('/'));
    container
        .init
        .then_some(place::INIT)
        .into_iter()
        .chain(looked_up)
}

/// Whether systemd waits for messages of the program (sd_notify(3)).
pub fn reports(container: &Container) -> bool {
    let mut directives = container.directives.iter();
    container.service_type == ServiceType::Notify
        || directives.any(|(_, key, _)| key == "WatchdogSec")
}

/// The places that can be written to and that systemd would make read-only with all that is around them: `ProtectSystem=yes`
/// does so with programs, and `DynamicUser=`, whatever else the unit says, with everything (systemd.exec(5)).
pub fn writable_in_read_only(container: &Container) -> impl Iterator<Item = &Path> {
    let everywhere = container.user == Some(User::Dynamic);
    let programs = container.root.kind == RootKind::Overlay && !container.root.writable_usr;
    let writable = container
        .mounts
        .iter()
        .filter(|(_, mount)| !mount.read_only);
    // As text, for targets are normal.
    let is_below = |target: &Path, above: &str| {
        let rest = target.as_os_str().as_bytes().strip_prefix(above.as_bytes());
        rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    };
    writable
        .map(|(target, _)| target.as_path())
        .filter(move |target| {
            everywhere || programs && READ_ONLY.iter().any(|above| is_below(target, above))
        })
}

fn add_mount(command: &mut WordList, target: &Path, mount: &Mount) {
    match &mount.source {
        MountSource::Host(source) => {
            bind(command, "", &[&path_text(source)], target, mount.read_only)
        }
        MountSource::Volume { name, owner, mode } => {
            let mut options = String::new();
            if let Some(owner) = owner {
                let group = owner.group.as_ref().map(|group| format!(":{group}"));
                options += &format!(",owner={}{}", owner.user, group.unwrap_or_default());
            }
            if let Some(mode) = mode {
                options += &format!(",mode={mode:04o}");
            }
            command.option("--volume=", &[name, &options]);
            bind(
                command,
                place::VOLUMES,
                &["/", name],
                target,
                mount.read_only,
            );
        }
        MountSource::Tmpfs { size, mode } => {
            let mode = mode.map(|mode| format!(",mode={mode:04o}"));
            command.name("--tmpfs");
            command.joined(&[&size.to_string(), mode.as_deref().unwrap_or_default()]);
            command.word(&path_text(target));
        }
    }
}

/// Nothing in `above`, the first part of the source, has to be escaped.
fn bind(
    command: &mut WordList,
    above: &'static str,
    below: &[&str],
    target: &Path,
    read_only: bool,
) {
    command.name(match read_only {
        true => "--bind-read-only",
        false => "--bind",
    });
    command.option(above, below);
    command.word(&path_text(target));
}
