//! A message in; one record in the kernel's log out, the only log there is when generators run.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use crate::diagnostic::{Severity, printable};

/// The kernel cuts records at about 1 kB, in the middle of a character if need be.
const LONGEST_RECORD: usize = 999;

/// Writes `message` to the kernel's log at `path`, usually /dev/kmsg. Where there is none, nothing is written and nothing is wrong.
///
/// The file is opened for each record: the kernel drops what comes too fast, and counts for each opening.
pub fn write(path: &Path, severity: Severity, program: &str, message: &str) -> io::Result<()> {
    let mut kmsg = match OpenOptions::new().append(true).open(path) {
        Ok(kmsg) => kmsg,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    // One write is one record.
    kmsg.write_all(record(severity, program, std::process::id(), message).as_bytes())
}

fn record(severity: Severity, program: &str, pid: u32, message: &str) -> String {
    let priority = match severity {
        Severity::Error => 3,
        Severity::Warning => 4,
    };
    let mut record = format!("<{priority}>{program}[{pid}]: {}", printable(message));
    if record.len() > LONGEST_RECORD {
        let cut = (0..=LONGEST_RECORD - 3)
            .rev()
            .find(|&at| record.is_char_boundary(at));
        record.truncate(cut.unwrap_or_default());
        record.push_str("...");
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_and_fits() {
        assert_eq!(
            record(Severity::Error, "x", 7, "a\n<0>b"),
            "<3>x[7]: a\\n<0>b"
        );
        assert_eq!(record(Severity::Warning, "x", 7, "é"), "<4>x[7]: é");
        let long = record(Severity::Error, "x", 7, &"é".repeat(2000));
        assert_eq!(long, format!("<3>x[7]: {}...", "é".repeat(493)));
        assert!(long.len() <= LONGEST_RECORD);
    }

    #[test]
    fn without_a_log_nothing_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kmsg");
        assert!(write(&path, Severity::Error, "x", "a").is_ok());
        std::fs::write(&path, "").unwrap();
        write(&path, Severity::Error, "x", "a").unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!("<3>x[{}]: a", std::process::id())
        );
    }
}
