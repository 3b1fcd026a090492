//! Why a container has to be restarted for a change to reach it: data in, a sentence out.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::exact_path;
use crate::upper::shown;

/// One reason. Packages have their plain names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// A process maps a file that the host no longer has like that.
    Maps {
        /// The file, as the process sees it.
        #[serde(flatten, with = "exact_path::path")]
        path: PathBuf,
        /// Whose it is; `None` if it is no package's.
        package: Option<String>,
    },
    /// A process keeps such a file open.
    Opens {
        /// The file, as the process sees it.
        #[serde(flatten, with = "exact_path::path")]
        path: PathBuf,
        /// Whose it is; `None` if it is no package's.
        package: Option<String>,
    },
    /// It runs an interpreter, and the package that changed needs that interpreter, or has modules where that one looks for them.
    Interpreter {
        /// The interpreter.
        #[serde(flatten, with = "exact_path::program")]
        program: PathBuf,
        /// What changed.
        package: String,
    },
    /// It runs a program that the package that changed extends: it is made of the same source, or needs the program's package
    /// itself.
    Extends {
        /// The program.
        #[serde(flatten, with = "exact_path::program")]
        program: PathBuf,
        /// What changed.
        package: String,
    },
    /// It runs a program whose package needs the one that changed, and of that no process ever maps anything.
    Reads {
        /// The program.
        #[serde(flatten, with = "exact_path::program")]
        program: PathBuf,
        /// What changed.
        package: String,
    },
    /// It runs an interpreter that has run other programs, or what runs jobs, and nobody knows which it runs next.
    Runs {
        /// The interpreter.
        #[serde(flatten, with = "exact_path::program")]
        program: PathBuf,
        /// What changed.
        package: String,
    },
    /// It could not be told what a process runs on.
    Undecided {
        /// Why not.
        why: String,
        /// The package that changed and that its program needs; `None` if not even the program's package is known.
        package: Option<String>,
    },
    /// The container file names the package.
    Named {
        /// What changed.
        package: String,
    },
    /// The container file says that every change is a reason.
    Always,
    /// There are others, of which only the number is kept.
    More {
        /// How many at least: of those that several changes had, nobody knows which are the same.
        count: usize,
    },
}

/// The most reasons of one container that are kept.
pub const MOST_KEPT: usize = 16;

/// `reasons` as they are kept: each once, what is seen of processes before what packages say, and of those past [`MOST_KEPT`]
/// the number.
pub fn bounded(reasons: impl IntoIterator<Item = Reason>) -> Vec<Reason> {
    let mut kept = BTreeSet::new();
    let mut more = 0;
    for reason in reasons {
        match reason {
            Reason::More { count } => more = more.max(count),
            reason => {
                kept.insert(reason);
            }
        }
    }
    more += kept.len().saturating_sub(MOST_KEPT);
    let mut kept: Vec<Reason> = kept.into_iter().take(MOST_KEPT).collect();
    if more > 0 {
        kept.push(Reason::More { count: more });
    }
    kept
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Maps { path, package } => {
                write!(out, "runs the old {}{}", shown::text(path), of(package))
            }
            Reason::Opens { path, package } => {
                let path = shown::text(path);
                write!(out, "keeps the old {path}{} open", of(package))
            }
            Reason::Interpreter { program, package } => {
                let program = shown::text(program);
                write!(out, "runs {program}, and {package} is for that")
            }
            Reason::Extends { program, package } => {
                let program = shown::text(program);
                write!(out, "runs {program}, and {package} is a part of it")
            }
            Reason::Reads { program, package } => {
                let program = shown::text(program);
                write!(
                    out,
                    "runs {program}, which may read the data of {package} at any time"
                )
            }
            Reason::Runs { program, package } => {
                let program = shown::text(program);
                write!(
                    out,
                    "runs other programs with {program}, which may use {package}"
                )
            }
            Reason::Undecided { why, package } => {
                let package = package.as_deref().unwrap_or("what changed");
                write!(out, "may use {package}, which cannot be told: {why}")
            }
            Reason::Named { package } => {
                write!(out, "names {package} in update.packages")
            }
            Reason::Always => write!(
                out,
                "is to follow every change (update.policy = \"always\")"
            ),
            Reason::More { count: 1 } => write!(out, "has 1 more reason"),
            Reason::More { count } => write!(out, "has {count} more reasons"),
        }
    }
}

fn of(package: &Option<String>) -> String {
    match package {
        Some(package) => format!(" of {package}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(number: usize) -> Reason {
        Reason::Maps {
            path: format!("/usr/lib/{number:04}").into(),
            package: None,
        }
    }

    fn named(number: usize) -> Reason {
        Reason::Named {
            package: format!("{number:04}"),
        }
    }

    #[test]
    fn of_a_thousand_reasons_the_strongest_are_kept_and_the_others_counted() {
        let all = (0..1000).map(named).chain((0..3).map(maps));
        let kept = bounded(all);
        let expected: Vec<Reason> = (0..3)
            .map(maps)
            .chain((0..13).map(named))
            .chain([Reason::More { count: 987 }])
            .collect();
        assert_eq!(kept, expected);
        assert_eq!(kept[16].to_string(), "has 987 more reasons");
        // Once more, and with what the next change adds.
        assert_eq!(bounded(kept.iter().cloned().chain(kept.clone())), expected);
        let more = bounded(kept.into_iter().chain([maps(3), maps(4)]));
        assert_eq!((more.len(), &more[4]), (17, &maps(4)));
        assert_eq!(more[16], Reason::More { count: 989 });
    }

    #[test]
    fn as_many_as_are_kept_are_all() {
        let all: Vec<Reason> = (0..MOST_KEPT).map(maps).collect();
        assert_eq!(bounded(all.iter().rev().cloned()), all);
        assert_eq!(bounded([Reason::Always, Reason::Always]), [Reason::Always]);
        assert!(bounded([]).is_empty());
        let text = serde_json::to_string(&Reason::More { count: 2 }).unwrap();
        assert_eq!(text, r#"{"reason":"more","count":2}"#);
    }
}
