//! The table of a container file and one container's name in; that container, or every mistake in the table, out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;

use crate::container::requires::{self, Reference};
use crate::container::{
    Base, Container, Limits, Name, Restart, Root, RootKind, ServiceType, Start, exec, values,
};
use crate::diagnostic::{Diagnostic, Fault, quote, rule};
use crate::document::{Percent, Reader, Scalar, Source, Table, text};

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

/// One container as it is read.
pub struct Read {
    /// The container itself.
    pub container: Container,
    /// What it requires.
    pub references: Vec<Reference>,
    /// Where its program is written.
    pub program: Range<usize>,
}

/// The container `name`, or every mistake in the file.
pub fn read_container(
    document: &Source<'_>,
    table: &DeTable<'_>,
    name: &Name,
) -> Result<Read, Vec<Diagnostic>> {
    let percent = name
        .instance()
        .map_or(Percent::NoInstance, Percent::Instance);
    let mut reader = Reader::new(document, percent);
    let mut table = Table::new("", table);
    // Read before, for the file as a whole.
    table.take("instances");

    let (requires, references) = requires::read(&mut reader, &mut table, name);
    let (service_type, restart) = read_type_and_restart(&mut reader, &mut table);
    let mut container = Container {
        name: name.clone(),
        source: document.path().to_owned(),
        description: reader
            .value(&mut table, "description", values::description)
            .unwrap_or_else(|| name.to_string()),
        exec: Vec::new(),
        user: reader.value(&mut table, "user", values::user),
        environment: read_environment(&mut reader, &mut table),
        working_directory: reader
            .value(&mut table, "working-directory", values::absolute_path)
            .unwrap_or_else(|| PathBuf::from("/")),
        service_type,
        restart,
        start: reader
            .value(&mut table, "start", |scalar| {
                values::one_of(scalar, &STARTS)
            })
            .unwrap_or(Start::Boot),
        stop_timeout: reader
            .value(&mut table, "stop-timeout", values::time_span)
            .unwrap_or(STOP_TIMEOUT),
        requires,
        root: read_root(&mut reader, &mut table),
        limits: read_limits(&mut reader, &mut table),
    };
    // Last, when what is left may be a misspelt `exec`.
    let program;
    (container.exec, program) = exec::read(&mut reader, &mut table).unwrap_or_default();
    reader.refuse_rest(table);
    let diagnostics = reader.into_diagnostics();
    if diagnostics.is_empty() && !container.exec.is_empty() {
        Ok(Read {
            container,
            references,
            program,
        })
    } else {
        Err(diagnostics)
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
    match text(scalar)? {
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
