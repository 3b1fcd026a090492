//! A container in; the command that mounts its root out.

use std::borrow::Cow;
use std::path::Path;

use crate::container::{Container, Mount, MountSource, RootKind, ServiceType, User};
use crate::place;

/// Where `ProtectSystem=yes` makes everything read-only (systemd.exec(5)), and the links to it.
const READ_ONLY: [&str; 9] = [
    "/usr", "/boot", "/efi", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
];

/// `lodgerd mount` with what the container says about its root. systemd's own `BindPaths=` and `TemporaryFileSystem=` would be
/// done before the root is there.
pub fn command(container: &Container) -> Vec<Cow<'_, str>> {
    let root = &container.root;
    let mut command = Vec::with_capacity(16);
    command.extend([place::LODGERD, "mount"].map(Cow::from));
    command.push(joined("--base=", root.base.word()));
    let hidden = root.hide.iter();
    command.extend(hidden.map(|path| joined("--hide=", &path.to_string_lossy())));
    if root.ephemeral {
        command.push("--ephemeral".into());
    }
    for path in &root.show {
        bind(&mut command, path.to_string_lossy(), path, true);
    }
    for (target, mount) in &container.mounts {
        add_mount(&mut command, target, mount);
    }
    if container.working_directory.parent().is_some() {
        let directory = container.working_directory.to_string_lossy();
        command.push(joined("--working-directory=", &directory));
    }
    let programs = programs(container);
    command.extend(programs.map(|program| joined("--program=", program)));
    if !reports(container) {
        command.push("--no-notify".into());
    }
    command.push(container.name.as_str().into());
    command
}

fn joined(option: &str, value: &str) -> Cow<'static, str> {
    [option, value].concat().into()
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
    writable
        .map(|(target, _)| target.as_path())
        .filter(move |target| {
            everywhere || programs && READ_ONLY.iter().any(|above| target.starts_with(above))
        })
}

fn add_mount<'c>(command: &mut Vec<Cow<'c, str>>, target: &'c Path, mount: &'c Mount) {
    match &mount.source {
        MountSource::Host(source) => {
            bind(command, source.to_string_lossy(), target, mount.read_only)
        }
        MountSource::Volume { name, owner, mode } => {
            let mut volume = format!("--volume={name}");
            if let Some(owner) = owner {
                let group = owner.group.as_ref().map(|group| format!(":{group}"));
                volume += &format!(",owner={}{}", owner.user, group.unwrap_or_default());
            }
            if let Some(mode) = mode {
                volume += &format!(",mode={mode:04o}");
            }
            command.push(volume.into());
            let source = [place::VOLUMES, "/", name].concat();
            bind(command, source.into(), target, mount.read_only);
        }
        MountSource::Tmpfs { size, mode } => {
            let mode = mode.map(|mode| format!(",mode={mode:04o}"));
            let tmpfs = format!("{size}{}", mode.unwrap_or_default());
            command.extend(["--tmpfs".into(), tmpfs.into(), target.to_string_lossy()]);
        }
    }
}

fn bind<'c>(
    command: &mut Vec<Cow<'c, str>>,
    source: Cow<'c, str>,
    target: &'c Path,
    read_only: bool,
) {
    let option = match read_only {
        true => "--bind-read-only",
        false => "--bind",
    };
    command.extend([option.into(), source, target.to_string_lossy()]);
}
