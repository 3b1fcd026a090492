//! What lodger offers on the system bus: `org.lodger1.Manager` at `/org/lodger1`.
//!
//! A call does no more than dpkg's hooks do, it leaves the mark; so whoever asks for a refresh, the same one happens.

use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result};
use zbus::{block_on, connection, fdo, interface};

use crate::refresh::Places;
use crate::refresh::report;

/// The bus name.
pub const NAME: &str = "org.lodger1";
/// The object path.
pub const PATH: &str = "/org/lodger1";

struct Manager {
    places: Places,
}

#[interface(name = "org.lodger1.Manager")]
impl Manager {
    /// Asks for a refresh, as dpkg's hooks do. Returns at once; nothing happens if no package has changed.
    fn refresh(&self) -> fdo::Result<()> {
        self.places
            .mark()
            .map_err(|cause| fdo::Error::Failed(format!("{cause:#}")))
    }

    /// Whether a refresh is due or under way.
    #[zbus(property(emits_changed_signal = "false"))]
    fn refreshing(&self) -> bool {
        self.places.is_refresh_due()
    }

    /// The number of the last refresh; 0 before the first.
    #[zbus(property(emits_changed_signal = "false"))]
    fn last_refresh(&self) -> fdo::Result<u64> {
        let newest = report::newest(&self.places.refreshes())
            .map_err(|cause| fdo::Error::Failed(format!("{cause:#}")))?;
        Ok(newest.map_or(0, |(number, _)| number))
    }

    /// lodger's version.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// Serves the interface from a thread of its own until the process ends. Returns once the name is taken.
///
/// # Errors
/// When there is no bus, or the name is not to be had.
pub fn serve(places: Places) -> Result<()> {
    let (served, ready) = mpsc::channel();
    let serve = move || {
        let connection = connection::Builder::system()
            .serve_at(PATH, Manager { places })
            .name(NAME)
            .build();
        match block_on(connection) {
            Ok(_connection) => {
                // The one who waits for it is there: it waits below.
                let _ = served.send(Ok(()));
                block_on(std::future::pending::<()>());
            }
            Err(cause) => {
                let _ = served.send(Err(cause));
            }
        }
    };
    thread::Builder::new()
        .name("bus".into())
        .spawn(serve)
        .context("cannot start a thread")?;
    ready
        .recv()
        .context("the thread for the bus ended early")?
        .with_context(|| format!("cannot offer {NAME} on the bus"))
}
