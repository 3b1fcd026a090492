//! What lodgerd offers on the bus, as callers see it.

use std::sync::mpsc::{self, Receiver};
use std::thread;

use anyhow::{Context, Result, anyhow};
use futures_util::StreamExt;
use zbus::{Connection, Message, block_on, proxy};

use super::system_bus;

/// `org.lodger1.Manager`, see org.lodger1(5). Those that change something may ask for a password.
#[proxy(
    interface = "org.lodger1.Manager",
    default_service = "org.lodger1",
    default_path = "/org/lodger1"
)]
pub trait Manager {
    /// Asks for a refresh.
    #[zbus(allow_interactive_auth)]
    fn refresh(&self) -> zbus::Result<u64>;
    /// What is to be done at present, as `lodger plan --json` has it.
    fn plan(&self) -> zbus::Result<String>;
    /// Has refreshes leave a container.
    #[zbus(allow_interactive_auth)]
    fn hold(&self, name: &str, until: u64) -> zbus::Result<()>;
    /// Lets refreshes restart it again.
    #[zbus(allow_interactive_auth)]
    fn unhold(&self, name: &str) -> zbus::Result<bool>;
    /// Takes a container back to an older base.
    #[zbus(allow_interactive_auth)]
    fn rollback(&self, name: &str, base: u64) -> zbus::Result<u64>;
    /// A refresh begins to restart containers.
    #[zbus(signal)]
    fn refresh_started(&self, number: u64) -> zbus::Result<()>;
    /// Something has become of a container in a refresh.
    #[zbus(signal)]
    fn container_changed(&self, name: String, action: String) -> zbus::Result<()>;
    /// A refresh is over.
    #[zbus(signal)]
    fn refresh_finished(&self, number: u64, outcome: String) -> zbus::Result<()>;
}

/// Connects to the system bus.
///
/// # Errors
/// When there is none.
pub fn connect() -> Result<Connection> {
    block_on(async { system_bus()?.build().await }).context(
        "cannot ask lodgerd without the system bus (D-Bus); see 'systemctl status dbus.socket'",
    )
}

/// Asks lodgerd something, and waits for the answer.
///
/// # Errors
/// What it says, or that it cannot be reached.
pub fn ask<T>(question: impl AsyncFn(&ManagerProxy<'static>) -> zbus::Result<T>) -> Result<T> {
    let connection = connect()?;
    let answer = block_on(async {
        let manager = ManagerProxy::new(&connection).await?;
        question(&manager).await
    });
    answer.map_err(in_words)
}

/// What lodgerd says of refreshes while they go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// One begins to restart containers.
    Started(u64),
    /// What became of a container.
    Container(String, String),
    /// One is over, with its outcome.
    Finished(u64, String),
}

/// What is heard from now on; it ends with the connection.
pub type Followed = Receiver<Heard>;

/// Listens to lodgerd, whether it is there already or not.
///
/// # Errors
/// When there is no bus.
pub fn follow() -> Result<Followed> {
    let connection = connect()?;
    let mut signals = block_on(async {
        let manager = ManagerProxy::new(&connection).await?;
        manager.inner().receive_all_signals().await
    })
    .map_err(in_words)?;
    let (tell, heard) = mpsc::channel();
    let listen = move || {
        while let Some(signal) = block_on(signals.next()) {
            // Nobody listens any more when it is over.
            if heard_of(&signal).is_some_and(|heard| tell.send(heard).is_err()) {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(listen)
        .context("cannot start a thread")?;
    Ok(heard)
}

/// What a signal says; one that a later version sends says nothing.
fn heard_of(signal: &Message) -> Option<Heard> {
    let body = signal.body();
    match signal.header().member()?.as_str() {
        "RefreshStarted" => body.deserialize().ok().map(Heard::Started),
        "ContainerChanged" => {
            let (name, action) = body.deserialize().ok()?;
            Some(Heard::Container(name, action))
        }
        "RefreshFinished" => {
            let (number, outcome) = body.deserialize().ok()?;
            Some(Heard::Finished(number, outcome))
        }
        _ => None,
    }
}

/// The text of an error without the name of its kind.
pub fn in_words(cause: zbus::Error) -> anyhow::Error {
    match cause {
        zbus::Error::MethodError(_, Some(text), _) => anyhow!("{text}"),
        zbus::Error::FDO(cause) => {
            let text = zbus::DBusError::description(&*cause);
            anyhow!("{}", text.map_or_else(|| cause.to_string(), str::to_owned))
        }
        cause => anyhow::Error::new(cause).context("cannot ask lodgerd"),
    }
}
