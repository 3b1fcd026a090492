//! Commands in; what they say, or their failure with what they said, out. None outlives its limit.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What the command writes to standard output.
pub fn text_of(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs it; only its success counts.
pub fn succeed(command: &mut Command) -> Result<()> {
    text_of(command).map(drop)
}

/// The same, but no longer than until `end`. What it wrote is not kept: standard output stays as set before.
pub fn succeed_until(end: Instant, command: &mut Command) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{}: {status}", shortened(command));
            return Ok(());
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            bail!("{}: not done within the limit", shortened(command));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// A thousand units in one message help nobody.
fn shortened(command: &Command) -> String {
    let mut text = format!("{command:?}");
    if let Some((end, _)) = text.char_indices().nth(120) {
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}
