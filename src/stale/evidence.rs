//! What the processes of one container show of the code that they run: found by the scanner in; sorted and bounded out.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::number_text;
use crate::exact_path;

/// The most distinct paths, programs or undecided processes that are kept of one container.
pub const MOST_TOLD: usize = 64;

/// All that is known of a container at work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The number of the pinned base it runs on; `None` on the live host, and without processes.
    #[serde(serialize_with = "number_text::or_null")]
    pub base: Option<String>,
    /// How many processes were looked at.
    pub processes: usize,
    /// Files that are mapped and that the host no longer has like that; by path, each once.
    pub maps: Vec<Sighting>,
    /// The same of files that are open.
    pub opens: Vec<Sighting>,
    /// What is run, by path.
    pub programs: Vec<Program>,
    /// What could not be looked at.
    pub undecided: Vec<Undecided>,
}

/// A file of the host that a process uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sighting {
    /// As the process sees it.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
    /// The first process that it was seen in, by its number on the host.
    pub pid: i32,
}

/// A program, or the library of an interpreter that runs in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Program {
    /// As the process sees it; nothing was opened there.
    #[serde(flatten, serialize_with = "exact_path::path::serialize")]
    pub path: PathBuf,
    /// Whether a process of it had children that have ended: they may have been any program.
    pub has_run_others: bool,
}

/// A process of which nothing can be told for certain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Undecided {
    /// Its number on the host; 0 for all of the container's.
    pub pid: i32,
    /// Its program, if that much is known.
    #[serde(flatten, serialize_with = "exact_path::program::or_null")]
    pub program: Option<PathBuf>,
    /// What went wrong.
    pub why: String,
}

impl Evidence {
    /// What is known of a container that could not be looked at at all.
    pub fn unknown(why: String) -> Self {
        Self {
            undecided: vec![Undecided {
                pid: 0,
                program: None,
                why,
            }],
            ..Self::default()
        }
    }

    /// The paths whose packages have to be known to judge it.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let sightings = self.maps.iter().chain(&self.opens);
        let undecided = self.undecided.iter();
        let undecided = undecided.filter_map(|undecided| undecided.program.as_deref());
        sightings
            .map(|sighting| sighting.path.as_path())
            .chain(self.programs.iter().map(|program| program.path.as_path()))
            .chain(undecided)
    }
}
