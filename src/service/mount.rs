//! A container in; the command that mounts its root out.

use std::borrow::Cow;
use std::path::Path;

use crate::container::{Container, Mount, MountSource};
use crate::place;

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
    command.push(container.name.as_str().into());
    command
}

fn joined(option: &str, value: &str) -> Cow<'static, str> {
    [option, value].concat().into()
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
