//! What a command of lodger's has to say to systemd (sd_notify(3)).
//!
//! The unit of a container keeps `$NOTIFY_SOCKET` from all of its commands (`UnsetEnvironment=`), for the program is not to have it. A
//! command of such a unit has to be told that it is one.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::OnceLock;

use sd_notify::NotifyState;

/// Where systemd listens, if the environment does not tell.
static SOCKET: OnceLock<&Path> = OnceLock::new();

/// From now on [`notify`] speaks to systemd at `socket`.
pub fn speak_to(socket: &'static Path) {
    // Once said, it is said.
    let _ = SOCKET.set(socket);
}

/// Says it; nothing without anybody to say it to.
///
/// # Errors
/// When nobody listens.
pub fn notify(states: &[NotifyState]) -> io::Result<()> {
    let Some(socket) = SOCKET.get() else {
        return sd_notify::notify(states);
    };
    let states: String = states.iter().map(|state| format!("{state}\n")).collect();
    let sent = UnixDatagram::unbound()?.send_to(states.as_bytes(), socket);
    sent.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only one that calls it: it holds for the whole process.
    #[test]
    fn it_is_said_where_systemd_listens() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("notify");
        let systemd = UnixDatagram::bind(&socket).unwrap();
        speak_to(Path::new(String::leak(socket.display().to_string())));
        notify(&[NotifyState::Status("a b"), NotifyState::Ready]).unwrap();
        let mut heard = [0; 64];
        let length = systemd.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"STATUS=a b\nREADY=1\n");
    }
}
