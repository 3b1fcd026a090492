//! `lodgerd reload`: a command in; the same run inside the running container, and its exit status out (`ExecReload=` of its
//! unit).

use std::ffi::CString;

use anyhow::{Context, Result};

use crate::inside::{Inside, execute_clone};
use crate::main_process::MainProcess;

/// The name that the second half of the work has on the command line.
pub const SECOND_HALF: &str = "reload-from-clone";

/// Executes the second half; returns only if that fails.
///
/// # Errors
/// When it cannot be executed.
pub fn start(command: &[CString]) -> Result<()> {
    let words = [CString::new(SECOND_HALF)?, c"--".to_owned()];
    let arguments: Vec<_> = words.into_iter().chain(command.iter().cloned()).collect();
    execute_clone(&arguments)
}

/// Runs the command in the container whose main process is `$MAINPID`, with the environment that systemd gave, which is the
/// unit's, and waits for it. Its exit status, or 128 and the number of the signal that ended it.
///
/// # Errors
/// When the container is not running, is none, or its rights cannot be had.
pub fn run(command: Vec<CString>) -> Result<u8> {
    let inside = Inside {
        main: MainProcess::of_this_service()?.context("the container is not running")?,
        command,
        variables: std::env::vars_os().collect(),
        group: None,
    };
    inside.run()
}
