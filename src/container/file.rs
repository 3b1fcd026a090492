//! The text of one container file in; the containers it makes, or everything that is wrong with it, out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use super::name::FileName;
use super::requires::{self, Reference};
use super::{
    Base, Container, Limits, Name, Restart, Root, RootKind, ServiceType, Start, exec, instances,
    values,
};
use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::document::{Percent, Reader, Scalar, Source, Table, sort};

const TYPES: [(&str, ServiceType); 3] = [
    ("exec", ServiceType::Exec),
    ("notify", ServiceType::Notify),
    ("oneshot", ServiceType::Oneshot),
];
const RESTARTS: [(&str, Restart); 7] = [
    ("no", Restart::No),
    ("on-success", Restart::OnSuccess),
    ("on-failure", Restart::OnFailure),
    ("on-abnormal", Restart::OnAbnormal),
    ("on-abort", Restart::OnAbort),
    ("on-watchdog", Restart::OnWatchdog),
    ("always", Restart::Always),
];
const STARTS: [(&str, Start); 2] = [("boot", Start::Boot), ("manual", Start::Manual)];
/// systemd's own default of 90 s is what a payload that ignores SIGTERM, as PID 1 of its namespace does, would cost each time.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A file without mistakes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFile {
    /// `web` or `web@`.
    pub name: FileName,
    /// As the booted system sees it.
    pub source: PathBuf,
    /// What is in it, to point at when other files show that something is wrong with it.
    pub text: String,
    /// What it makes: one container, or one for each instance.
    pub containers: Vec<Container>,
    /// What its containers require.
    pub references: Vec<Reference>,
}

/// A file that makes no containers, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `web` or `web@`.
    pub name: FileName,
    /// As the booted system sees it.
    pub source: PathBuf,
    /// The containers it would have made; empty when that cannot be known.
    pub names: Vec<Name>,
    /// At least one, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// The containers of `text`, read from `source`, a file called `name`; or every mistake in it.
pub fn parse(name: &FileName, source: &Path, text: &str) -> Result<ContainerFile, Refused> {
    let document = Source::new(source, text);
    let refused = |names, diagnostics| Refused {
        name: name.clone(),
        source: source.to_owned(),
        names,
        diagnostics,
    };
    let table = document
        .parse()
        .map_err(|diagnostics| refused(name.name().into_iter().collect(), diagnostics))?;

    let mut reader = Reader::new(&document, Percent::Literal);
    let names = instances::read(
        &mut reader,
        &mut Table::new("", table.get_ref()),
        name,
        text.len(),
    );
    let mut diagnostics = reader.into_diagnostics();
    if names.is_empty() {
        // The rest of the file has its mistakes too; any instance shows them.
        let stand_in = name.name().or_else(|| name.instance("1").ok());
        diagnostics.extend(
            stand_in
                .and_then(|name| read_container(&document, table.get_ref(), &name).err())
                .into_iter()
                .flatten(),
        );
    }
    let (mut containers, mut references) = (Vec::with_capacity(names.len()), Vec::new());
    for name in &names {
        match read_container(&document, table.get_ref(), name) {
            Ok((container, requires)) => {
                containers.push(container);
                references.extend(requires);
            }
            Err(found) => {
                // The other instances have the same mistakes.
                diagnostics.extend(found);
                break;
            }
        }
    }
    if diagnostics.is_empty() {
        return Ok(ContainerFile {
            name: name.clone(),
            source: source.to_owned(),
            text: text.to_owned(),
            containers,
            references,
        });
    }
    sort(&mut diagnostics);
    Err(refused(names, diagnostics))
}

/// The container `name` and what it requires, or every mistake in the file.
fn read_container(
    document: &Source<'_>,
    table: &DeTable<'_>,
    name: &Name,
) -> Result<(Container, Vec<Reference>), Vec<Diagnostic>> {
    let percent = name
        .instance()
        .map_or(Percent::NoInstance, Percent::Instance);
    let mut reader = Reader::new(document, percent);
    let mut table = Table::new("", table);
    // Read before, for the file as a whole.
    table.take("instances");

    let description = reader.value(&mut table, "description", values::description);
    let exec = exec::read(&mut reader, &mut table);
    let user = reader.value(&mut table, "user", values::user);
    let environment = read_environment(&mut reader, &mut table);
    let working_directory = reader.value(&mut table, "working-directory", values::absolute_path);
    let (service_type, restart) = read_type_and_restart(&mut reader, &mut table);
    let start = reader.value(&mut table, "start", |scalar| {
        values::one_of(scalar, &STARTS)
    });
    let stop_timeout = reader.value(&mut table, "stop-timeout", values::time_span);
    let (requires, references) = requires::read(&mut reader, &mut table, name);
    let root = read_root(&mut reader, &mut table);
    let limits = read_limits(&mut reader, &mut table);
    reader.refuse_rest(table);

    let diagnostics = reader.into_diagnostics();
    match exec {
        Some(exec) if diagnostics.is_empty() => Ok((
            Container {
                name: name.clone(),
                source: document.path().to_owned(),
                description: description.unwrap_or_else(|| name.to_string()),
                exec,
                user,
                environment,
                working_directory: working_directory.unwrap_or_else(|| PathBuf::from("/")),
                service_type,
                restart,
                start: start.unwrap_or(Start::Boot),
                stop_timeout: stop_timeout.unwrap_or(STOP_TIMEOUT),
                requires,
                root,
                limits,
            },
            references,
        )),
        _ => Err(diagnostics),
    }
}

fn read_environment(reader: &mut Reader<'_>, table: &mut Table<'_>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    let Some(variables) = reader.table(table, "environment", "[environment]") else {
        return environment;
    };
    for (name, span, value) in variables.into_entries() {
        if let Err(fault) = values::variable_name(name) {
            reader.fault(span, fault);
        }
        if let Some(value) = reader.convert(&value, values::variable_value) {
            environment.insert(name.to_owned(), value);
        }
    }
    environment
}

/// systemd refuses a one-shot service that would be started again after it has done its work.
fn read_type_and_restart(reader: &mut Reader<'_>, table: &mut Table<'_>) -> (ServiceType, Restart) {
    let service_type = reader
        .value(table, "type", |scalar| values::one_of(scalar, &TYPES))
        .unwrap_or(ServiceType::Exec);
    let restart = reader.value(table, "restart", |scalar| {
        let restart = values::one_of(scalar, &RESTARTS)?;
        if service_type == ServiceType::Oneshot && matches!(restart, Restart::Always | Restart::OnSuccess) {
            return Err(Fault::new(rule::CONFLICT, "type = \"oneshot\" is done once it has succeeded, so it cannot be started again after that")
                .help("write restart = \"on-failure\" or \"no\", or another type"));
        }
        Ok(restart)
    });
    (service_type, restart.unwrap_or(Restart::OnFailure))
}

fn read_root(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Root {
    let mut root = Root {
        kind: RootKind::Overlay,
        base: Base::Host,
        hide: Vec::new(),
    };
    let Some(mut table) = reader.table(table, "root", "[root]") else {
        return root;
    };
    if let Some(kind) = reader.value(&mut table, "kind", |scalar| {
        kept_word(scalar, "overlay", RootKind::Overlay, "shared")
    }) {
        root.kind = kind;
    }
    if let Some(base) = reader.value(&mut table, "base", |scalar| {
        kept_word(scalar, "host", Base::Host, "pinned")
    }) {
        root.base = base;
    }
    if let Some(hide) = reader.list(&mut table, "hide", values::hidden_path) {
        root.hide = hide.into_iter().map(|(path, _)| path).collect();
        root.hide.sort();
        root.hide.dedup();
    }
    reader.refuse_rest(table);
    root
}

/// The one `word` that there is so far; `later` is named so that nobody looks for a spelling mistake.
fn kept_word<T>(scalar: Scalar, word: &'static str, value: T, later: &str) -> Result<T, Fault> {
    match crate::document::text(scalar)? {
        written if written == word => Ok(value),
        written if written == later => {
            let message = format!("{} is not in this version of lodger yet", quote(later));
            Err(Fault::new(rule::NOT_YET, message).help(format!("write \"{word}\"")))
        }
        written => Err(Fault::new(
            rule::VALUE,
            format!("{} is not \"{word}\"", quote(&written)),
        )),
    }
}

fn read_limits(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Limits {
    let Some(mut table) = reader.table(table, "limits", "[limits]") else {
        return Limits::default();
    };
    let limits = Limits {
        memory: reader.value(&mut table, "memory", values::memory),
        cpu_percent: reader.value(&mut table, "cpu", values::percent),
        tasks: reader.value(&mut table, "tasks", values::tasks),
    };
    reader.refuse_rest(table);
    limits
}

#[cfg(test)]
mod tests;
