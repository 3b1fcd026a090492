//! A systemd that exists only in this process: units in, answers and signals over socket pairs out.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use zbus::{Connection, OwnedObjectPath, block_on, connection, fdo, interface};

mod stops;

pub use stops::serve_stops;

/// One unit of the fake.
#[derive(Debug, Clone)]
pub struct FakeUnit {
    pub load: &'static str,
    pub active: &'static str,
    /// Between two tries of systemd's.
    pub waits_for_next_try: bool,
    pub root: String,
    pub start_began: u64,
    pub requires: Vec<String>,
    pub wants: Vec<String>,
    /// Its control group; "" for one without processes.
    pub control_group: String,
    /// Somebody stops it as soon as it is announced; then the job of that, until it has been ended.
    pub is_stopped: bool,
    pub stop_job: Option<String>,
    /// The arguments of its stop command; none if it has none.
    pub stop_command: &'static [&'static str],
    /// The result of its next restart.
    pub result: &'static str,
    /// That of those after it; what it was before if there is none.
    pub result_then: Option<&'static str>,
}

/// What the fake knows and what happened to it.
#[derive(Default)]
pub struct State {
    pub units: BTreeMap<String, FakeUnit>,
    pub system_state: String,
    /// How often logind still says that a shutdown is announced; with the last time the system comes into that state.
    pub announced: usize,
    pub system_state_then: Option<&'static str>,
    /// Signals that a job has ended are not sent.
    pub mute: bool,
    /// The question for all units is answered so often and then no more.
    pub refuses_after: Option<usize>,
    /// Questions for units by name are refused from the second restart of a container on, as to one that is killed there.
    pub refuses_once_again: bool,
    /// Somebody stops this unit before its restart is asked for.
    pub is_stopped_before: Option<String>,
    /// Another job is in the way of the restart of this unit, once.
    pub is_in_the_way_of: Option<String>,
    /// What `lodgerd stops` was asked, and whether it does it.
    pub stops: Vec<String>,
    pub jobs: HashMap<String, bool>,
    /// Jobs that wait, and how many questions about jobs are to come until they begin.
    pub waiting: HashMap<String, u32>,
    pub restarts: Vec<String>,
    pub starts: Vec<String>,
    /// How often a new base was asked for, and how that ends.
    pub bases: usize,
    pub base_result: &'static str,
    /// The next base fails, because of what this does meanwhile.
    pub at_base: Option<Box<dyn FnOnce() + Send>>,
    pub most_at_once: usize,
    pub connections: Vec<Connection>,
}

pub type Shared = Arc<Mutex<State>>;
type Listed = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

/// The errors of systemd itself.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.systemd1")]
enum Refused {
    #[zbus(error)]
    ZBus(zbus::Error),
    TransactionIsDestructive(String),
}

struct FakeManager(Shared);

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl FakeManager {
    fn subscribe(&self) {}

    fn list_units_by_names(&self, names: Vec<String>) -> fdo::Result<Vec<Listed>> {
        let state = self.0.lock().unwrap();
        let has_again = state.restarts.iter().any(|name| name.ends_with(" again"));
        if state.refuses_once_again && has_again {
            return Err(fdo::Error::Failed("refused".into()));
        }
        Ok(names
            .iter()
            .filter_map(|name| Some(listed(name, state.units.get(name)?)))
            .collect())
    }

    fn list_units_by_patterns(
        &self,
        _states: Vec<String>,
        _patterns: Vec<String>,
    ) -> fdo::Result<Vec<Listed>> {
        let mut state = self.0.lock().unwrap();
        if let Some(left) = &mut state.refuses_after {
            let is_over = *left == 0;
            *left = left.saturating_sub(1);
            if is_over {
                return Err(fdo::Error::Failed("refused".into()));
            }
        }
        Ok(state
            .units
            .iter()
            .map(|(name, unit)| listed(name, unit))
            .collect())
    }

    /// Those that wait.
    fn list_jobs(
        &self,
    ) -> Vec<(
        u32,
        String,
        String,
        String,
        OwnedObjectPath,
        OwnedObjectPath,
    )> {
        let waiting = &mut self.0.lock().unwrap().waiting;
        waiting.retain(|_, looks| {
            *looks = looks.saturating_sub(1);
            *looks > 0
        });
        let path = |job: &String| OwnedObjectPath::try_from(job.as_str()).unwrap();
        let listed = waiting.keys().map(|job| {
            let (kind, state) = ("restart".to_owned(), "waiting".to_owned());
            (1, String::new(), kind, state, path(job), path(job))
        });
        listed.collect()
    }

    fn try_restart_unit(&self, name: String, mode: String) -> fdo::Result<OwnedObjectPath> {
        assert_eq!(mode, "replace");
        let mut state = self.0.lock().unwrap();
        if state.system_state == "stopping" {
            return Err(fdo::Error::Failed("destructive".into()));
        }
        state.restarts.push(name.clone());
        let number = state.restarts.len();
        let runs = !matches!(
            state.units[&name].active,
            "inactive" | "deactivating" | "failed"
        );
        let path = format!("/org/freedesktop/systemd1/job/{number}");
        state.jobs.insert(path.clone(), true);
        state.most_at_once = state
            .most_at_once
            .max(state.jobs.values().filter(|runs| **runs).count());
        let shared = self.0.clone();
        thread::spawn({
            let path = path.clone();
            move || finish_job(&shared, &path, &name, runs)
        });
        Ok(path.try_into().unwrap())
    }

    /// Of alerts and the like nothing comes; a container runs.
    fn start_unit(&self, name: String, _mode: String) -> OwnedObjectPath {
        let mut state = self.0.lock().unwrap();
        if let Some(fake) = state.units.get_mut(&name) {
            fake.active = "active";
        }
        state.starts.push(name);
        let number = state.starts.len();
        let path = format!("/org/freedesktop/systemd1/job/start{number}");
        path.try_into().unwrap()
    }

    fn restart_unit(&self, name: String, mode: String) -> Result<OwnedObjectPath, Refused> {
        let mut state = self.0.lock().unwrap();
        match mode.as_str() {
            // What has been announced: it is stopping, so it is no matter whether it runs.
            "fail" => {
                assert_eq!(state.units[&name].active, "deactivating");
                if state
                    .is_stopped_before
                    .take_if(|unit| *unit == name)
                    .is_some()
                {
                    state.units.get_mut(&name).unwrap().active = "inactive";
                    return Err(Refused::TransactionIsDestructive("a stop".into()));
                }
                if state
                    .is_in_the_way_of
                    .take_if(|unit| *unit == name)
                    .is_some()
                {
                    return Err(Refused::TransactionIsDestructive("of a timer".into()));
                }
                state.restarts.push(name.clone());
            }
            // A base, or a container whose restart has failed.
            _ => {
                assert_eq!(mode.as_str(), "replace");
                if name != "lodgerd-base.service" {
                    state.restarts.push(format!("{name} again"));
                }
            }
        }
        state.bases += 1;
        let path = format!("/org/freedesktop/systemd1/job/base{}", state.bases);
        state.jobs.insert(path.clone(), true);
        let shared = self.0.clone();
        thread::spawn({
            let path = path.clone();
            move || finish_job(&shared, &path, &name, true)
        });
        Ok(path.try_into().unwrap())
    }

    #[zbus(property)]
    fn system_state(&self) -> String {
        self.0.lock().unwrap().system_state.clone()
    }
}

struct FakeLogind(Shared);

#[interface(name = "org.freedesktop.login1.Manager")]
impl FakeLogind {
    #[zbus(property)]
    fn preparing_for_shutdown(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        let is_announced = state.announced > 0;
        state.announced = state.announced.saturating_sub(1);
        if state.announced == 0
            && let Some(then) = state.system_state_then
        {
            state.system_state = then.into();
        }
        is_announced
    }
}

/// Lets the job end as the unit is told to, a little later, and says so unless mute.
fn finish_job(shared: &Shared, path: &str, unit: &str, runs: bool) {
    thread::sleep(Duration::from_millis(5));
    let (connections, result) = {
        let mut state = shared.lock().unwrap();
        state.jobs.insert(path.to_owned(), false);
        let result = match state.units.get_mut(unit) {
            // A restart of what does not run, if it runs, is nothing.
            Some(_) if !runs => "done",
            Some(fake) => {
                let done = fake.result == "done";
                fake.active = if done { "active" } else { "failed" };
                fake.waits_for_next_try = false;
                fake.start_began = u64::MAX;
                let result = fake.result;
                fake.result = fake.result_then.unwrap_or(result);
                if !done {
                    give_up_those_that_require(&mut state.units, unit);
                }
                result
            }
            None => match state.at_base.take() {
                Some(happens) => {
                    happens();
                    "failed"
                }
                None => state.base_result,
            },
        };
        let told = if state.mute {
            Vec::new()
        } else {
            state.connections.clone()
        };
        (told, result)
    };
    let job = OwnedObjectPath::try_from(path.to_owned()).unwrap();
    for connection in connections {
        let body = (1u32, &job, unit, result);
        let manager = "org.freedesktop.systemd1.Manager";
        let sent = connection.emit_signal(
            None::<&str>,
            "/org/freedesktop/systemd1",
            manager,
            "JobRemoved",
            &body,
        );
        // A connection of a test that is over is no matter.
        let _ = block_on(sent);
    }
}

/// systemd ends the jobs of units whose requirement has failed as "dependency".
fn give_up_those_that_require(units: &mut BTreeMap<String, FakeUnit>, failed: &str) {
    for unit in units.values_mut() {
        if unit.requires.iter().any(|required| required == failed) {
            unit.active = "inactive";
        }
    }
}

/// Answers for every unit and job: but for its starts, what a fake object's properties are depends on its path alone.
struct FakeUnitProperties {
    shared: Shared,
    name: String,
    unit: FakeUnit,
    required_by: Vec<String>,
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl FakeUnitProperties {
    #[zbus(property)]
    fn inactive_exit_timestamp_monotonic(&self) -> u64 {
        self.shared.lock().unwrap().units[&self.name].start_began
    }
    #[zbus(property)]
    fn requires(&self) -> Vec<String> {
        self.unit.requires.clone()
    }
    #[zbus(property)]
    fn required_by(&self) -> Vec<String> {
        self.required_by.clone()
    }
    #[zbus(property)]
    fn requisite_of(&self) -> Vec<String> {
        Vec::new()
    }
    #[zbus(property)]
    fn bound_by(&self) -> Vec<String> {
        vec!["lodgerd-health@x.timer".into()]
    }
    #[zbus(property)]
    fn consists_of(&self) -> Vec<String> {
        Vec::new()
    }
    #[zbus(property)]
    fn propagates_stop_to(&self) -> Vec<String> {
        Vec::new()
    }
    #[zbus(property)]
    fn wants(&self) -> Vec<String> {
        self.unit.wants.clone()
    }
    #[zbus(property)]
    fn state_change_timestamp(&self) -> u64 {
        0
    }
}

struct FakeServiceProperties(FakeUnit);

#[interface(name = "org.freedesktop.systemd1.Service")]
impl FakeServiceProperties {
    #[zbus(property)]
    fn control_group(&self) -> String {
        self.0.control_group.clone()
    }
    #[zbus(property)]
    fn root_directory(&self) -> String {
        self.0.root.clone()
    }
    #[zbus(property)]
    fn exec_stop(&self) -> Vec<Command> {
        let arguments = self.0.stop_command.iter().map(|word| (*word).to_owned());
        let arguments: Vec<String> = arguments.collect();
        let path = arguments.first().cloned();
        let command = path.map(|path| (path, arguments, false, 0, 0, 0, 0, 0, 0, 0));
        command.into_iter().collect()
    }
    #[zbus(property)]
    fn result(&self) -> String {
        "exit-code".into()
    }
}

/// One command as systemd tells it (org.freedesktop.systemd1(5), "ExecStart").
type Command = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

fn object(name: &str) -> String {
    format!(
        "/org/freedesktop/systemd1/unit/{}",
        name.replace(['-', '.', '@'], "_")
    )
}

fn listed(name: &str, unit: &FakeUnit) -> Listed {
    let path = object(name).try_into().unwrap();
    let job = unit.stop_job.clone().unwrap_or("/".into());
    let text = String::new;
    let sub = match unit.active {
        "deactivating" => "stop-sigterm",
        _ if unit.waits_for_next_try => "auto-restart",
        _ => "",
    };
    (
        name.into(),
        text(),
        unit.load.into(),
        unit.active.into(),
        sub.into(),
        text(),
        path,
        u32::from(unit.stop_job.is_some()),
        text(),
        job.try_into().unwrap(),
    )
}

/// A connection to a fake that serves `shared`.
pub fn connect(shared: &Shared) -> anyhow::Result<Connection> {
    let (client, server) = UnixStream::pair()?;
    let (ready, served) = mpsc::channel();
    let shared = shared.clone();
    thread::spawn(move || {
        let units: Vec<_> = shared.lock().unwrap().units.clone().into_iter().collect();
        let mut builder = connection::Builder::unix_stream(server)
            .server(zbus::Guid::generate())
            .p2p()
            .serve_at("/org/freedesktop/systemd1", FakeManager(shared.clone()))
            .serve_at("/org/freedesktop/login1", FakeLogind(shared.clone()));
        for (name, unit) in &units {
            let those = units.iter().filter(|(_, one)| one.requires.contains(name));
            let properties = FakeUnitProperties {
                shared: shared.clone(),
                name: name.clone(),
                unit: unit.clone(),
                required_by: those.map(|(by, _)| by.clone()).collect(),
            };
            builder = builder
                .serve_at(object(name), properties)
                .serve_at(object(name), FakeServiceProperties(unit.clone()));
        }
        let connection = block_on(builder.build()).unwrap();
        shared.lock().unwrap().connections.push(connection);
        ready.send(()).unwrap();
        block_on(std::future::pending::<()>());
    });
    let connection = block_on(connection::Builder::unix_stream(client).p2p().build())?;
    served.recv()?;
    Ok(connection)
}
