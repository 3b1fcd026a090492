//! `lodger why`: a container in; why what changed affects it, as lines or JSON, out.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::container::{Name, installed};
use lodger::prefix::Prefix;
use lodger::refresh::Places;
use lodger::systemd::Systemd;
use lodger::why::{Why, why};
use nix::unistd::Uid;

use super::write_json;

/// Show why a container has to be restarted for what changed on the host to reach it.
///
/// Compared are the base that it runs on and the one that it would start on now. What it maps and has open is seen by inode.
/// What it may load, run or read next is told by what packages say that they need: modules of the interpreter that it runs,
/// parts of its program, data that its program needs, and for a shell that runs other programs everything. It takes root.
#[derive(Debug, Args)]
pub struct WhyOf {
    /// The container: web, or web@3.
    #[arg(value_parser = Name::parse)]
    name: Name,
    /// Write JSON, with all that was seen.
    #[arg(long)]
    json: bool,
}

impl WhyOf {
    /// Writes a line for each reason.
    ///
    /// # Errors
    /// When there is no such container, or it cannot be looked at.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        if !prefix.is_host() {
            bail!("'why' is of the running system; it cannot be had of another root");
        }
        if !Uid::effective().is_root() {
            bail!("only root may look at the processes of containers");
        }
        let installed = installed::read(prefix);
        let mut containers = installed.containers();
        let Some(container) = containers.find(|container| container.name == self.name) else {
            bail!("there is no container '{}'", self.name);
        };
        let mut systemd = Systemd::connect()?;
        let group = match systemd.service(&self.name.service())? {
            Some(service) => systemd.control_group(&service)?,
            None => String::new(),
        };
        let found = why(&Places::default(), container, &group)?;
        for fault in &found.faults {
            writeln!(io::stderr(), "note: in dpkg's status, {fault}")?;
        }
        if self.json {
            write_json(out, &found)?;
        } else {
            write_text(out, &found)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write_text(out: &mut dyn Write, why: &Why) -> Result<()> {
    let name = &why.name;
    if why.evidence.processes == 0 {
        writeln!(out, "{name} is not running")?;
    } else if why.reasons.is_empty() {
        writeln!(out, "{name} is not affected by what changed")?;
    }
    for reason in &why.reasons {
        writeln!(out, "{name} {reason}")?;
    }
    Ok(())
}
