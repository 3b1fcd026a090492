//! systemd calls it at boot and at every daemon-reload (systemd.generator(7)): container files in, units in its output directory out.
//!
//! It reads, writes below the first directory it is given, tells what became of each file in /run/lodger/status.json, and does
//! nothing else: no D-Bus, no other program.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lodger::container::installed;
use lodger::diagnostic::{Diagnostic, Severity};
use lodger::file_status::{self, file_statuses};
use lodger::generate::{units, write};
use lodger::kmsg;
use lodger::prefix::Prefix;

/// Messages about one file that fit in a log; `lodger check` has them all.
const MOST_MESSAGES: usize = 20;

/// Files whose messages fit in a log.
const MOST_FILES: usize = 500;

fn main() -> ExitCode {
    // The containers' files are not there yet, and user managers run none.
    let is = |variable, value: &str| env::var_os(variable).is_some_and(|found| found == value);
    if is("SYSTEMD_IN_INITRD", "1") || is("SYSTEMD_SCOPE", "user") {
        return ExitCode::SUCCESS;
    }
    let prefix = Prefix::under(&env::var_os("LODGER_ROOT").unwrap_or_default());
    let log = Log {
        to_kmsg: prefix.is_host(),
    };
    let Some(directory) = output_directory(env::args_os().skip(1).collect()) else {
        log.error("give one directory, or three: normal, early and late (systemd.generator(7))");
        return ExitCode::FAILURE;
    };
    generate(&prefix, &directory, &log)
}

/// The one that systemd wants ordinary units in: below what people write in /etc, above /usr.
fn output_directory(arguments: Vec<OsString>) -> Option<PathBuf> {
    match arguments.as_slice() {
        [normal] | [normal, _, _] => Some(PathBuf::from(normal)),
        _ => None,
    }
}

fn generate(prefix: &Prefix, directory: &Path, log: &Log) -> ExitCode {
    // The process ends with them: to give back every string on its own costs a tenth of its time.
    let installed = ManuallyDrop::new(installed::read_for_units(prefix));
    let files: Vec<_> = installed
        .diagnostics
        .chunk_by(|a, b| a.path == b.path)
        .collect();
    for of_one_file in files.iter().take(MOST_FILES) {
        log.diagnostics(of_one_file);
    }
    if files.len() > MOST_FILES {
        let more = files.len() - MOST_FILES;
        log.error(&format!(
            "and {more} more files with mistakes: lodger check"
        ));
    }
    let errors = write(units(&installed, prefix), directory)
        .err()
        .unwrap_or_default();
    for error in &errors {
        log.error(&format!("{error:#}"));
    }
    // Of the running system: of another root nothing but units is made. Containers do not need it.
    if prefix.is_host()
        && let Err(error) = file_status::write(prefix, &file_statuses(&installed))
    {
        log.write(Severity::Warning, &format!("{error:#}"));
    }
    if installed.has_errors() || !errors.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Where messages go: always to stderr, and to the kernel's log when the units are this system's.
struct Log {
    to_kmsg: bool,
}

impl Log {
    fn diagnostics(&self, of_one_file: &[Diagnostic]) {
        for diagnostic in of_one_file.iter().take(MOST_MESSAGES) {
            self.write(diagnostic.severity, &diagnostic.one_line());
        }
        if let Some(diagnostic) = of_one_file.get(MOST_MESSAGES) {
            let more = of_one_file.len() - MOST_MESSAGES;
            let path = diagnostic.path.display();
            self.write(
                diagnostic.severity,
                &format!("{path}: and {more} more: lodger check {path}"),
            );
        }
    }

    fn error(&self, message: &str) {
        self.write(Severity::Error, message);
    }

    fn write(&self, severity: Severity, message: &str) {
        let message = match severity {
            Severity::Error => message.to_owned(),
            Severity::Warning => format!("warning: {message}"),
        };
        // With neither log there is nobody left to tell; the exit status still says that something was wrong.
        let _ = writeln!(io::stderr(), "lodger-generator: {message}");
        if self.to_kmsg {
            let _ = kmsg::write(
                Path::new("/dev/kmsg"),
                severity,
                "lodger-generator",
                &message,
            );
        }
    }
}
