//! The end of a service's program as systemd tells it in; whether that was a start that systemd lost, out.
//!
//! For `PrivatePIDs=` systemd's executor forks: the first process tells PID 1 the number of the second one, which becomes the
//! program, and exits. PID 1 reads such messages before it looks for processes that have ended. But where it gets no processor
//! between the two, message and exit come in between. Then it takes that exit for the program's, calls the start a success and
//! stops the service, and the program ends before its first instruction: "Failed to mark exec_fd as hot: Broken pipe". The start
//! job is "done", the service "inactive", and `Restart=on-failure` sees no failure. (systemd 257 to 262: `setup_private_pids()` in
//! exec-invoke.c, `manager_dispatch_sigchld()` in manager.c. Seen about once in thousands of starts on a busy host.)
//!
//! `ExecStop=` is the first to run after that. When it fails, the start has failed, and is tried again as the container file says.

use std::env;

use anyhow::Result;

use crate::root::mount::enter_host_mounts;
use crate::systemd::Systemd;

/// Whether systemd has ended the service this command belongs to, as one whose program had ended well, before its program began.
///
/// Changes to the host's mount namespace, where the system bus is the host's: so this process must have no other threads yet.
///
/// # Errors
/// When systemd does not answer.
pub fn is_lost() -> Result<bool> {
    if !has_ended_well(|name| env::var(name).ok()) {
        return Ok(false);
    }
    enter_host_mounts()?;
    let began = Systemd::connect()?.own_program_began()?;
    Ok(!began)
}

/// Whether that is what systemd takes the program for (systemd.exec(5), "$SERVICE_RESULT", "$EXIT_CODE"). No other end is mistaken.
fn has_ended_well(variable: impl Fn(&str) -> Option<String>) -> bool {
    let well = [
        ("SERVICE_RESULT", "success"),
        ("EXIT_CODE", "exited"),
        ("EXIT_STATUS", "0"),
    ];
    well.iter()
        .all(|(name, value)| variable(name).as_deref() == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_good_end_is_asked_about() {
        for (result, code, status, expected) in [
            ("success", Some("exited"), Some("0"), true),
            // Nothing has ended: somebody stops it.
            ("success", None, None, false),
            ("success", Some("exited"), Some("3"), false),
            ("success", Some("killed"), Some("TERM"), false),
            ("exit-code", Some("exited"), Some("1"), false),
            // The program, well; its ExecStartPost=, not.
            ("exit-code", Some("exited"), Some("0"), false),
        ] {
            let variable = |name: &str| match name {
                "SERVICE_RESULT" => Some(result.to_owned()),
                "EXIT_CODE" => code.map(str::to_owned),
                "EXIT_STATUS" => status.map(str::to_owned),
                _ => None,
            };
            assert_eq!(
                has_ended_well(variable),
                expected,
                "{result} {code:?} {status:?}"
            );
        }
    }
}
