//! Whether a container that has just started is shut in as it should be: its main process in, all that is missing out.
//!
//! systemd goes on without a namespace that it cannot have, with no more than a line in the journal. So nothing is taken
//! for granted: what has to be private is compared with PID 1's, and the root has to be an overlay of this container.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cgroup::is_gone;
use crate::container::Name;
use crate::root::mount::whole_table;
use crate::stale::{OverlayMount, overlay_mounts};

/// Namespaces that are the container's own (namespaces(7)): `PrivateMounts=`, `PrivatePIDs=`, `PrivateIPC=`,
/// `ProtectHostname=`.
const PRIVATE: [&str; 4] = ["mnt", "pid", "ipc", "uts"];

/// What is missing where a process does not show its root.
const NOT_ITS_ROOT: &str = "its root is not its overlay";

/// Makes sure that the process `main` of the container `name` is isolated, from the host's network too if it has a
/// `private_network` (`PrivateNetwork=`).
///
/// # Errors
/// With everything that is missing, or when it cannot be looked at. A process that has ended is none. This process must have no other
/// threads.
pub fn require(name: &Name, main: i32, private_network: bool) -> Result<()> {
    let network = private_network.then_some("net");
    let namespaces: Vec<_> = PRIVATE.into_iter().chain(network).collect();
    match missing(name, main, &namespaces, Path::new("/proc/1")) {
        Ok(missing) if missing.is_empty() => Ok(()),
        // It has a mount namespace of its own: that comes first.
        Ok(missing) if missing == [NOT_ITS_ROOT] && has_called_chroot(name, main)? => Ok(()),
        Ok(missing) => bail!("the container is not isolated: {}", missing.join("; ")),
        Err(cause) if is_gone(&cause) => Ok(()),
        Err(cause) => {
            Err(cause).with_context(|| format!("cannot look at the isolation of process {main}"))
        }
    }
}

/// The namespaces of this process, a line each: what [`require_of_this_host`] reads.
///
/// # Errors
/// When /proc cannot be read.
pub fn own_namespaces() -> Result<String> {
    let mut lines = String::new();
    for namespace in PRIVATE.into_iter().chain(["net"]) {
        let path = format!("/proc/self/ns/{namespace}");
        let link = fs::read_link(&path).with_context(|| format!("cannot read '{path}'"))?;
        lines += &format!("{}\n", link.display());
    }
    Ok(lines)
}

/// Makes sure that a process with these namespaces, which systemd started as it starts containers, has none of the host's.
/// What systemd goes on without depends on the host and not on the container, so it is looked at once.
///
/// # Errors
/// With everything that is missing.
pub fn require_of_this_host(namespaces: &str) -> Result<()> {
    let found: Vec<&str> = namespaces.lines().collect();
    let mut missing = Vec::new();
    for namespace in PRIVATE.into_iter().chain(["net"]) {
        let path = format!("/proc/1/ns/{namespace}");
        let host = fs::read_link(&path).with_context(|| format!("cannot read '{path}'"))?;
        let own = found
            .iter()
            .find(|line| line.starts_with(&format!("{namespace}:[")));
        match own {
            Some(own) if *own != host.to_string_lossy() => {}
            _ => missing.push(format!("no {namespace} namespace of its own")),
        }
    }
    if !missing.is_empty() {
        bail!(
            "systemd does not isolate services on this host: {}; see the journal for \"proceeding without\"",
            missing.join("; ")
        );
    }
    Ok(())
}

/// What the process lacks, compared with the process of the host at `host` in /proc.
fn missing(name: &Name, main: i32, namespaces: &[&str], host: &Path) -> io::Result<Vec<String>> {
    let proc = PathBuf::from(format!("/proc/{main}"));
    let mut missing = Vec::new();
    for namespace in namespaces {
        let file = format!("ns/{namespace}");
        // A link whose text names the namespace by its inode.
        if fs::read_link(proc.join(&file))? == fs::read_link(host.join(&file))? {
            missing.push(format!("it has the host's {namespace} namespace"));
        }
    }
    let mountinfo = fs::read(proc.join("mountinfo"))?;
    let device = fs::metadata(proc.join("root"))?.dev();
    let device = (nix::libc::major(device), nix::libc::minor(device));
    if root_of(&mountinfo, name).is_none_or(|root| root.device != device) {
        missing.push(NOT_ITS_ROOT.to_owned());
    }
    Ok(missing)
}

/// The overlay of the container that a mount table has for its root.
fn root_of(mountinfo: &[u8], name: &Name) -> Option<OverlayMount> {
    let mut overlays = overlay_mounts(mountinfo, name).into_iter();
    overlays.find(|overlay| overlay.at == *"/")
}

/// Whether the root is missing for no other reason than that the program, as some do at once, called chroot(2): then what its
/// namespace has for a root is the container's overlay.
fn has_called_chroot(name: &Name, main: i32) -> Result<bool> {
    let table = whole_table(main)?;
    Ok(table.is_some_and(|table| root_of(&table, name).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_the_host_is_not_isolated_in_anything() {
        let name = Name::parse("web").unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(
            missing(&name, own, &["mnt", "net"], Path::new("/proc/self")).unwrap(),
            [
                "it has the host's mnt namespace",
                "it has the host's net namespace",
                "its root is not its overlay",
            ]
        );
    }

    #[test]
    fn a_process_that_has_ended_is_no_error() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        require(&Name::parse("web").unwrap(), pid, true).unwrap();
    }
}
