//! What was measured in; a table, the same as JSON, and each target with what was found out.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Measured, Subject};

/// In seconds.
fn find(
    measured: &[Measured],
    subject: Subject,
    files: usize,
    value: fn(&Measured) -> Duration,
) -> f64 {
    let is = |line: &&Measured| line.subject == subject && line.files == files;
    measured
        .iter()
        .find(is)
        .map_or(f64::NAN, |line| value(line).as_secs_f64())
}

fn clock(line: &Measured) -> Duration {
    line.median
}

fn cpu(line: &Measured) -> Duration {
    line.median_cpu
}

/// A line for each.
pub fn print_table(measured: &[Measured], versions: &[String]) {
    println!("compared: {}", versions.join(", "));
    println!("                 ------------- clock ------------  ------- processor -------");
    println!("  files  what       median       least  to cp -a       median  to cp -a");
    for line in measured {
        let median = line.median.as_secs_f64();
        let cpu_median = line.median_cpu.as_secs_f64();
        println!(
            "{:7}  {:8} {:8.2} ms {:8.2} ms {:9.2} {:9.2} ms {:9.2}",
            line.files,
            line.subject.name(),
            median * 1e3,
            line.least.as_secs_f64() * 1e3,
            median / find(measured, Subject::Copy, line.files, clock),
            cpu_median * 1e3,
            cpu_median / find(measured, Subject::Copy, line.files, cpu),
        );
    }
}

/// The same for programs.
pub fn as_json(measured: &[Measured], versions: &[String]) -> Value {
    let entry = |line: &Measured| {
        let seconds = line.median.as_secs_f64();
        json!({
            "what": line.subject.name(),
            "version": versions[line.subject as usize],
            "files": line.files,
            "seconds": seconds,
            "least_seconds": line.least.as_secs_f64(),
            "cpu_seconds": line.median_cpu.as_secs_f64(),
            "ratio_to_cp": seconds / find(measured, Subject::Copy, line.files, clock),
        })
    };
    measured.iter().map(entry).collect()
}

/// Each target with what was found; how many are missed. A time on its own tells about one machine only, so it is none.
pub fn print_targets(measured: &[Measured], size: u64, memory: u64) -> usize {
    let lodger = |files| find(measured, Subject::Lodger, files, clock);
    let mega = |bytes: u64| bytes as f64 / 1e6;
    let targets = [
        (
            "1,000 files: times cp -a",
            lodger(1_000) / find(measured, Subject::Copy, 1_000, clock),
            1.0,
        ),
        (
            "1,000 files: times Quadlet",
            lodger(1_000) / find(measured, Subject::Quadlet, 1_000, clock),
            0.2,
        ),
        (
            "10,000 files: times 1,000 files",
            lodger(10_000) / lodger(1_000),
            12.0,
        ),
        ("1,000 files: MB of memory at most", mega(memory), 16.0),
        ("MB of the binary, stripped", mega(size), 1.5),
    ];
    println!(
        "\n1,000 files: {:.1} ms (25 on the machine the target is from)",
        lodger(1_000) * 1e3
    );
    for (what, found, most) in targets {
        let verdict = if found <= most { "ok" } else { "MISSED" };
        println!("{verdict:6}  {what}: {found:.2}, target {most}");
    }
    let met = targets.iter().filter(|(_, found, most)| found <= most);
    targets.len() - met.count()
}
