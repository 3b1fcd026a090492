//! What is found in one process after the other in; what is told of the container out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::StaleProcess;
use super::census::Fate;
use super::evidence::{Evidence, MOST_TOLD, Program, Sighting, Undecided};

/// The most programs of a container that are told apart.
const MOST_PROGRAMS: usize = 4096;

/// All that was found in a container so far.
#[derive(Debug, Default)]
pub struct Findings {
    /// The base that the last process was on.
    pub base: Option<String>,
    /// How many processes were looked at.
    pub processes: usize,
    /// Those on old code.
    pub stale: Vec<StaleProcess>,
    /// Those of which nothing could be told.
    pub unknown: Vec<StaleProcess>,
    /// What each maps of what was asked for.
    pub fates: BTreeMap<(i32, usize), Fate>,
    maps: BTreeMap<PathBuf, i32>,
    opens: BTreeMap<PathBuf, i32>,
    /// Whether each has run others.
    programs: BTreeMap<PathBuf, bool>,
    undecided: Vec<Undecided>,
}

impl Findings {
    /// A process maps something old.
    pub fn add_mapped(&mut self, pid: i32, path: PathBuf) {
        if self.stale.last().is_none_or(|last| last.pid != pid) {
            self.stale.push(StaleProcess {
                pid,
                path: path.clone(),
            });
        }
        if self.maps.len() < MOST_TOLD {
            self.maps.entry(path).or_insert(pid);
        }
    }

    /// A process maps what was asked for; the worst counts.
    pub fn add_fate(&mut self, pid: i32, fate: Option<(usize, Fate)>) {
        if let Some((number, fate)) = fate {
            let worst = self.fates.entry((pid, number)).or_insert(fate);
            *worst = fate.max(*worst);
        }
    }

    /// A process has something old open.
    pub fn add_open(&mut self, pid: i32, path: PathBuf) {
        if self.opens.len() < MOST_TOLD {
            self.opens.entry(path).or_insert(pid);
        }
    }

    /// A process runs this.
    pub fn add_program(&mut self, pid: i32, path: &Path, has_run_others: bool) {
        if let Some(known) = self.programs.get_mut(path) {
            *known |= has_run_others;
        } else if self.programs.len() < MOST_PROGRAMS {
            self.programs.insert(path.to_path_buf(), has_run_others);
        } else {
            self.add_undecided(pid, None, "too many programs to tell apart".to_owned());
        }
    }

    /// It could not be told what a process runs on.
    pub fn add_undecided(&mut self, pid: i32, program: Option<PathBuf>, why: String) {
        let is_known =
            |undecided: &Undecided| (&undecided.program, &undecided.why) == (&program, &why);
        if self.undecided.len() < MOST_TOLD && !self.undecided.iter().any(is_known) {
            self.undecided.push(Undecided { pid, program, why });
        }
    }

    /// The same, and so it counts as stale.
    pub fn add_unknown(&mut self, pid: i32, program: Option<PathBuf>, why: String) {
        let stale = StaleProcess {
            pid,
            path: format!("({why})").into(),
        };
        self.unknown.push(stale.clone());
        self.stale.push(stale);
        self.add_undecided(pid, program, why);
    }

    /// What is told of the whole.
    pub fn evidence(self) -> Evidence {
        let sightings = |found: BTreeMap<PathBuf, i32>| {
            let found = found.into_iter();
            found.map(|(path, pid)| Sighting { path, pid }).collect()
        };
        let programs = self.programs.into_iter();
        Evidence {
            base: self.base,
            processes: self.processes,
            maps: sightings(self.maps),
            opens: sightings(self.opens),
            programs: programs
                .map(|(path, has_run_others)| Program {
                    path,
                    has_run_others,
                })
                .collect(),
            undecided: self.undecided,
        }
    }
}
