//! Why a container has to be restarted for a change to reach it: data in, a sentence out.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::path_text;
use crate::upper::shown;

/// One reason. Packages have their plain names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// A process maps a file that the host no longer has like that.
    Maps {
        /// The file, as the process sees it.
        #[serde(with = "path_text")]
        path: PathBuf,
        /// Whose it is; `None` if it is no package's.
        package: Option<String>,
    },
    /// A process keeps such a file open.
    Opens {
        /// The file, as the process sees it.
        #[serde(with = "path_text")]
        path: PathBuf,
        /// Whose it is; `None` if it is no package's.
        package: Option<String>,
    },
    /// It runs an interpreter, and the package that changed needs that interpreter.
    Interpreter {
        /// The interpreter.
        #[serde(with = "path_text")]
        program: PathBuf,
        /// What changed.
        package: String,
    },
    /// It runs a program that the package that changed extends: it is made of the same source, or needs the program's package
    /// itself.
    Extends {
        /// The program.
        #[serde(with = "path_text")]
        program: PathBuf,
        /// What changed.
        package: String,
    },
    /// It runs a program whose package needs the one that changed, and of that no process ever maps anything.
    Reads {
        /// The program.
        #[serde(with = "path_text")]
        program: PathBuf,
        /// What changed.
        package: String,
    },
    /// It runs an interpreter that has run other programs, and nobody knows which it runs next.
    Runs {
        /// The interpreter.
        #[serde(with = "path_text")]
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
        }
    }
}

fn of(package: &Option<String>) -> String {
    match package {
        Some(package) => format!(" of {package}"),
        None => String::new(),
    }
}
