//! This process in; what systemd knows of the service that it is a command of, out.

use anyhow::Result;

use super::service::get;
use super::{ManagerProxy, PropertiesProxy, Systemd};

impl Systemd {
    /// Whether systemd's executor has made way for the program of this process's service, since the service was started
    /// (`ExecMainHandoffTimestamp=` in org.freedesktop.systemd1(5)).
    ///
    /// # Errors
    /// When this process is of no service, or systemd does not answer.
    pub fn own_program_began(&mut self) -> Result<bool> {
        let process = std::process::id();
        let began: u64 = self.ask_at("for the start of the program", async |connection| {
            let manager = ManagerProxy::new(connection).await?;
            let unit = manager.get_unit_by_pid(process).await?;
            let properties = PropertiesProxy::new(connection, unit).await?;
            get(&properties, "Service", "ExecMainHandoffTimestampMonotonic").await
        })?;
        Ok(began != 0)
    }
}
