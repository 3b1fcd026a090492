//! A service that is up in; what tells its present run from others, and where its processes are, out.

use anyhow::Result;

use super::{ServiceState, Systemd};

/// A service from one start to its stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// `InvocationID=`, in hexadecimal digits: another one at each start.
    pub invocation: String,
    /// `MainPID=`. A payload that systemd takes messages from may have named any process: see [`crate::main_process`].
    pub main_pid: i32,
    /// `ControlGroup=`.
    pub control_group: String,
}

impl Systemd {
    /// The present run of a service; `None` if it has no process, or is frozen.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn run(&mut self, service: &ServiceState) -> Result<Option<Run>> {
        let main_pid: u32 = self.property(service, "Service", "MainPID")?;
        let freezer: String = self.property(service, "Unit", "FreezerState")?;
        let control_group: String = self.property(service, "Service", "ControlGroup")?;
        let (Ok(main_pid @ 2..), "running", false) = (
            i32::try_from(main_pid),
            freezer.as_str(),
            control_group.is_empty(),
        ) else {
            return Ok(None);
        };
        Ok(Some(Run {
            invocation: self.invocation(service)?,
            main_pid,
            control_group,
        }))
    }

    /// `InvocationID=` of a service, in hexadecimal digits; empty before its first start.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn invocation(&mut self, service: &ServiceState) -> Result<String> {
        let id: Vec<u8> = self.property(service, "Unit", "InvocationID")?;
        Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
