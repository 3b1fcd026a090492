//! A container whose root systemd itself stacks, inside the service's own mount namespace, in; the directives for it out.
//!
//! `RootMStack=` (systemd.exec(5), since 260) makes an overlay of what a directory holds (systemd.mstack(7)). The mount dies with
//! the service, every start gets a fresh one, the host's mount table never has it, and no process of lodger's takes part. What
//! the directory holds is prepared once:
//!
//! ```text
//! containers/NAME/NAME.mstack/layer@0     a link to ../base, the base that the container is on
//! containers/NAME/NAME.mstack/layer@1     an empty directory
//! containers/NAME/NAME.mstack/rw          a link to ../rw
//! containers/NAME/rw/data                 the upper
//! containers/NAME/rw/work
//! ```
//!
//! Seen with systemd 262: an entry of any other name fails the start, and so does a link that leads nowhere. But a single layer
//! without `rw` is no overlay: it is bound, *writable*, and the container would write into the base and so into the host's own
//! files. With a second layer it is an overlay in any case, read-only without `rw`; and the unit asserts that `rw` is there.
//! `robind@` entries are writable too, so whatever is mounted inside is the unit's business.

use std::path::PathBuf;

use super::shared;
use crate::container::shared::{is_hidden, is_written};
use crate::container::{Base, Container, Name, RootKind, hidden};
use crate::host::Host;
use crate::place;
use crate::unit::Unit;

/// The oldest systemd that knows `RootMStack=`. An older one ignores it, and would run the container on the host's own root.
pub const SINCE: u32 = 260;

/// The directory that systemd stacks for the container `name`.
pub fn stack(name: &Name) -> PathBuf {
    name.state().join(format!("{name}.mstack"))
}

/// Whether systemd alone can give `container` its root: nothing has to be looked at or thrown away at each start, and each path
/// can be written in a unit without a loss.
pub fn suits(container: &Container) -> bool {
    let root = &container.root;
    let masked = root.hide.iter().map(|path| is_hidden(path));
    let mounts = container.mounts.iter();
    let mounted = mounts.map(|(target, mount)| is_written(target, mount));
    root.kind == RootKind::Overlay
        && root.base == Base::Pinned
        && !root.ephemeral
        && root.show.is_empty()
        && masked.chain(mounted).all(|written| written.is_ok())
        // systemd leaves out what is mounted in what it hides.
        && !root.hide.iter().any(|path| hidden::has_mounts(container, path))
}

/// Adds the root and all that is mounted in it.
pub fn add(unit: &mut Unit, container: &Container, host: &Host) {
    let stack = stack(&container.name);
    unit.add("Service", "RootMStack", shared::text(&stack));
    // Without it commands of lodger's would run in the container's root, with all of the host's rights: whoever can write
    // /etc/ld.so.preload there would have them.
    unit.add("Service", "RootDirectoryStartOnly", "yes");
    unit.add(
        "Service",
        "WorkingDirectory",
        shared::text(&container.working_directory),
    );
    shared::add_live(unit, container, host);
    shared::add_mounts(unit, container);
}

/// Adds what fails a start, loudly, that would write into the base.
pub fn add_assertion(unit: &mut Unit, container: &Container) {
    let rw = stack(&container.name).join("rw");
    unit.add("Unit", "AssertPathIsDirectory", shared::text(&rw));
}

/// What has to be there before a start: the link to the base, the stack, the volumes.
pub fn prepared(container: &Container) -> Vec<PathBuf> {
    let stack = stack(&container.name);
    let own = [
        container.name.state().join(place::HELD_BASE),
        stack.join("layer@0"),
        stack.join("layer@1"),
        stack.join("rw"),
        container.name.state().join("rw/data"),
    ];
    own.into_iter().chain(shared::volumes(container)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::file::web as container;
    use crate::service::{Way, service};

    #[test]
    fn the_unit_of_a_stacked_root() {
        let container = container(
            r#"
            exec = ["/bin/x"]
            working-directory = "/srv"
            [root]
            hide = ["/opt/a b"]
            [mounts]
            "/srv/shop" = { source = "/srv/shop" }
            "/var/lib/shop" = { volume = "shop" }
            "/scratch" = { tmpfs = "1M" }
            "#,
        );
        let unit = service(
            &container,
            Way::Stacked { prepared: true },
            &Host::default(),
        )
        .to_string();
        let from = unit.find("PartOf=").unwrap();
        let expected = "\
PartOf=lodger.target
Requires=lodgerd-isolation.service
Wants=lodgerd-base.service
After=lodgerd-isolation.service lodgerd-base.service
AssertPathIsDirectory=/var/lib/lodger/containers/web/web.mstack/rw

[Service]
Type=exec
NotifyAccess=main
InaccessiblePaths=-+/run/systemd/notify
UnsetEnvironment=NOTIFY_SOCKET
Slice=lodger.slice
ExecStart=/bin/x
ExecStop=+/usr/libexec/lodgerd stop --timeout=10
RootMStack=/var/lib/lodger/containers/web/web.mstack
RootDirectoryStartOnly=yes
WorkingDirectory=/srv
BindPaths=-/run/lodger/host/etc/passwd:/etc/passwd -/run/lodger/host/etc/group:/etc/group -/run/lodger/host/etc/hosts:/etc/hosts -/run/lodger/host/etc/resolv.conf:/etc/resolv.conf
TemporaryFileSystem=/scratch:size=1048576,mode=1777,nosuid,nodev
BindPaths=/srv/shop:/srv/shop
BindPaths=/var/lib/lodger/volumes/shop:/var/lib/shop
InaccessiblePaths=\"-+/opt/a b\"
Restart=on-failure
";
        assert_eq!(&unit[from..unit.find("RestartSec=").unwrap()], expected);
    }

    #[test]
    fn what_has_to_be_prepared() {
        let container =
            container("exec = [\"/bin/x\"]\n[mounts]\n\"/v\" = { volume = \"shop\" }\n");
        let of = |path: &str| PathBuf::from("/var/lib/lodger").join(path);
        assert_eq!(
            prepared(&container),
            [
                of("containers/web/base"),
                of("containers/web/web.mstack/layer@0"),
                of("containers/web/web.mstack/layer@1"),
                of("containers/web/web.mstack/rw"),
                of("containers/web/rw/data"),
                of("volumes/shop"),
            ]
        );
        let unit = service(
            &container,
            Way::Stacked { prepared: false },
            &Host::default(),
        )
        .to_string();
        assert!(unit.contains("Requires=lodgerd-isolation.service lodgerd-prepare@web.service\n"));
    }

    #[test]
    fn whom_it_suits() {
        for (suited, root) in [
            (true, ""),
            (true, "[root]\nhide = [\"/opt\"]"),
            (true, "[mounts]\n\"/a b\" = { source = \"/srv\" }"),
            (false, "[root]\nkind = \"shared\""),
            (false, "[root]\nbase = \"host\""),
            (false, "[root]\nephemeral = true"),
            (false, "[root]\nshow = [\"/srv/www\"]"),
            (false, "[root]\nhide = [\"/opt/it's\"]"),
            (
                false,
                "root.hide = [\"/opt\"]\n[mounts]\n\"/opt/x\" = { source = \"/srv\" }",
            ),
        ] {
            let container = container(&format!("exec = [\"/bin/x\"]\n{root}\n"));
            assert_eq!(suits(&container), suited, "{root}");
        }
    }
}
