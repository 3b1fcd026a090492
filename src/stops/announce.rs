//! A container's main process in; systemd told in its name that it is stopping, out.

use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
    sendmsg, socket,
};

use crate::main_process::MainProcess;

/// What sd_notify(3) sends.
const STOPPING: &[u8] = b"STOPPING=1";

/// Says so over the socket at `systemd`, `$NOTIFY_SOCKET`. The kernel lets this process speak for another one (unix(7),
/// `SCM_CREDENTIALS`), with `CAP_SYS_ADMIN`.
///
/// # Errors
/// When the message cannot be sent, or the process has ended.
pub fn announce(main: &MainProcess, systemd: &Path) -> Result<()> {
    let address = UnixAddr::new(systemd).context("$NOTIFY_SOCKET")?;
    let kind = SockType::Datagram;
    let from = socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None)
        .context("cannot make a socket")?;
    let credentials = UnixCredentials::from(libc::ucred {
        pid: main.pid,
        uid: 0,
        gid: 0,
    });
    // The number means the main process as long as that has not ended; a moment ago it had not.
    if main.handle.wait(Duration::ZERO)? {
        bail!("process {} has ended", main.pid);
    }
    sendmsg(
        from.as_raw_fd(),
        &[IoSlice::new(STOPPING)],
        &[ControlMessage::ScmCredentials(&credentials)],
        MsgFlags::empty(),
        Some(&address),
    )
    .with_context(|| format!("cannot tell systemd that process {} is stopping", main.pid))?;
    Ok(())
}
