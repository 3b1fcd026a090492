//! What lodger offers on the system bus: `org.lodger1.Manager` at `/org/lodger1`. Its methods and signals are in `manager`,
//! described in org.lodger1(5).
//!
//! A call for a refresh does no more than dpkg's hooks do, it leaves the mark; so whoever asks for one, the same one happens.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, block_on, connection};

use crate::place;
use crate::refresh::plan::Plan;
use crate::refresh::report::Action;
use crate::refresh::{Observer, Places};

mod answer;
mod arguments;
mod calls;
pub mod client;
mod manager;
mod polkit;

use calls::Calls;
use manager::Manager;

/// The bus name.
pub const NAME: &str = "org.lodger1";
/// The object path.
pub const PATH: &str = "/org/lodger1";
/// Where a method takes the name of a container, this stands for all.
pub const ALL: &str = "*";
/// `RefreshFinished` says this of a refresh that had nothing to do, and so has no record.
pub const NOTHING_TO_DO: &str = "nothing-to-do";

/// How long to wait at most for calls that came while the name was given back.
const LAST_CALLS: Duration = Duration::from_secs(30);
/// A call that has been read from the socket by then has begun.
const MOMENT: Duration = Duration::from_millis(50);

/// The interface, served from a thread of its own until the process ends.
pub struct Bus {
    connection: Connection,
    calls: Arc<Calls>,
}

/// To connect to the system bus. Never where the environment says, as zbus would have it: lodgerd has that of containers, which may
/// write it (`environment-files`), and an address can name a program to execute.
///
/// # Errors
/// When zbus does not take the address.
pub fn system_bus() -> zbus::Result<connection::Builder<'static>> {
    let address: zbus::Address = place::SYSTEM_BUS.parse()?;
    Ok(connection::Builder::address(address))
}

/// Serves the interface. Returns once the name is taken.
///
/// # Errors
/// When there is no bus, or the name is not to be had.
pub fn serve(places: Places) -> Result<Bus> {
    let (served, ready) = mpsc::channel();
    let calls = Arc::new(Calls::default());
    let manager = Manager::new(places, calls.clone());
    let serve = move || {
        let connection = block_on(async {
            let connection = system_bus()?.serve_at(PATH, manager).name(NAME);
            connection.build().await
        });
        let is_served = connection.is_ok();
        // The one who waits for it is there: it waits below.
        let _ = served.send(connection);
        if is_served {
            block_on(std::future::pending::<()>());
        }
    };
    thread::Builder::new()
        .name("bus".into())
        .spawn(serve)
        .context("cannot start a thread")?;
    let connection = ready
        .recv()
        .context("the thread for the bus ended early")?
        .with_context(|| format!("cannot offer {NAME} on the bus"))?;
    Ok(Bus { connection, calls })
}

impl Bus {
    /// Whether nobody has asked for anything for as long as `span`.
    pub fn is_idle(&self, span: Duration) -> bool {
        self.calls.is_idle(span)
    }

    /// Gives the name back, so that the next call starts another lodgerd, and answers what came before. systemd has to know by
    /// then that this one is ending.
    pub fn leave(&self) {
        // Without a bus there is nobody to answer.
        if let Err(cause) = block_on(self.connection.release_name(NAME)) {
            tracing::debug!("cannot give {NAME} back: {cause}");
            return;
        }
        let end = Instant::now() + LAST_CALLS;
        while !self.is_idle(MOMENT) && Instant::now() < end {
            thread::sleep(MOMENT);
        }
    }

    /// Tells everybody that a refresh is over.
    pub fn finished(&self, number: u64, outcome: &str) {
        self.tell(async |emitter| Manager::refresh_finished(emitter, number, outcome).await);
    }

    /// Nobody may be there to listen, and without a bus nobody is: the work goes on.
    fn tell(&self, signal: impl AsyncFn(&SignalEmitter<'_>) -> zbus::Result<()>) {
        let told = SignalEmitter::new(&self.connection, PATH)
            .and_then(|emitter| block_on(signal(&emitter)));
        if let Err(cause) = told {
            tracing::debug!("cannot send a signal: {cause}");
        }
    }
}

impl Observer for &Bus {
    fn begins(&mut self, number: u64, _plan: &Plan) {
        self.tell(async |emitter| Manager::refresh_started(emitter, number).await);
    }

    fn container(&mut self, _number: u64, name: &str, action: Action) {
        let action = action.word();
        self.tell(async |emitter| Manager::container_changed(emitter, name, action).await);
    }
}
