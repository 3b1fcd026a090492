//! `lodger show`: a container's name in; its units, byte for byte as the generator writes them, out.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lodger::container::Name;
use lodger::container::installed::{self, Installed};
use lodger::container::name::FileName;
use lodger::container::sources::{Origin, sources};
use lodger::diagnostic::{Diagnostic, did_you_mean, printable, quote};
use lodger::generate::{UnitTree, tree};
use lodger::prefix::Prefix;
use serde::Serialize;

use super::plain_table::{plain_table, trimmed};
use super::{tell, write_json};

/// Show the units of a container.
///
/// What is shown is what the next `systemctl daemon-reload` makes, byte for byte. The unit of a refused container is the one
/// that fails and tells why.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lodger show web       the container of web.toml
  lodger show web@3     one instance of web@.toml
  lodger show web@      all of them
  lodger show --sources web   which file each of its values comes from")]
pub struct Show {
    /// web, web@3 for one instance, or web@ for all.
    name: String,
    /// Show which file and line each value comes from, instead of the units.
    #[arg(long)]
    sources: bool,
    /// Write JSON: each unit's name, text and links; or each value's key, file and line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    unit: &'a str,
    text: &'a str,
    links: Vec<Link<'a>>,
}

#[derive(Debug, Serialize)]
struct Link<'a> {
    path: &'a str,
    target: &'a str,
}

impl Show {
    /// Writes the units; those of a refused container with exit status 1 and its diagnostics on stderr.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let installed = installed::read(prefix);
        let units = units_of(&installed, &self.name)?;
        if self.sources {
            return self.run_sources(&installed, out);
        }
        let tree = tree(&installed, prefix);
        let shown: Vec<_> = units.iter().filter_map(|unit| shown(&tree, unit)).collect();
        if self.json {
            write_json(out, &shown)?;
        } else {
            write_units(out, &shown)?;
        }
        let wrong = mistakes(&installed, &self.name);
        tell(wrong.iter().copied())?;
        Ok(if wrong.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl Show {
    fn run_sources(&self, installed: &Installed, out: &mut dyn Write) -> Result<ExitCode> {
        let (file, instance) = match self.name.split_once('@') {
            Some((stem, "")) => (format!("{stem}@"), None),
            Some((stem, instance)) => (format!("{stem}@"), Some(instance)),
            None => (self.name.clone(), None),
        };
        let name = FileName::parse(&file).map_err(anyhow::Error::msg)?;
        let origins = sources(installed, &name, instance);
        if self.json {
            write_json(out, &origins)?;
        } else if !origins.is_empty() {
            writeln!(out, "{}", sources_table(&origins))?;
        }
        let wrong = mistakes(installed, &self.name);
        tell(wrong.iter().copied())?;
        Ok(ExitCode::from(u8::from(!wrong.is_empty())))
    }
}

fn sources_table(origins: &[Origin]) -> String {
    let mut table = plain_table(["KEY", "VALUE", "SOURCE", "INSTEAD OF"]);
    for origin in origins {
        let place = |path: &Path, line: usize| format!("{}:{line}", path.display());
        let overridden = origin.overridden.iter();
        let overridden: Vec<_> = overridden.map(|at| place(&at.path, at.line)).collect();
        table.add_row([
            origin.key.clone(),
            one_line(&origin.value),
            place(&origin.path, origin.line),
            overridden.join(", "),
        ]);
    }
    trimmed(&mut table)
}

/// A value on one line, cut where it gets long.
fn one_line(value: &str) -> String {
    const LONGEST: usize = 60;
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => printable(&format!("{}...", &line[..cut])),
        None => printable(&line),
    }
}

fn shown<'a>(tree: &'a UnitTree, unit: &'a str) -> Option<Shown<'a>> {
    let text = tree.files.get(unit)?;
    let links = tree
        .links_to(unit)
        .map(|(path, target)| Link { path, target })
        .collect();
    Some(Shown { unit, text, links })
}

/// One unit as it is; of several each with its name above it.
fn write_units(out: &mut dyn Write, shown: &[Shown<'_>]) -> Result<()> {
    for (index, Shown { unit, text, .. }) in shown.iter().enumerate() {
        if shown.len() > 1 {
            let gap = if index > 0 { "\n" } else { "" };
            writeln!(out, "{gap}# {unit}")?;
        }
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// The names of the units that `name` stands for.
fn units_of(installed: &Installed, name: &str) -> Result<Vec<String>> {
    let is_wanted =
        |file: &FileName, container: &Name| container.as_str() == name || file.as_str() == name;
    let mut units = Vec::new();
    for file in &installed.good {
        let wanted = file
            .containers
            .iter()
            .filter(|container| is_wanted(&file.name, &container.name));
        for container in wanted {
            units.push(container.name.service());
            let timer = container.health.as_ref();
            units.extend(timer.map(|_| container.name.health_timer()));
        }
    }
    for refused in &installed.refused {
        let wanted = refused
            .names
            .iter()
            .filter(|container| is_wanted(&refused.name, container));
        units.extend(wanted.map(Name::service));
        if refused.names.is_empty() && name.starts_with(refused.name.as_str()) {
            units.push(refused.name.service());
        }
    }
    if units.is_empty() && mistakes(installed, name).is_empty() {
        if let Some((_, mask)) = installed
            .masked
            .iter()
            .find(|(masked, _)| masked.as_str() == name)
        {
            bail!("{} is masked by {}", quote(name), mask.display());
        }
        let names = installed
            .containers()
            .map(|container| container.name.as_str());
        match did_you_mean(
            name,
            names.chain(
                installed
                    .refused
                    .iter()
                    .map(|refused| refused.name.as_str()),
            ),
        ) {
            Some(meant) => bail!(
                "no container is called {}; did you mean \"{meant}\"?",
                quote(name)
            ),
            None => bail!("no container is called {}", quote(name)),
        }
    }
    Ok(units)
}

/// Why what `name` stands for is refused, or what of it is.
fn mistakes<'a>(installed: &'a Installed, name: &str) -> Vec<&'a Diagnostic> {
    let clashing = installed
        .clashing
        .iter()
        .filter(|(container, _)| container.as_str() == name || container.template() == Some(name));
    let refused = installed.refused.iter().filter(|refused| {
        let unknown = refused.names.is_empty() && name.starts_with(refused.name.as_str());
        unknown
            || refused.name.as_str() == name
            || refused
                .names
                .iter()
                .any(|container| container.as_str() == name)
    });
    clashing
        .map(|(_, diagnostic)| diagnostic)
        .chain(refused.flat_map(|refused| &refused.diagnostics))
        .collect()
}

/// What it can write with `--json`, for lodger-json(5).
#[cfg(test)]
pub fn samples() -> Vec<serde_json::Value> {
    let link = Link {
        path: "lodger.target.wants/lodger-web.service",
        target: "../lodger-web.service",
    };
    vec![serde_json::json!([Shown {
        unit: "lodger-web.service",
        text: "[Unit]",
        links: vec![link],
    }])]
}
