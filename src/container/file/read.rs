//! What is written about one container in; that container, or every mistake in it, out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Layers;
use super::wish::{Wish, Wishes};
use crate::container::references::{self, Reference};
use crate::container::{
    Base, Container, EnvironmentFile, Isolation, Limits, Name, Network, Ordered, Restart, Root,
    RootKind, ServiceType, Start, User, bounds, directives, exec, health, hidden, keys, mounts,
    shared, update, values,
};
use crate::diagnostic::{Diagnostic, Fault, rule};
use crate::document::{Key, Percent, Place, Reader, Source, Table, read_word};
use crate::signal::SignalNumber;
use crate::sorted::sort_by;

/// systemd's own default of 90 s is what a payload that ignores SIGTERM, as PID 1 of its namespace does, would cost each time.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// One container as it is read.
pub struct Read {
    /// The container itself.
    pub container: Container,
    /// What it has to do with others.
    pub references: Vec<Reference>,
    /// What it counts on.
    pub wishes: Vec<Wish>,
}

/// The container `name` of the file with the number `document`, or every mistake in what `layers` say of it.
pub fn read_container(
    sources: &[Source<'_>],
    document: usize,
    layers: &Layers<'_>,
    name: &Name,
) -> Result<Read, Vec<Diagnostic>> {
    let percent = name
        .instance()
        .map_or(Percent::NoInstance, Percent::Instance);
    let mut draft = Draft {
        reader: Reader::new(sources, document, percent).telling(layers.most_mistakes),
        table: Table::of_layers(layers.of(name)),
        wishes: Wishes::new(layers.with_wishes),
        kind: None,
        hidden: Vec::new(),
    };
    // Read before, for the file as a whole.
    draft.table.take(keys::INSTANCES.about.name);

    let (relations, references) = references::read(&mut draft.reader, &mut draft.table, name);
    let (service_type, restart) = draft.type_and_restart();
    let isolation = draft.isolation();
    let mut container = Container {
        name: name.clone(),
        source: draft.reader.base().path().to_owned(),
        description: draft
            .value(&keys::DESCRIPTION)
            .unwrap_or_else(|| name.to_string()),
        exec: Vec::new(),
        exec_reload: Vec::new(),
        init: draft.value(&keys::INIT).unwrap_or(false),
        user: draft.user(),
        environment: draft.environment(),
        environment_files: draft.environment_files(),
        working_directory: draft
            .value(&keys::WORKING_DIRECTORY)
            .unwrap_or_else(|| PathBuf::from("/")),
        service_type,
        restart,
        start: draft.value(&keys::START).unwrap_or(Start::Boot),
        stop_signal: draft
            .value(&keys::STOP_SIGNAL)
            .unwrap_or(SignalNumber::TERM),
        stop_timeout: draft.value(&keys::STOP_TIMEOUT).unwrap_or(STOP_TIMEOUT),
        relations,
        root: draft.root(),
        mounts: mounts::read(&mut draft.reader, &mut draft.table, &mut draft.wishes),
        limits: draft.limits(),
        network: draft.network(),
        credentials: mounts::read_credentials(
            &mut draft.reader,
            &mut draft.table,
            &mut draft.wishes,
        ),
        health: health::read(
            &mut draft.reader,
            &mut draft.table,
            service_type,
            &mut draft.wishes,
        ),
        update: update::read(&mut draft.reader, &mut draft.table),
        directives: Vec::new(),
        isolation,
    };
    // What they may say depends on the rest.
    container.directives = directives::read(&mut draft.reader, &mut draft.table, &container);
    draft.refuse_for_shared(&container);
    draft.refuse_hidden(&container);
    draft.commands(&mut container);
    draft.finish(container, references)
}

/// A container while it is read.
struct Draft<'d> {
    reader: Reader<'d>,
    table: Table<'d>,
    wishes: Wishes,
    /// Where `root.kind` is written.
    kind: Option<Place>,
    /// Where each path of `root.hide` is.
    hidden: Vec<(PathBuf, Place)>,
}

impl Draft<'_> {
    fn value<T>(&mut self, key: &'static Key<T>) -> Option<T> {
        self.reader.value(&mut self.table, key)
    }

    /// Last, when what is left may be a misspelt `exec`.
    fn commands(&mut self, container: &mut Container) {
        let is_written = self.table.place_of(keys::EXEC.about.name).is_some();
        let mut command = |about| exec::read(&mut self.reader, &mut self.table, about);
        if let Some((reload, _)) = command(&keys::EXEC_RELOAD.about) {
            container.exec_reload = reload;
        }
        match command(&keys::EXEC.about) {
            Some((exec, place)) => {
                if let Some(program) = exec.first() {
                    self.wishes.add(|| Wish::program(program, &place));
                }
                container.exec = exec;
            }
            None if is_written => {}
            None => exec::tell_missing(&mut self.reader, &self.table),
        }
        if container.init {
            // Nothing in the file is wrong, so the whole file is the place.
            let place = Place {
                document: self.reader.base_document(),
                span: 0..0,
            };
            self.wishes
                .add(|| Wish::program(crate::place::INIT, &place));
        }
    }

    fn finish(
        self,
        container: Container,
        references: Vec<Reference>,
    ) -> Result<Read, Vec<Diagnostic>> {
        let Self {
            mut reader,
            table,
            wishes,
            kind: _,
            hidden: _,
        } = self;
        reader.refuse_rest(table);
        if let Some(fault) = bounds::too_much(&container) {
            reader.file_fault(fault);
        }
        let diagnostics = reader.into_diagnostics();
        if diagnostics.is_empty() && !container.exec.is_empty() {
            Ok(Read {
                container,
                references,
                wishes: wishes.into_list(),
            })
        } else {
            Err(diagnostics)
        }
    }

    fn user(&mut self) -> Option<User> {
        let place = self.table.place_of_value(keys::USER.about.name);
        let user = self.value(&keys::USER);
        if let (Some(User::Named(user)), Some(place)) = (&user, place) {
            self.wishes.add(|| Wish::user(user, &place));
        }
        user
    }

    fn environment(&mut self) -> Ordered<String, String> {
        let about = &keys::ENVIRONMENT.about;
        let Some(mut variables) = self
            .reader
            .table(&mut self.table, about.name, "[environment]")
        else {
            return Ordered::default();
        };
        let mut environment = Vec::with_capacity(variables.len());
        for entry in variables.entries() {
            for written in entry.values {
                if let Err(fault) = values::variable_name(entry.key) {
                    self.reader.fault(written.place(), fault);
                }
                let value = written.value();
                if let Some(value) = self.reader.convert(&value, keys::ENVIRONMENT.read) {
                    environment.push((entry.key.to_owned(), value));
                }
            }
        }
        Ordered::new(environment)
    }

    /// A relative path begins where it is written.
    fn environment_files(&mut self) -> Vec<EnvironmentFile> {
        let files = self
            .reader
            .list(&mut self.table, &keys::ENVIRONMENT_FILES)
            .unwrap_or_default();
        files
            .into_iter()
            .map(|(file, place)| {
                let written_in = self.reader.source(&place).path();
                let directory = written_in.parent().unwrap_or(Path::new("/"));
                let path = directory.join(file.path);
                if !file.optional {
                    self.wishes
                        .add(|| Wish::path("the environment file", &path, &place));
                }
                EnvironmentFile { path, ..file }
            })
            .collect()
    }

    /// systemd refuses a one-shot service that would be started again after it has done its work.
    fn type_and_restart(&mut self) -> (ServiceType, Restart) {
        let service_type = self.value(&keys::TYPE).unwrap_or(ServiceType::Exec);
        let about = &keys::RESTART.about;
        let restart = self.reader.value_with(&mut self.table, about, |scalar| {
            let restart = read_word(scalar)?;
            if service_type == ServiceType::Oneshot
                && matches!(restart, Restart::Always | Restart::OnSuccess)
            {
                let message = "type = \"oneshot\" is done once it has succeeded, so it cannot be started again after that";
                return Err(Fault::new(rule::CONFLICT, message)
                    .help("write restart = \"on-failure\" or \"no\", or another type"));
            }
            Ok(restart)
        });
        (service_type, restart.unwrap_or(Restart::OnFailure))
    }

    fn root(&mut self) -> Root {
        let mut root = Root {
            kind: RootKind::Overlay,
            base: Base::Pinned,
            show: Vec::new(),
            hide: Vec::new(),
            ephemeral: false,
            writable_usr: false,
        };
        let Some(mut table) = self.reader.table(&mut self.table, "root", "[root]") else {
            return root;
        };
        let (reader, table) = (&mut self.reader, &mut table);
        self.kind = table.place_of_value(keys::KIND.about.name);
        root.kind = reader.value(table, &keys::KIND).unwrap_or(root.kind);
        root.base = reader.value(table, &keys::BASE).unwrap_or(root.base);
        let shown = reader.list(table, &keys::SHOW).unwrap_or_default();
        for (path, place) in &shown {
            self.wishes
                .add(|| Wish::path("the path to show", path, place));
        }
        root.show = each_once(shown);
        self.hidden = reader.list(table, &keys::HIDE).unwrap_or_default();
        root.hide = each_once(self.hidden.clone());
        root.ephemeral = reader.value(table, &keys::EPHEMERAL).unwrap_or(false);
        root.writable_usr = reader.value(table, &keys::WRITABLE_USR).unwrap_or(false);
        reader.refuse_rest(std::mem::take(table));
        root
    }

    fn refuse_for_shared(&mut self, container: &Container) {
        if let Some(place) = self.kind.take() {
            for fault in shared::faults(container) {
                self.reader.fault(place.clone(), fault);
            }
        }
    }

    fn refuse_hidden(&mut self, container: &Container) {
        for (path, place) in std::mem::take(&mut self.hidden) {
            if let Some(fault) = hidden::fault(container, &path) {
                self.reader.fault(place, fault);
            }
        }
    }

    fn limits(&mut self) -> Limits {
        let Some(mut table) = self.reader.table(&mut self.table, "limits", "[limits]") else {
            return Limits::default();
        };
        let (reader, table) = (&mut self.reader, &mut table);
        let limits = Limits {
            memory: reader.value(table, &keys::MEMORY),
            memory_high: reader.value(table, &keys::MEMORY_HIGH),
            swap: reader.value(table, &keys::SWAP),
            cpu_percent: reader.value(table, &keys::CPU),
            tasks: reader.value(table, &keys::TASKS),
            open_files: reader.value(table, &keys::OPEN_FILES),
            io_weight: reader.value(table, &keys::IO_WEIGHT),
        };
        reader.refuse_rest(std::mem::take(table));
        limits
    }

    fn isolation(&mut self) -> Isolation {
        let Some(mut table) = self
            .reader
            .table(&mut self.table, "isolation", "[isolation]")
        else {
            return Isolation::default();
        };
        let (reader, table) = (&mut self.reader, &mut table);
        let devices = reader.list(table, &keys::DEVICES).unwrap_or_default();
        for (device, place) in devices.iter().filter(|(device, _)| !device.optional) {
            self.wishes
                .add(|| Wish::path("the device", &device.path, place));
        }
        let isolation = Isolation {
            profile: reader.value(table, &keys::PROFILE).unwrap_or_default(),
            capabilities: reader.list(table, &keys::CAPABILITIES).map(each_once),
            devices: devices.into_iter().map(|(device, _)| device).collect(),
        };
        reader.refuse_rest(std::mem::take(table));
        isolation
    }

    fn network(&mut self) -> Network {
        let Some(mut table) = self.reader.table(&mut self.table, "network", "[network]") else {
            return Network::default();
        };
        let network = self.reader.value(&mut table, &keys::NETWORK_MODE);
        self.reader.refuse_rest(table);
        network.unwrap_or_default()
    }
}

/// The items, sorted.
fn each_once<T: Ord>(items: Vec<(T, Place)>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().map(|(item, _)| item).collect();
    // Most people write one or two, and in order.
    if !items.is_sorted_by(|a, b| a < b) {
        sort_by(&mut items, T::cmp);
        items.dedup();
    }
    items
}
