//! `lodger status`: what systemd and /proc say of the containers in; a table or JSON out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::container::installed;
use lodger::exact_path::ExactPath;
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::refresh::report::Report;
use lodger::stale;
use lodger::status::{ContainerStatus, HealthStatus, HealthWord, Status, status};
use lodger::systemd::Systemd;
use lodger::upper::shown;
use nix::unistd::Uid;

use super::plain_table::{plain_table, trimmed};
use super::present;
use super::summary::summary;
use super::write_json;

/// Show what containers do now: their state, their processes, and whether these run the host's present code.
///
/// A container is stale when one of its processes maps a file that the host no longer has: a library that was replaced, a
/// program that was removed. That is told by inode, so it is also told where /proc/PID/maps says nothing. It takes root;
/// without, BASE, PROCESSES and STALE are "-", or null in JSON. What has no process is neither stale nor fresh.
///
/// HEALTH is what the command of [health] finds out: healthy, unhealthy with the number of checks in a row that have failed, or
/// starting as long as it has not been healthy since its start; "-" if it is not checked, or not running.
///
/// BASE is the number of the pinned base it runs on ('lodger base list'), "-" on the live host. A container that is held
/// stays on its base until 'lodger unhold'.
///
/// A container is DUE when a package change affects it and it has not started since; below the table stands what it waits for:
/// a hold, the window of its wave, another container that failed. `lodger why` tells more.
///
/// A container keeps its own of a package's file when it wrote it into its upper, but for files in /etc; updates do not reach
/// that. `lodger audit` tells only these, `lodger diff` all that a container wrote.
#[derive(Debug, Args)]
pub struct StatusOf {
    /// Only these containers: web, or web@3.
    names: Vec<String>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl StatusOf {
    /// Writes the status, by name.
    ///
    /// # Errors
    /// When systemd cannot be asked, or there is no such container.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("'status' is of the running system; it cannot be had of another root");
        }
        let mut systemd = Systemd::connect()?;
        let status = status(
            &Places::default(),
            &installed::read(prefix),
            &mut systemd,
            Uid::effective().is_root(),
            &self.names,
        )?;
        for name in &self.names {
            if !status.containers.iter().any(|has| has.name == *name) {
                bail!(
                    "systemd has no container '{name}' loaded; 'lodger list' shows those there are"
                );
            }
        }
        if self.json {
            write_json(out, &status)?;
        } else {
            write_text(out, &status)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write_text(out: &mut dyn Write, status: &Status) -> Result<()> {
    if !status.containers.is_empty() {
        writeln!(out, "{}\n", table(status))?;
    }
    if let Some(cause) = &status.unreadable {
        writeln!(out, "{}", present::unreadable(cause))?;
    }
    for container in &status.containers {
        if let Some(held) = &container.held {
            writeln!(
                out,
                "{} is held on base {held}: it is not patched until 'lodger unhold {}'",
                container.name, container.name
            )?;
        }
        write_due(out, container)?;
        if let Some(HealthStatus { why: Some(why), .. }) = &container.health {
            writeln!(
                out,
                "{}: the last health check failed: {why}",
                container.name
            )?;
        }
        for ExactPath(path) in &container.stale_paths {
            let file = stale::text_of(path);
            let what = match path.is_absolute() {
                true => "still runs the old",
                false => "may run old code",
            };
            writeln!(out, "{} {what} {file}", container.name)?;
        }
        write_shadows(out, container)?;
    }
    if status.refreshing {
        writeln!(out, "A refresh is under way; see 'journalctl -u lodgerd'.")?;
    }
    match (&status.last_refresh, &status.unreadable_record) {
        (_, Some(cause)) => writeln!(out, "{}", present::unreadable_record(cause))?,
        (Some(report), None) => writeln!(out, "{}", in_words(report))?,
        (None, None) => writeln!(out, "There has been no refresh yet.")?,
    }
    Ok(())
}

fn write_due(out: &mut dyn Write, container: &ContainerStatus) -> Result<()> {
    let (name, Some(due)) = (&container.name, &container.due) else {
        return Ok(());
    };
    let waits_for = due.waits_for.as_deref();
    let waits_for = waits_for.unwrap_or("what it waits for only root can see");
    writeln!(out, "{name} is due: {waits_for}")?;
    if let Some(failed) = &due.failed {
        let (refresh, how) = (failed.refresh, &failed.how);
        writeln!(out, "{name} failed in refresh {refresh}: {how}")?;
    }
    Ok(())
}

/// The most shadows of one container that are told here; `lodger audit` tells them all.
const MOST_SHADOWS: usize = 5;

fn write_shadows(out: &mut dyn Write, container: &ContainerStatus) -> Result<()> {
    let name = &container.name;
    let shadows = container.shadows.as_deref().unwrap_or_default();
    for shadow in shadows.iter().take(MOST_SHADOWS) {
        let packages: Vec<_> = shadow.packages.iter().map(String::as_str).collect();
        writeln!(
            out,
            "{name} keeps its own {} of {}: it will not be patched",
            shown::text(&shadow.path),
            packages.join(", ")
        )?;
    }
    if let Some(more) = shadows
        .len()
        .checked_sub(MOST_SHADOWS)
        .filter(|more| *more > 0)
    {
        writeln!(out, "{name} keeps {more} more; see 'lodger audit'")?;
    }
    for missing in &container.shadows_missing {
        writeln!(out, "{name} may keep more files of its own: {missing}")?;
    }
    Ok(())
}

fn in_words(report: &Report) -> String {
    format!(
        "Last refresh: number {}, {}, at {}: {}",
        report.number,
        report.outcome.word(),
        report.finished,
        summary(report)
    )
}

fn table(status: &Status) -> String {
    let heads = [
        "NAME",
        "STATE",
        "SINCE",
        "HEALTH",
        "BASE",
        "PROCESSES",
        "STALE",
        "DUE",
    ];
    let mut table = plain_table(heads);
    for container in &status.containers {
        let state = match &container.result {
            Some(result) => format!("{} ({result})", container.state),
            None => format!("{} ({})", container.state, container.sub_state),
        };
        let processes = container
            .processes
            .map_or("-".to_owned(), |processes| processes.to_string());
        let stale = match container.stale {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        let since = container.since.as_deref().unwrap_or("-");
        let base = match (&container.base, &container.held) {
            (Some(base), Some(held)) if base == held => format!("{base} (held)"),
            (Some(base), Some(held)) => format!("{base} (held on {held})"),
            (None, Some(held)) => format!("(held on {held})"),
            (Some(base), None) => base.clone(),
            (None, None) => "-".to_owned(),
        };
        let due = match container.due {
            Some(_) => "yes",
            None if status.unreadable.is_some() => "-",
            None => "no",
        };
        let health = match &container.health {
            None => "-".to_owned(),
            Some(health) => match health.state {
                HealthWord::Starting => "starting".to_owned(),
                HealthWord::Healthy => "healthy".to_owned(),
                HealthWord::Unhealthy => format!("unhealthy {}", health.failures),
            },
        };
        table.add_row([
            &container.name,
            &state,
            since,
            &health,
            &base,
            &processes,
            stale,
            due,
        ]);
    }
    trimmed(&mut table)
}
