//! logind's word in; whether the system is about to go down, and a wait until it does or does not, out.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use zbus::{Connection, OwnedVariant, block_on, proxy};

use super::Systemd;

/// How long logind may take to answer. It is not needed for anything else.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked again: whoever delays a shutdown does so for seconds.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[proxy(
    interface = "org.freedesktop.DBus.Properties",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Properties {
    // A logind that does not run has announced nothing, and is not started to say so.
    #[zbus(no_autostart)]
    fn get(&self, interface: &str, name: &str) -> zbus::Result<OwnedVariant>;
}

impl Systemd {
    /// Waits while a shutdown is announced and has not begun. systemd knows nothing of it in that time, which lasts as long as
    /// somebody delays it (systemd-inhibit(1)): that is when unattended-upgrades does what `InstallOnShutdown` tells it to.
    /// Afterwards [`Systemd::is_stopping`] tells whether the system goes down, or the shutdown was called off.
    ///
    /// # Errors
    /// When systemd does not answer. A logind that does not has announced nothing.
    pub fn wait_out_announced_shutdown(&mut self) -> Result<()> {
        let mut is_told = false;
        while !self.is_stopping()? && self.is_shutdown_announced()? {
            if !is_told {
                tracing::info!("a shutdown is announced: nothing is restarted before it");
                is_told = true;
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// `PreparingForShutdown=`, org.freedesktop.login1(5).
    fn is_shutdown_announced(&self) -> Result<bool> {
        let connection = self.connection.clone();
        let (answer, answered) = mpsc::channel();
        // In a thread, so that a logind that hangs holds nobody up.
        thread::Builder::new()
            .name("logind".into())
            .spawn(move || answer.send(block_on(preparing_for_shutdown(&connection))))
            .context("cannot start a thread")?;
        match answered.recv_timeout(PATIENCE) {
            Ok(Ok(value)) => {
                bool::try_from(value).context("PreparingForShutdown is not of the type expected")
            }
            Ok(Err(cause)) => {
                tracing::debug!("logind does not tell whether a shutdown is announced: {cause}");
                Ok(false)
            }
            Err(_) => {
                tracing::warn!("logind does not answer whether a shutdown is announced");
                Ok(false)
            }
        }
    }
}

async fn preparing_for_shutdown(connection: &Connection) -> zbus::Result<OwnedVariant> {
    PropertiesProxy::new(connection)
        .await?
        .get("org.freedesktop.login1.Manager", "PreparingForShutdown")
        .await
}
