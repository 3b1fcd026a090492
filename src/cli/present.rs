//! The running system in; what its next refresh, or the one under way, has to do, out.

use anyhow::{Context, Result, bail};
use lodger::bus::client;
use lodger::prefix::Prefix;
use lodger::refresh::{self, Places, Present};
use lodger::settings::{self, Settings};
use lodger::systemd::Systemd;
use nix::unistd::Uid;

/// What is to be done at present; only root can read what containers are held on, so everybody else asks lodgerd.
///
/// # Errors
/// When what refreshes have written cannot be read, or systemd or lodgerd cannot be asked.
pub fn read(prefix: &Prefix, command: &str) -> Result<Present> {
    if !prefix.is_host() {
        bail!("'{command}' is of the running system; it cannot be had of another root");
    }
    if !Uid::effective().is_root() {
        let plan = client::ask(async |manager| manager.plan().await)?;
        return serde_json::from_str(&plan).context("cannot make sense of lodgerd's answer");
    }
    let mut systemd = Systemd::connect()?;
    refresh::present(&Places::default(), &mut systemd, &settings(prefix))
}

/// As lodgerd has them: with a mistake in the file they are the defaults.
fn settings(prefix: &Prefix) -> Settings {
    settings::read(prefix).unwrap_or_default()
}

/// That the record of the last refresh cannot be read, for `cause`, and what comes of that.
pub fn unreadable_record(cause: &str) -> String {
    format!(
        "It cannot be told how the last refresh went: {cause}. The next one writes a record of its own."
    )
}

/// That it cannot be told who is due, for `cause`, and what comes of that.
pub fn unreadable(cause: &str) -> String {
    format!(
        "It cannot be told who is due: {cause}. The next refresh counts every running container as affected; 'lodger refresh' \
         starts one."
    )
}
