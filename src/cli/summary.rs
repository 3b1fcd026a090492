//! The record of a refresh in; what it came to, in words, out.

use lodger::refresh::report::{Action, Report};

/// One line, and one more for each container at fault.
pub fn summary(report: &Report) -> String {
    let mut text = format!(
        "{} packages changed, {} containers restarted, {} not affected, {} put off, {} failed; {} of {} processes on old code.",
        report.packages.len(),
        report.count(Action::Restarted),
        report.unaffected,
        report.count(Action::PutOff),
        report.failures(),
        report.verified.stale.len(),
        report.verified.processes,
    );
    if !report.unfinished.is_empty() {
        text += &format!(
            "\ndpkg had not finished with {}.",
            report.unfinished.join(", ")
        );
    }
    for container in &report.containers {
        if let (true, Some(reason)) = (container.action.is_failure(), &container.reason) {
            text += &format!("\n{}: {reason}", container.name);
        }
    }
    text
}
