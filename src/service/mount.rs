//! A container in; the command that mounts its root out.

use std::path::Path;

use crate::container::{Container, Mount, MountSource};
use crate::place;

/// `lodgerd mount` with what the container says about its root. systemd's own `BindPaths=` and `TemporaryFileSystem=` would be
/// done before the root is there.
pub fn command(container: &Container) -> Vec<String> {
    let root = &container.root;
    let mut command = vec![
        place::LODGERD.to_owned(),
        "mount".to_owned(),
        format!("--base={}", root.base.word()),
    ];
    let hidden = root.hide.iter();
    command.extend(hidden.map(|path| format!("--hide={}", path.display())));
    if root.ephemeral {
        command.push("--ephemeral".to_owned());
    }
    for path in &root.show {
        bind(&mut command, path, path, true);
    }
    for (target, mount) in &container.mounts {
        add_mount(&mut command, target, mount);
    }
    if container.working_directory.parent().is_some() {
        let directory = container.working_directory.display();
        command.push(format!("--working-directory={directory}"));
    }
    command.push(container.name.to_string());
    command
}

fn add_mount(command: &mut Vec<String>, target: &Path, mount: &Mount) {
    match &mount.source {
        MountSource::Host(source) => bind(command, source, target, mount.read_only),
        MountSource::Volume { name, owner, mode } => {
            let mut volume = format!("--volume={name}");
            if let Some(owner) = owner {
                let group = owner.group.as_ref().map(|group| format!(":{group}"));
                volume += &format!(",owner={}{}", owner.user, group.unwrap_or_default());
            }
            if let Some(mode) = mode {
                volume += &format!(",mode={mode:04o}");
            }
            command.push(volume);
            let source = Path::new(place::VOLUMES).join(name);
            bind(command, &source, target, mount.read_only);
        }
        MountSource::Tmpfs { size, mode } => {
            let mode = mode.map(|mode| format!(",mode={mode:04o}"));
            let tmpfs = format!("{size}{}", mode.unwrap_or_default());
            command.extend(["--tmpfs".to_owned(), tmpfs, target.display().to_string()]);
        }
    }
}

fn bind(command: &mut Vec<String>, source: &Path, target: &Path, read_only: bool) {
    let option = match read_only {
        true => "--bind-read-only",
        false => "--bind",
    };
    let paths = [source, target].map(|path| path.display().to_string());
    command.push(option.to_owned());
    command.extend(paths);
}
