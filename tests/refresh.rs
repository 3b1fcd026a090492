//! The refresh against a systemd that exists only in this process: the real proxies, over socket pairs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};

use lodger::container::Name;
use lodger::prefix::Prefix;
use lodger::refresh::history::Summary;
use lodger::refresh::hold::{self, Hold};
use lodger::refresh::report::{Action, Outcome, Report, WaveState};
use lodger::refresh::unhold::{Unheld, unhold, unhold_all};
use lodger::refresh::{Observer, Places, refresh};
use lodger::settings;
use lodger::systemd::Systemd;

mod fake_systemd;

use fake_systemd::{FakeUnit, Shared, State, connect, serve_stops};

/// A host with dpkg's database, a baseline from before, and containers.
struct Host {
    _directory: tempfile::TempDir,
    places: Places,
    shared: Shared,
}

const BEFORE: &str =
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n";
const AFTER: &str =
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n";

impl Host {
    fn new(units: &[(&str, &'static str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let places = Places {
            prefix: Prefix::under(directory.path().as_os_str()),
            state: directory.path().join("lodger"),
            admindir: directory.path().join("dpkg"),
            bases: directory.path().join("bases"),
            lists: directory.path().join("lists"),
        };
        fs::create_dir_all(places.admindir.join("info")).unwrap();
        let list = places.admindir.join("info/libc6:amd64.list");
        fs::write(list, "/usr/lib/libc.so.6\n").unwrap();
        fs::create_dir_all(&places.state).unwrap();
        fs::write(places.admindir.join("status"), BEFORE).unwrap();
        places.record_baseline().unwrap();
        let units = units.iter().map(|(name, active)| {
            let root = format!("/run/lodger/roots/{name}");
            let unit = FakeUnit {
                load: "loaded",
                active,
                waits_for_next_try: false,
                root,
                start_began: 1,
                requires: Vec::new(),
                result_then: None,
                wants: vec!["lodgerd-base.service".into()],
                control_group: String::new(),
                is_stopped: false,
                stop_job: None,
                stop_command: &["/usr/libexec/lodgerd", "stop", "--timeout=10"],
                result: "done",
            };
            (format!("lodger-{name}.service"), unit)
        });
        let state = State {
            units: units.collect(),
            system_state: "running".into(),
            base_result: "done",
            ..State::default()
        };
        Self {
            _directory: directory,
            places,
            shared: Arc::new(Mutex::new(state)),
        }
    }

    fn dpkg_wrote(&self, status: &str) {
        fs::write(self.places.admindir.join("status"), status).unwrap();
        self.places.mark().unwrap();
    }

    fn unit(&self, name: &str, change: impl FnOnce(&mut FakeUnit)) {
        change(
            self.shared
                .lock()
                .unwrap()
                .units
                .get_mut(&format!("lodger-{name}.service"))
                .unwrap(),
        );
    }

    fn is_held_on_a_base(&self, name: &str) {
        let state = self.places.state_of(&Name::parse(name).unwrap());
        fs::create_dir_all(&state).unwrap();
        std::os::unix::fs::symlink("/run/lodger/bases/3", state.join("base")).unwrap();
    }

    /// A container file, so that the refresh knows more than systemd does.
    fn file(&self, name: &str, text: &str) {
        let directory = self._directory.path().join("etc/lodger");
        fs::create_dir_all(&directory).unwrap();
        let text = format!("exec = [\"/bin/true\"]\n{text}\n");
        fs::write(directory.join(format!("{name}.toml")), text).unwrap();
    }

    fn settings(&self, text: &str) {
        fs::create_dir_all(self._directory.path().join("etc")).unwrap();
        fs::write(self._directory.path().join("etc/lodger.toml"), text).unwrap();
    }

    fn refresh(&self, parallel: usize) -> Option<Report> {
        self.try_refresh(parallel).unwrap()
    }

    fn try_refresh(&self, parallel: usize) -> anyhow::Result<Option<Report>> {
        self.try_refresh_before(parallel, &mut ())
    }

    fn try_refresh_before(
        &self,
        parallel: usize,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Option<Report>> {
        let shared = self.shared.clone();
        let mut systemd = Systemd::with(Arc::new(move || connect(&shared)))?;
        let mut settings = settings::read(&self.places.prefix).unwrap();
        settings.parallel = NonZeroUsize::new(parallel).unwrap();
        refresh(&self.places, &mut systemd, &settings, observer)
    }

    fn refresh_again(&self) -> Option<Report> {
        self.places.mark().unwrap();
        self.refresh(2)
    }

    fn restarts(&self) -> Vec<String> {
        self.shared.lock().unwrap().restarts.clone()
    }

    /// Has containers stopped as by lodgerd-stops.socket.
    fn serve_stops(&self) {
        let socket = self.places.prefix.at(lodger::place::STOPS);
        serve_stops(&socket, &self.shared);
    }

    /// What was asked of that.
    fn stops(&self) -> Vec<String> {
        self.shared.lock().unwrap().stops.clone()
    }

    fn starts(&self) -> Vec<String> {
        self.shared.lock().unwrap().starts.clone()
    }

    fn is_at_rest(&self) -> bool {
        !self.places.pending().exists() && !self.places.refreshing().exists()
    }
}

fn actions(report: &Report) -> Vec<(&str, Action)> {
    report
        .containers
        .iter()
        .map(|container| (container.name.as_str(), container.action))
        .collect()
}

#[test]
fn running_containers_are_restarted_and_stopped_ones_stay_stopped() {
    let host = Host::new(&[
        ("db", "active"),
        ("off", "inactive"),
        ("web", "activating"),
        ("worn", "failed"),
    ]);
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(host.restarts(), ["lodger-db.service", "lodger-web.service"]);
    assert_eq!(
        actions(&report),
        [("db", Action::Restarted), ("web", Action::Restarted)]
    );
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(
        (
            report.packages[0].old.as_deref(),
            report.packages[0].new.as_deref()
        ),
        (Some("1"), Some("2"))
    );
    assert!(host.is_at_rest());
    let written = fs::read_to_string(host.places.refreshes().join("1.json")).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&written).unwrap(), report);
}

#[test]
fn without_a_new_base_what_lies_on_one_is_left_and_the_change_is_not_forgotten() {
    let host = Host::new(&[("live", "active"), ("web", "active")]);
    host.unit("live", |unit| unit.wants.clear());
    host.shared.lock().unwrap().base_result = "failed";
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(host.restarts(), ["lodger-live.service"]);
    assert_eq!(
        actions(&report),
        [("live", Action::Restarted), ("web", Action::Failed)]
    );
    assert_eq!(report.outcome, Outcome::Failed);

    // What was restarted is on this code, as long as that is what the host has.
    let now = lodger::refresh::moment::Moment::now().unwrap();
    host.unit("live", |unit| unit.start_began = now.microseconds);
    let report = host.refresh_again().unwrap();
    assert_eq!(actions(&report), [("web", Action::Failed)]);
    assert_eq!(host.restarts(), ["lodger-live.service"]);
    host.dpkg_wrote(&AFTER.replace("Version: 2", "Version: 3"));
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("live", Action::Restarted), ("web", Action::Failed)]
    );
    let now = lodger::refresh::moment::Moment::now().unwrap();
    host.unit("live", |unit| unit.start_began = now.microseconds);

    host.shared.lock().unwrap().base_result = "done";
    host.unit("web", |unit| unit.active = "active");
    host.places.mark().unwrap();
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(host.refresh_again(), None);
}

#[test]
fn what_is_held_on_a_base_is_left_there() {
    let host = Host::new(&[("web", "active")]);
    host.is_held_on_a_base("web");
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(host.restarts(), [""; 0]);
    assert_eq!(actions(&report), [("web", Action::Skipped)]);
    assert_eq!(report.outcome, Outcome::Done);
}

#[test]
fn what_is_let_go_from_a_base_is_restarted_though_it_has_started_since() {
    let host = Host::new(&[("web", "active")]);
    host.is_held_on_a_base("web");
    host.dpkg_wrote(AFTER);
    assert_eq!(
        actions(&host.refresh(2).unwrap()),
        [("web", Action::Skipped)]
    );
    // Somebody restarts it: on the base it is held on.
    let now = lodger::refresh::moment::Moment::now().unwrap();
    host.unit("web", |unit| unit.start_began = now.microseconds);

    let web = Name::parse("web").unwrap();
    let unheld = unhold(&host.places, &web).unwrap();
    assert_eq!((unheld.base.as_deref(), unheld.due), (Some("3"), true));
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(host.refresh_again(), None);
    assert_eq!(unhold(&host.places, &web).unwrap(), Unheld::default());
}

#[test]
fn a_hold_puts_off_and_its_end_takes_up() {
    let host = Host::new(&[("db", "active"), ("web", "active")]);
    let web = Name::parse("web").unwrap();
    hold::put(&host.places, Some(&web), &Hold::until(None)).unwrap();
    hold::put(&host.places, None, &Hold::until(None)).unwrap();
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("db", Action::PutOff), ("web", Action::PutOff)]
    );
    assert_eq!(unhold_all(&host.places).unwrap(), (true, true));
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("db", Action::Restarted), ("web", Action::PutOff)]
    );
    let unheld = unhold(&host.places, &web).unwrap();
    assert_eq!((unheld.hold, unheld.due), (true, true));
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(unhold_all(&host.places).unwrap(), (false, false));
}

/// Holds `name` as soon as anything is told of `after`; before that, somebody else restarts it if `restarts`.
struct Holds<'a> {
    host: &'a Host,
    restarts: bool,
    after: &'static str,
    name: &'static str,
}

impl Observer for Holds<'_> {
    fn container(&mut self, _number: u64, name: &str, _action: Action) {
        if name == self.after {
            if self.restarts {
                self.host
                    .unit(self.name, |unit| unit.start_began = u64::MAX);
            }
            let held = Name::parse(self.name).unwrap();
            hold::put(&self.host.places, Some(&held), &Hold::until(None)).unwrap();
        }
    }
}

#[test]
fn a_hold_counts_for_the_waves_that_have_not_begun() {
    let names = ["db", "edge", "other", "probe", "web"];
    let host = Host::new(&names.map(|name| (name, "active")));
    host.file("probe", "update.wave = \"canary\"\nupdate.settle = 0");
    host.file("edge", "update.wave = \"late\"\nupdate.settle = 0");
    host.settings("[refresh]\nwaves = [\"canary\", \"default\", \"late\"]\n");
    for name in ["db", "other", "web"] {
        host.file(name, "update.settle = 0");
    }
    for (name, required) in [("web", "db"), ("edge", "probe")] {
        let required = format!("lodger-{required}.service");
        host.unit(name, |unit| unit.requires = vec![required]);
    }
    host.dpkg_wrote(AFTER);
    let holding = |after, name, restarts| {
        let mut holds = Holds {
            host: &host,
            restarts,
            after,
            name,
        };
        let report = host.try_refresh_before(2, &mut holds).unwrap();
        hold::take_off(&host.places, Some(&Name::parse(name).unwrap())).unwrap();
        report.unwrap()
    };
    let report = holding("probe", "web", false);
    assert_eq!(
        actions(&report),
        [
            ("db", Action::PutOff),
            ("edge", Action::Restarted),
            ("other", Action::Restarted),
            ("probe", Action::Restarted),
            ("web", Action::PutOff)
        ]
    );
    let reasons = report.containers.iter();
    let reasons: Vec<&str> = reasons.filter_map(|it| it.reason.as_deref()).collect();
    assert_eq!(
        reasons,
        [
            "it would take 'web' along, which is put off",
            "held until 'lodger unhold'"
        ]
    );
    let waves: Vec<_> = report
        .waves
        .iter()
        .map(|wave| (wave.name.as_str(), wave.state, wave.containers.join(" ")))
        .collect();
    assert_eq!(
        waves,
        [
            ("canary", WaveState::Done, "probe".to_owned()),
            ("default", WaveState::Done, "other".to_owned()),
            ("late", WaveState::Done, "edge".to_owned())
        ]
    );
    assert_eq!(report.outcome, Outcome::Done);

    // A wave of which nothing is left.
    host.places.mark().unwrap();
    let report = holding("db", "web", false);
    assert_eq!(
        actions(&report),
        [("db", Action::Restarted), ("web", Action::PutOff)]
    );
    assert_eq!(report.waves.len(), 1);
    // What is on the new code already is not left.
    host.dpkg_wrote(&AFTER.replace("Version: 2", "Version: 3"));
    for name in names {
        host.unit(name, |unit| unit.start_began = 1);
    }
    let report = holding("other", "edge", true);
    assert_eq!(report.count(Action::Restarted), 5, "{report:#?}");
}

#[test]
fn one_change_is_refreshed_once() {
    let host = Host::new(&[("web", "active")]);
    host.dpkg_wrote(AFTER);
    assert!(host.refresh(2).is_some());
    host.places.mark().unwrap();
    assert_eq!(host.refresh(2), None);
    assert_eq!(host.restarts().len(), 1);
    assert!(host.is_at_rest());
    assert!(!host.places.refreshes().join("2.json").exists());
}

#[test]
fn an_upgrade_of_lodger_itself_restarts_nothing() {
    let host = Host::new(&[("web", "active")]);
    let lodger =
        "\nPackage: lodger\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n";
    host.dpkg_wrote(&format!("{BEFORE}{lodger}"));
    assert_eq!(host.refresh(2), None);
    assert!(host.restarts().is_empty() && host.is_at_rest());
}

#[test]
fn half_configured_packages_put_the_refresh_off() {
    let host = Host::new(&[("web", "active")]);
    host.dpkg_wrote(&AFTER.replace("ok installed", "ok half-configured"));
    let report = host.refresh(2).unwrap();
    assert_eq!(report.outcome, Outcome::UnfinishedPackages);
    assert_eq!(report.unfinished, ["libc6:amd64 (half-configured)"]);
    assert!(host.restarts().is_empty() && host.is_at_rest());
    // Once dpkg has finished, the whole change since the last refresh is taken up.
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(
        (report.outcome, report.number, report.packages.len()),
        (Outcome::Done, 2, 1)
    );
    assert_eq!(host.restarts(), ["lodger-web.service"]);
}

#[test]
fn bases_are_removed_when_there_are_more_than_are_kept_and_nobody_waits_for_it() {
    let host = Host::new(&[("web", "active")]);
    host.file("web", "update.settle = 0");
    host.settings("bases.keep = 2");
    let base = |number: &str| {
        for path in [format!("{number}/usr"), format!("{number}.record")] {
            fs::create_dir_all(host.places.bases.join(path)).unwrap();
        }
        let record = host.places.bases.join(format!("{number}.record/base.json"));
        fs::write(record, "{}").unwrap();
    };
    base("1");
    base("2");
    host.dpkg_wrote(AFTER);
    host.refresh(2).unwrap();
    assert_eq!(host.starts(), Vec::<String>::new());
    base("3");
    // Though nothing is to be restarted.
    assert_eq!(host.refresh_again(), None);
    assert_eq!(host.starts(), ["lodgerd-prune.service"]);
}

/// A host with a container in a wave before that of another, and whose restarts fail; a change concerns both.
fn whose_canary_fails() -> Host {
    let host = Host::new(&[("probe", "active"), ("web", "active")]);
    host.file("probe", "update.wave = \"canary\"\nupdate.settle = 0");
    host.file("web", "update.settle = 0");
    host.unit("probe", |unit| unit.result = "failed");
    host.dpkg_wrote(AFTER);
    host
}

#[test]
fn a_wave_that_fails_keeps_those_after_it_from_starting_until_it_is_mended() {
    let host = whose_canary_fails();
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("probe", Action::Failed), ("web", Action::PutOff)]
    );
    assert_eq!(report.outcome, Outcome::Failed);
    let waves = report
        .waves
        .iter()
        .map(|wave| (wave.name.as_str(), wave.state));
    assert_eq!(
        waves.collect::<Vec<_>>(),
        [
            ("canary", WaveState::Failed),
            ("default", WaveState::NotStarted)
        ]
    );
    let tried = ["lodger-probe.service", "lodger-probe.service again"];
    assert_eq!(host.restarts(), tried);
    assert_eq!(host.starts(), ["lodger-alert@probe.service"]);

    // Another package change does not start the second wave while the first is not mended.
    host.dpkg_wrote(&AFTER.replace("Version: 2", "Version: 3"));
    let report = host.refresh(2).unwrap();
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(
        actions(&report),
        [("probe", Action::Failed), ("web", Action::PutOff)]
    );
    assert_eq!(host.restarts(), tried);

    // Somebody has mended it: what was put off is done without any package change.
    host.unit("probe", |unit| {
        unit.active = "active";
        unit.start_began = u64::MAX;
    });
    host.places.mark().unwrap();
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert!(host.is_at_rest() && !host.places.affected().exists());
}

#[test]
fn what_somebody_stops_while_it_is_restarted_stays_stopped() {
    let host = Host::new(&[("web", "active")]);
    host.unit("web", |unit| unit.result = "canceled");
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(host.restarts(), ["lodger-web.service"]);
    assert_eq!(actions(&report), [("web", Action::Stopped)]);
    assert_eq!(report.outcome, Outcome::Done);
    assert!(host.starts().is_empty() && !host.places.affected().exists());
}

#[test]
fn the_settings_may_have_later_waves_go_on() {
    let host = Host::new(&[("probe", "active"), ("web", "active")]);
    host.file("probe", "update.wave = \"canary\"");
    host.settings("[refresh]\non-failure = \"continue\"\n");
    host.unit("probe", |unit| unit.result = "failed");
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("probe", Action::Failed), ("web", Action::Restarted)]
    );
}

#[test]
fn what_is_put_off_is_not_forgotten() {
    let host = Host::new(&[("never", "active"), ("web", "active")]);
    host.file("never", "update.policy = \"never\"");
    let web = Name::parse("web").unwrap();
    hold::put(&host.places, Some(&web), &Hold::until(None)).unwrap();
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("never", Action::Skipped), ("web", Action::PutOff)]
    );
    assert_eq!(report.outcome, Outcome::Done);
    assert!(host.restarts().is_empty() && host.is_at_rest());

    hold::take_off(&host.places, Some(&web)).unwrap();
    host.places.mark().unwrap();
    let report = host.refresh(2).unwrap();
    assert_eq!(host.restarts(), ["lodger-web.service"]);
    assert_eq!((report.number, report.packages.len()), (2, 0));

    // What was restarted or stopped by somebody else is due no more.
    host.unit("never", |unit| unit.active = "inactive");
    host.places.mark().unwrap();
    assert_eq!(host.refresh(2), None);
    assert!(!host.places.affected().exists());
}

#[test]
fn nothing_is_restarted_while_the_system_goes_down() {
    let host = Host::new(&[("web", "active")]);
    host.shared.lock().unwrap().system_state = "stopping".into();
    host.dpkg_wrote(AFTER);
    assert_eq!(host.refresh(2).unwrap().outcome, Outcome::ShuttingDown);
    assert!(host.restarts().is_empty() && host.is_at_rest());
}

#[test]
fn an_announced_shutdown_is_waited_for() {
    let host = Host::new(&[("web", "active")]);
    host.shared.lock().unwrap().announced = 3;
    host.shared.lock().unwrap().system_state_then = Some("stopping");
    host.dpkg_wrote(AFTER);
    assert_eq!(host.refresh(2).unwrap().outcome, Outcome::ShuttingDown);
    let state = host.shared.lock().unwrap();
    assert_eq!((state.announced, state.bases), (0, 0));
    assert!(state.restarts.is_empty());
}

#[test]
fn a_shutdown_that_is_called_off_is_no_reason_to_do_nothing() {
    let host = Host::new(&[("web", "active")]);
    host.shared.lock().unwrap().announced = 2;
    host.dpkg_wrote(AFTER);
    assert_eq!(host.refresh(2).unwrap().outcome, Outcome::Done);
    assert_eq!(host.restarts(), ["lodger-web.service"]);
    assert_eq!(host.shared.lock().unwrap().announced, 0);
}

#[test]
fn one_that_fails_stops_no_other_and_is_told_of() {
    let host = Host::new(&[("a", "active"), ("b", "active"), ("c", "active")]);
    host.unit("b", |unit| unit.result = "failed");
    host.dpkg_wrote(AFTER);
    let report = host.refresh(1).unwrap();
    assert_eq!(
        actions(&report),
        [
            ("a", Action::Restarted),
            ("b", Action::Failed),
            ("c", Action::Restarted)
        ]
    );
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(
        report.containers[1].reason.as_deref(),
        Some("the job's result is failed, the unit is failed (exit-code)")
    );
}

#[test]
fn what_a_container_requires_is_restarted_before_it() {
    let host = Host::new(&[
        ("a", "active"),
        ("b", "active"),
        ("c", "active"),
        ("x", "active"),
        ("y", "active"),
    ]);
    host.unit("a", |unit| {
        unit.requires = vec!["lodger-b.service".into(), "dbus.service".into()]
    });
    host.unit("b", |unit| unit.requires = vec!["lodger-c.service".into()]);
    // Two in a circle must not hold the refresh up.
    host.unit("x", |unit| unit.requires = vec!["lodger-y.service".into()]);
    host.unit("y", |unit| unit.requires = vec!["lodger-x.service".into()]);
    host.dpkg_wrote(AFTER);
    assert_eq!(host.refresh(4).unwrap().count(Action::Restarted), 5);
    let restarts = host.restarts();
    let at = |name: &str| {
        restarts
            .iter()
            .position(|unit| *unit == format!("lodger-{name}.service"))
            .unwrap()
    };
    assert!(at("c") < at("b") && at("b") < at("a"), "{restarts:?}");
}

/// A host with containers that require one whose next start fails, and the one after that does not; a change concerns all.
fn whose_requirement_fails_for_a_moment() -> Host {
    let host = Host::new(&[
        ("above", "active"),
        ("below", "active"),
        ("never", "active"),
        ("stopped", "inactive"),
    ]);
    for name in ["above", "below"] {
        host.file(name, "update.settle = 0");
    }
    host.file("never", "update.policy = \"never\"");
    for name in ["above", "never", "stopped"] {
        host.unit(name, |unit| {
            unit.requires = vec!["lodger-below.service".into()];
        });
    }
    host.unit("below", |unit| {
        unit.result = "failed";
        unit.result_then = Some("done");
    });
    host.dpkg_wrote(AFTER);
    host
}

#[test]
fn what_stopped_because_its_requirement_failed_for_a_moment_is_started_again() {
    let host = whose_requirement_fails_for_a_moment();
    host.refresh(2).unwrap();
    assert_eq!(
        host.restarts()[..2],
        ["lodger-below.service", "lodger-below.service again"]
    );
    assert_eq!(
        host.starts(),
        ["lodger-above.service", "lodger-never.service"]
    );
}

#[test]
fn what_stopped_because_its_requirement_failed_is_not_lost_in_an_interruption() {
    let host = whose_requirement_fails_for_a_moment();
    host.shared.lock().unwrap().refuses_once_again = true;
    assert!(host.try_refresh(2).is_err());
    assert_eq!(host.starts(), [""; 0]);
    host.shared.lock().unwrap().refuses_once_again = false;
    let report = host.refresh(2).unwrap();
    assert_eq!(
        host.starts(),
        ["lodger-above.service", "lodger-never.service"]
    );
    assert_eq!(report.outcome, Outcome::Done);
    assert!(host.is_at_rest());
}

#[test]
fn what_would_not_start_again_keeps_running() {
    let host = Host::new(&[("broken", "active"), ("gone", "active")]);
    host.unit("broken", |unit| {
        unit.root = String::new();
        unit.wants.clear();
    });
    host.unit("gone", |unit| unit.load = "not-found");
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("broken", Action::Failed), ("gone", Action::Failed)]
    );
    assert!(host.restarts().is_empty());
}

#[test]
fn a_lost_signal_does_not_hold_the_refresh_up() {
    let host = Host::new(&[("web", "active")]);
    host.shared.lock().unwrap().mute = true;
    host.dpkg_wrote(AFTER);
    assert_eq!(host.refresh(2).unwrap().outcome, Outcome::Done);
}

#[test]
fn no_more_than_the_set_number_are_restarted_at_once() {
    let names: Vec<String> = (0..20).map(|number| format!("c{number:02}")).collect();
    let units: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "active")).collect();
    let host = Host::new(&units);
    host.dpkg_wrote(AFTER);
    assert_eq!(host.refresh(3).unwrap().count(Action::Restarted), 20);
    let most = host.shared.lock().unwrap().most_at_once;
    assert!((2..=3).contains(&most), "{most}");
}

#[test]
fn an_interrupted_refresh_is_taken_up_where_it_was() {
    let host = Host::new(&[("done", "active"), ("left", "active")]);
    host.dpkg_wrote(AFTER);
    // Before the first restart, and after the last.
    for (answers, restarts) in [(0, 0), (3, 2)] {
        host.shared.lock().unwrap().refuses_after = Some(answers);
        assert!(host.try_refresh(2).is_err());
        assert!(host.places.refreshing().exists());
        assert_eq!(host.restarts().len(), restarts);
    }
    host.shared.lock().unwrap().refuses_after = None;
    let report = host.refresh(2).unwrap();
    assert_eq!(host.restarts().len(), 2);
    assert_eq!(report.packages.len(), 1);
    assert_eq!(
        actions(&report),
        [("done", Action::Restarted), ("left", Action::Restarted)]
    );
    assert_eq!((report.outcome, report.number), (Outcome::Done, 1));
    assert!(host.is_at_rest());
}

#[test]
fn what_waits_for_its_next_try_has_no_old_code() {
    let host = Host::new(&[("loops", "activating"), ("web", "active")]);
    host.file("loops", "update.wave = \"canary\"");
    host.unit("loops", |unit| unit.waits_for_next_try = true);
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(host.restarts(), ["lodger-web.service"]);
}

#[test]
fn what_waits_for_its_next_try_on_a_base_that_it_is_held_on_is_not_forgotten() {
    let host = Host::new(&[("web", "activating")]);
    host.unit("web", |unit| unit.waits_for_next_try = true);
    host.is_held_on_a_base("web");
    host.dpkg_wrote(AFTER);
    for report in [host.refresh(2), host.refresh_again()] {
        assert_eq!(actions(&report.unwrap()), [("web", Action::Skipped)]);
    }
    assert!(host.restarts().is_empty() && host.places.affected().exists());
}

/// systemd tries `name` again and again; the last time, after all that a refresh has done, it failed.
fn is_tried_again(host: &Host, name: &str) {
    host.unit(name, |unit| {
        unit.active = "activating";
        unit.waits_for_next_try = true;
        unit.start_began = u64::MAX;
    });
}

#[test]
fn what_has_failed_keeps_later_waves_from_starting_while_systemd_tries_it_again() {
    let host = whose_canary_fails();
    let put_off = [("probe", Action::Failed), ("web", Action::PutOff)];
    assert_eq!(actions(&host.refresh(2).unwrap()), put_off);
    is_tried_again(&host, "probe");
    assert_eq!(actions(&host.refresh_again().unwrap()), put_off);
    let probes = ["lodger-probe.service", "lodger-probe.service again"];
    assert_eq!(host.restarts(), [probes, probes].concat());
    is_tried_again(&host, "probe");
    host.unit("probe", |unit| unit.result = "done");
    assert_eq!(
        actions(&host.refresh_again().unwrap()),
        [("probe", Action::Restarted), ("web", Action::Restarted)]
    );
    assert!(host.is_at_rest() && !host.places.affected().exists());
}

#[test]
fn what_systemd_tries_again_after_an_interruption_has_not_been_restarted() {
    let host = Host::new(&[("web", "active")]);
    host.file("web", "update.settle = 0");
    host.unit("web", |unit| unit.result = "failed");
    host.dpkg_wrote(AFTER);
    host.shared.lock().unwrap().refuses_once_again = true;
    assert!(host.try_refresh(2).is_err());
    host.shared.lock().unwrap().refuses_once_again = false;
    is_tried_again(&host, "web");
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Failed)]);
    let web = ["lodger-web.service", "lodger-web.service again"];
    assert_eq!(host.restarts(), [web, web].concat());
}

/// The first file of lodger's state under this name, as it was written, changed.
fn rewrite(path: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}

/// lodgerd was killed while the canary was on its way back to base 3, which it is held on already if `is_held`.
fn interrupted_on_the_way_back(is_held: bool) -> Host {
    let host = whose_canary_fails();
    for part in ["3", "3.record"] {
        fs::create_dir_all(host.places.bases.join(part)).unwrap();
    }
    fs::write(host.places.bases.join("3.record/base.json"), "{}").unwrap();
    host.shared.lock().unwrap().refuses_once_again = true;
    assert!(host.try_refresh(2).is_err());
    host.shared.lock().unwrap().refuses_once_again = false;
    rewrite(&host.places.affected(), |pending| {
        let due = &mut pending["containers"]["probe"];
        due["base"] = "3".into();
        due["failed"] = serde_json::json!({"refresh": 1, "how": "it failed"});
    });
    if is_held {
        host.is_held_on_a_base("probe");
    }
    host.unit("probe", |unit| {
        unit.active = "failed";
        unit.result = "done";
        unit.start_began = 1;
    });
    host
}

#[test]
fn a_way_back_that_was_interrupted_is_finished_and_told() {
    for is_held in [true, false] {
        let host = interrupted_on_the_way_back(is_held);
        let report = host.refresh(2).unwrap();
        assert_eq!(
            actions(&report),
            [("probe", Action::RolledBack), ("web", Action::PutOff)],
            "{report:#?}"
        );
        let reason = report.containers[0].reason.as_deref();
        assert_eq!(
            reason,
            Some(
                "it failed; it runs on base 3 again, and is held there until 'lodger unhold probe'"
            )
        );
        let waves: Vec<_> = report.waves.iter().map(|wave| wave.state).collect();
        assert_eq!(waves, [WaveState::Failed]);
        assert_eq!(report.outcome, Outcome::Failed);
        assert_eq!(host.starts(), ["lodger-alert@probe.service"]);
        let link = host.places.state_of(&Name::parse("probe").unwrap());
        assert!(fs::read_link(link.join("base")).unwrap().ends_with("3"));
    }
}

#[test]
fn who_was_let_go_or_stopped_since_does_not_go_back() {
    let host = interrupted_on_the_way_back(false);
    host.unit("probe", |unit| unit.active = "active");
    let report = host.refresh(2).unwrap();
    assert_eq!(report.count(Action::RolledBack), 0);
    let host = interrupted_on_the_way_back(true);
    host.unit("probe", |unit| unit.active = "inactive");
    let before = host.restarts();
    let report = host.refresh(2).unwrap();
    assert_eq!(report.count(Action::RolledBack), 0);
    let probe = |restarts: Vec<String>| restarts.iter().filter(|it| it.contains("probe")).count();
    assert_eq!(probe(host.restarts()), probe(before));
}

#[test]
fn what_failed_before_an_interruption_is_told_as_that() {
    let host = whose_canary_fails();
    let report = host.refresh(2).unwrap();
    // The same, cut off after the wave: all that it had written is there.
    let written = serde_json::json!({
        "number": 1, "started": report.started, "marked_in": null, "restarting": [],
        "waves": report.waves[..1], "containers": report.containers[..1],
    });
    fs::write(host.places.refreshing(), written.to_string()).unwrap();
    host.is_held_on_a_base("probe");
    let again = host.refresh(2).unwrap();
    assert_eq!(again.containers[0], report.containers[0]);
    assert_eq!(actions(&again), actions(&report));
    assert_eq!(again.outcome, Outcome::Failed);
}

#[test]
fn what_a_later_boot_started_is_fresh() {
    let host = Host::new(&[("web", "active")]);
    host.dpkg_wrote(AFTER);
    fs::write(host.places.pending(), "an earlier boot\n").unwrap();
    let report = host.refresh(2).unwrap();
    assert_eq!((actions(&report), report.unaffected), (vec![], 1));
    assert!(host.restarts().is_empty() && host.is_at_rest());
}

#[test]
fn a_mark_that_does_not_say_its_boot_is_of_this_one() {
    let host = Host::new(&[("web", "active")]);
    host.dpkg_wrote(AFTER);
    fs::write(host.places.pending(), "").unwrap();
    assert_eq!(
        actions(&host.refresh(2).unwrap()),
        [("web", Action::Restarted)]
    );
}

#[test]
fn without_a_baseline_every_running_container_is_affected() {
    let host = Host::new(&[("web", "active")]);
    fs::remove_file(host.places.baseline()).unwrap();
    host.places.mark().unwrap();
    assert_eq!(host.refresh(2).unwrap().outcome, Outcome::Done);
    assert_eq!(host.restarts(), ["lodger-web.service"]);
    assert!(Path::new(&host.places.baseline()).exists());
}

/// All that is in the state under a name that begins like this.
fn beginning_with(host: &Host, start: &str) -> Vec<String> {
    let entries = fs::read_dir(&host.places.state).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

/// A host on which somebody is due whom no change of now concerns, in a file that is torn.
fn with_a_torn_set() -> Host {
    let host = Host::new(&[("stopped", "inactive"), ("web", "active")]);
    hold::put(
        &host.places,
        Some(&Name::parse("web").unwrap()),
        &Hold { until: None },
    )
    .unwrap();
    host.dpkg_wrote(AFTER);
    assert_eq!(
        actions(&host.refresh(2).unwrap()),
        [("web", Action::PutOff)]
    );
    let text = fs::read(host.places.affected()).unwrap();
    fs::write(host.places.affected(), &text[..text.len() / 2]).unwrap();
    host
}

#[test]
fn a_torn_set_is_set_aside_and_every_running_container_is_affected() {
    let host = with_a_torn_set();
    let torn = fs::read(host.places.affected()).unwrap();
    // Neither holds nor their end depend on the set; whoever is let go may be due.
    let web = Name::parse("web").unwrap();
    hold::put(&host.places, Some(&web), &Hold { until: None }).unwrap();
    let unheld = unhold(&host.places, &web).unwrap();
    assert!(unheld.hold && unheld.due);
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(report.outcome, Outcome::Done);
    assert!(report.packages.is_empty() && host.is_at_rest());
    assert_eq!(
        beginning_with(&host, "affected"),
        ["affected.json.unreadable-1"]
    );
    let aside = host.places.state.join("affected.json.unreadable-1");
    assert_eq!(fs::read(aside).unwrap(), torn);
    // That is over now.
    assert_eq!(host.refresh_again(), None);
    assert_eq!(host.restarts().len(), 1);
}

#[test]
fn what_a_torn_set_had_is_not_lost_in_an_interruption() {
    let host = with_a_torn_set();
    unhold(&host.places, &Name::parse("web").unwrap()).unwrap();
    // The set is aside, and the question for all containers is not answered.
    host.shared.lock().unwrap().refuses_after = Some(0);
    assert!(host.try_refresh(2).is_err());
    assert_eq!(
        beginning_with(&host, "affected"),
        ["affected.json.unreadable-1"]
    );
    assert!(host.restarts().is_empty());
    // Not even when the refresh is forgotten, and when there is no base to look at it for.
    fs::write(host.places.refreshing(), "{").unwrap();
    host.shared.lock().unwrap().refuses_after = None;
    host.shared.lock().unwrap().base_result = "failed";
    host.refresh(2).unwrap();
    assert!(host.restarts().is_empty());
    host.shared.lock().unwrap().base_result = "done";
    let report = host.refresh_again().unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(host.refresh_again(), None);
}

#[test]
fn a_change_that_comes_with_a_torn_set_is_told_too() {
    let host = with_a_torn_set();
    unhold(&host.places, &Name::parse("web").unwrap()).unwrap();
    host.dpkg_wrote(&AFTER.replace("Version: 2", "Version: 3"));
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(report.packages.len(), 1);
}

#[test]
fn a_container_that_cannot_be_looked_at_is_affected_and_not_verified() {
    let host = Host::new(&[("good", "active"), ("odd", "active")]);
    // Too long for any path.
    host.unit("odd", |unit| unit.control_group = "x".repeat(5000));
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("good", Action::Restarted), ("odd", Action::Restarted)]
    );
    let odd = &report.containers[1].why[0].to_string();
    assert!(
        odd.starts_with(
            "may use what changed, which cannot be told: its processes cannot be listed"
        ),
        "{odd}"
    );
    assert_eq!(report.outcome, Outcome::Failed);
    let stale: Vec<_> = report.verified.unexpected().collect();
    assert_eq!((stale.len(), stale[0].container.as_str()), (1, "odd"));
    assert!(
        stale[0]
            .path
            .to_string_lossy()
            .starts_with("(its processes cannot be listed")
    );
}

#[test]
fn paragraphs_of_dpkgs_that_make_no_sense_stop_no_refresh() {
    let host = Host::new(&[("web", "active")]);
    let odd = "no field\n\nPackage: odd\n\n\u{0}\u{1}: \u{fffd}\nVersion 7\n";
    host.dpkg_wrote(&format!("{odd}\n{AFTER}"));
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(report.packages.len(), 1);
    // One that made sense before counts as gone, and so as changed; here and in the next refresh.
    host.dpkg_wrote(&format!("{AFTER}\n{}", AFTER.replace("libc6", "odd")));
    host.refresh(2).unwrap();
    host.dpkg_wrote(&format!("{AFTER}\nno field\n"));
    assert_eq!(host.refresh(2).unwrap().packages[0].new, None);
}

#[test]
fn a_database_of_dpkgs_that_makes_no_sense_at_all_loses_no_change() {
    let host = Host::new(&[("web", "active")]);
    host.dpkg_wrote("garbage");
    assert!(host.try_refresh(2).is_err());
    assert!(host.restarts().is_empty() && host.places.refreshing().exists());
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert!(host.is_at_rest());
}

#[test]
fn of_a_thousand_reasons_few_are_kept_and_the_others_counted() {
    let host = Host::new(&[("web", "active")]);
    let names: Vec<String> = (0..1000).map(|number| format!("p{number:03}")).collect();
    let status = |version: u32| -> String {
        let paragraphs = names.iter().map(|name| {
            format!(
                "Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n\n"
            )
        });
        paragraphs.collect()
    };
    fs::write(host.places.admindir.join("status"), status(1)).unwrap();
    host.places.record_baseline().unwrap();
    host.file("web", &format!("update.packages = {names:?}"));
    let web = Name::parse("web").unwrap();
    hold::put(&host.places, Some(&web), &Hold { until: None }).unwrap();
    // The second time they are the same, and no more than before.
    for version in [2, 3] {
        host.dpkg_wrote(&status(version));
        let report = host.refresh(2).unwrap();
        assert_eq!(actions(&report), [("web", Action::PutOff)]);
        assert_eq!(report.packages.len(), 1000);
        let why: Vec<String> = report.containers[0]
            .why
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(why.len(), 17);
        assert_eq!(why[0], "names p000 in update.packages");
        assert_eq!(why[16], "has 984 more reasons");
        assert!(fs::metadata(host.places.affected()).unwrap().len() < 4096);
    }
    assert!(unhold(&host.places, &web).unwrap().due);
    assert_eq!(
        actions(&host.refresh(2).unwrap()),
        [("web", Action::Restarted)]
    );
}

#[test]
fn a_clock_that_jumps_changes_nothing_but_what_people_read() {
    let host = Host::new(&[("after", "active"), ("before", "active")]);
    // "after" has started after the change, by a clock that nobody can set.
    host.unit("after", |unit| unit.start_began = u64::MAX);
    host.dpkg_wrote(AFTER);
    host.shared.lock().unwrap().refuses_after = Some(0);
    assert!(host.try_refresh(2).is_err());
    host.shared.lock().unwrap().refuses_after = None;
    // The refresh has begun in a time that is not to come for long.
    let text = fs::read_to_string(host.places.refreshing()).unwrap();
    let mut under_way: serde_json::Value = serde_json::from_str(&text).unwrap();
    under_way["started"] = "2999-01-01T00:00:00.000Z".into();
    fs::write(host.places.refreshing(), under_way.to_string()).unwrap();
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("before", Action::Restarted)]);
    assert_eq!((report.unaffected, report.outcome), (1, Outcome::Done));
    assert_eq!(Summary::of(&report).seconds, None);
}

#[test]
fn a_torn_hold_holds_and_stops_no_other() {
    let host = Host::new(&[("db", "active"), ("web", "active")]);
    let db = Name::parse("db").unwrap();
    hold::put(&host.places, Some(&db), &Hold { until: None }).unwrap();
    let files = ["hold.json", "released.json"].map(|name| host.places.state_of(&db).join(name));
    for file in &files {
        fs::write(file, "{").unwrap();
    }
    host.dpkg_wrote(AFTER);
    let report = host.refresh(2).unwrap();
    assert_eq!(
        actions(&report),
        [("db", Action::PutOff), ("web", Action::Restarted)]
    );
    let reason = report.containers[0].reason.as_deref();
    assert_eq!(reason, Some("held until 'lodger unhold'"));
    // It takes that off like any other.
    assert!(unhold(&host.places, &db).unwrap().due);
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("db", Action::Restarted)]);
    assert_eq!(host.refresh_again(), None);
}

#[test]
fn a_base_that_dpkg_was_in_the_way_of_is_asked_for_again() {
    let host = Host::new(&[("web", "active")]);
    host.dpkg_wrote(AFTER);
    let status = host.places.admindir.join("status");
    let version = AFTER.replace("Version: 2", "Version: 3");
    let dpkg = move || {
        let new = status.with_extension("new");
        fs::write(&new, version).unwrap();
        fs::rename(new, status).unwrap();
    };
    host.shared.lock().unwrap().at_base = Some(Box::new(dpkg));
    let report = host.refresh(2).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(report.packages[0].new.as_deref(), Some("3"));
    assert_eq!(host.shared.lock().unwrap().bases, 2);
}

#[test]
fn containers_are_stopped_by_one_process_where_that_does_the_same() {
    let units = [
        "web", "slow", "deaf", "mute", "alone", "custom", "db", "shop",
    ];
    let host = Host::new(&units.map(|name| (name, "active")));
    host.serve_stops();
    let slow = [
        "/usr/libexec/lodgerd",
        "stop",
        "--timeout=0.5",
        "--signal=SIGQUIT",
    ];
    host.unit("slow", |unit| unit.stop_command = Vec::leak(slow.to_vec()));
    host.unit("alone", |unit| unit.stop_command = &[]);
    host.unit("custom", |unit| unit.stop_command = &["/bin/true", "stop"]);
    host.unit("shop", |unit| {
        unit.requires = vec!["lodger-db.service".into()];
    });
    host.dpkg_wrote(AFTER);
    let report = host.refresh(8).unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(actions(&report), {
        let mut all = units.map(|name| (name, Action::Restarted));
        all.sort_by_key(|(name, _)| *name);
        all
    });
    let mut stops = host.stops();
    stops.sort();
    assert_eq!(
        stops,
        [
            "announce lodger-deaf.service SIGTERM 10",
            "announce lodger-mute.service SIGTERM 10",
            "announce lodger-shop.service SIGTERM 10",
            "announce lodger-slow.service SIGQUIT 0",
            "announce lodger-web.service SIGTERM 10",
            "end lodger-shop.service",
            "end lodger-slow.service",
            "end lodger-web.service",
            "leave lodger-mute.service",
        ]
    );
    let mut restarts = host.restarts();
    restarts.sort();
    let mut expected = units.map(|name| format!("lodger-{name}.service"));
    expected.sort();
    assert_eq!(restarts, expected, "each once");
}

#[test]
fn what_somebody_stops_once_it_is_announced_stays_stopped() {
    let host = Host::new(&[("db", "active"), ("web", "active")]);
    host.serve_stops();
    host.shared.lock().unwrap().is_stopped_before = Some("lodger-web.service".into());
    host.dpkg_wrote(AFTER);
    let report = host.refresh(8).unwrap();
    let expected = [("db", Action::Restarted), ("web", Action::Stopped)];
    assert_eq!(actions(&report), expected);
    let active = host.shared.lock().unwrap().units["lodger-web.service"].active;
    assert_eq!(active, "inactive");
    let ended = "end lodger-web.service".to_owned();
    assert!(host.stops().contains(&ended), "it is not left waiting");
}

#[test]
fn a_stop_that_comes_right_after_the_announcement_is_not_kept_waiting() {
    let host = Host::new(&[("web", "active")]);
    host.serve_stops();
    host.unit("web", |unit| unit.is_stopped = true);
    host.dpkg_wrote(AFTER);
    let report = host.refresh(8).unwrap();
    assert_eq!(actions(&report), [("web", Action::Stopped)]);
    let told = [
        "announce lodger-web.service SIGTERM 10",
        "end lodger-web.service",
    ];
    assert_eq!(host.stops(), told);
}

#[test]
fn what_is_announced_is_ended_by_another_if_the_first_is_gone() {
    let host = Host::new(&[("last", "active"), ("web", "active")]);
    host.serve_stops();
    host.dpkg_wrote(AFTER);
    let report = host.refresh(8).unwrap();
    let expected = [("last", Action::Restarted), ("web", Action::Restarted)];
    assert_eq!(actions(&report), expected);
    let told = [
        "announce lodger-last.service SIGTERM 10",
        "announce lodger-last.service SIGTERM 10",
        "end lodger-last.service",
    ];
    // What comes after it is left to its own command.
    assert_eq!(host.stops(), told);
}

#[test]
fn what_stops_for_a_job_is_told_once_that_has_begun() {
    let host = Host::new(&[
        ("begun", "deactivating"),
        ("waits", "deactivating"),
        ("alone", "deactivating"),
        ("up", "active"),
    ]);
    for name in ["begun", "waits", "up"] {
        let job = format!("/org/freedesktop/systemd1/job/{name}");
        host.unit(name, |unit| unit.stop_job = Some(job));
    }
    let job = "/org/freedesktop/systemd1/job/waits".to_owned();
    host.shared.lock().unwrap().waiting.insert(job, 3);
    let shared = host.shared.clone();
    let mut systemd = Systemd::with(Arc::new(move || connect(&shared))).unwrap();
    let units = ["begun", "waits", "alone", "up"].map(|name| format!("lodger-{name}.service"));
    let units: Vec<&str> = units.iter().map(String::as_str).collect();
    let mut found = systemd.stopping_for_jobs(&units).unwrap();
    found.sort();
    assert_eq!(found, ["lodger-begun.service", "lodger-waits.service"]);
    assert!(host.shared.lock().unwrap().waiting.is_empty());
}

#[test]
fn what_is_announced_is_restarted_whatever_is_in_the_way() {
    let host = Host::new(&[("web", "active")]);
    host.serve_stops();
    host.shared.lock().unwrap().is_in_the_way_of = Some("lodger-web.service".into());
    host.dpkg_wrote(AFTER);
    let report = host.refresh(8).unwrap();
    assert_eq!(actions(&report), [("web", Action::Restarted)]);
    assert_eq!(host.restarts(), ["lodger-web.service again"]);
}

#[test]
fn what_was_announced_and_not_restarted_when_lodgerd_was_killed_is_restarted() {
    let host = Host::new(&[("web", "deactivating"), ("db", "deactivating")]);
    host.serve_stops();
    let under_way = r#"{"number": 1, "started": "2026-11-23T00:00:00Z", "marked_in": null, "restarting": ["web"]}"#;
    fs::write(host.places.refreshing(), under_way).unwrap();
    host.refresh(8);
    assert_eq!(host.restarts(), ["lodger-web.service again"]);
    let told = [
        "announce lodger-web.service SIGTERM 10",
        "end lodger-web.service",
    ];
    assert_eq!(host.stops(), told);
    assert!(host.is_at_rest());
}
