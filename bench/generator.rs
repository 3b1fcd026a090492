//! Nothing in; how long lodger's generator, `cp -a` and Quadlet take for 1 to 10,000 containers out, on stdout and as JSON.
//!
//! Runs in the tree that bench/generator prepares: the programs at fixed places, /run a tmpfs, /bench on disk.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

mod input;
mod report;

const GENERATOR: &str = "/bench/lodger-generator";
const QUADLET: &str = "/usr/libexec/podman/quadlet";
const OUTPUT: &str = "/run/output";
const JSON: &str = "/bench/generator.json";

/// How many files, and how often they are measured.
const SIZES: [(usize, usize); 4] = [(1, 51), (100, 31), (1_000, 21), (10_000, 7)];

/// What is compared, in the order of the table.
#[derive(Clone, Copy, PartialEq)]
enum Subject {
    Lodger,
    Copy,
    Quadlet,
}

const SUBJECTS: [Subject; 3] = [Subject::Lodger, Subject::Copy, Subject::Quadlet];

/// One line of the table.
struct Measured {
    subject: Subject,
    files: usize,
    median: Duration,
    least: Duration,
    /// Of processor time, user and system.
    median_cpu: Duration,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Taken {
    time: Duration,
    cpu: Duration,
}

fn main() -> Result<()> {
    for (files, _) in SIZES {
        input::write(files)?;
    }
    // Before any other program has run: the kernel tells the largest of all children.
    let memory = peak_memory()?;
    let mut measured = Vec::new();
    for (files, rounds) in SIZES {
        measured.extend(measure(files, rounds)?);
    }
    let size = fs::metadata(GENERATOR)?.len();
    report::print_table(&measured, &versions()?);
    fs::write(
        JSON,
        format!("{:#}\n", report::as_json(&measured, &versions()?)),
    )?;
    let missed = report::print_targets(&measured, size, memory);
    ensure!(missed == 0, "{missed} targets are missed");
    Ok(())
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Subject::Lodger => "lodger",
            Subject::Copy => "cp -a",
            Subject::Quadlet => "quadlet",
        }
    }

    /// One run for `files` containers, into [`OUTPUT`].
    fn command(self, files: usize) -> Command {
        let mut command = Command::new(match self {
            Subject::Lodger => GENERATOR,
            Subject::Copy => "/usr/bin/cp",
            Subject::Quadlet => QUADLET,
        });
        match self {
            Subject::Lodger => command
                .env_clear()
                .env("LODGER_ROOT", input::root(files))
                .arg(OUTPUT),
            Subject::Copy => command.args(["-aT", &tree(files), OUTPUT]),
            Subject::Quadlet => command
                .env_clear()
                .env("QUADLET_UNIT_DIRS", input::root(files).join("quadlets"))
                .args(["-no-kmsg-log", OUTPUT]),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// How long one run takes, with an output that is whole.
    fn time(self, files: usize) -> Result<Taken> {
        empty_output()?;
        let mut command = self.command(files);
        let cpu_before = cpu_of_children()?;
        let began = Instant::now();
        let status = command.status();
        let time = began.elapsed();
        let cpu = cpu_of_children()?.saturating_sub(cpu_before);
        let status = status.with_context(|| format!("cannot run {}", self.name()))?;
        ensure!(
            status.success(),
            "{} for {files} files: {status}",
            self.name()
        );
        let (units, links) = count(Path::new(OUTPUT))?;
        ensure!(
            (units, links) == (files, files),
            "{} wrote {units} units and {links} links for {files} files",
            self.name()
        );
        Ok(Taken { time, cpu })
    }
}

/// What lodger made of `files` containers, for `cp`.
fn tree(files: usize) -> String {
    format!("/run/tree-{files}")
}

fn empty_output() -> Result<()> {
    if Path::new(OUTPUT).exists() {
        fs::remove_dir_all(OUTPUT)?;
    }
    Ok(fs::create_dir(OUTPUT)?)
}

/// Regular files and symbolic links below `directory`.
fn count(directory: &Path) -> Result<(usize, usize)> {
    let (mut files, mut links) = (0, 0);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let inner = count(&entry.path())?;
            (files, links) = (files + inner.0, links + inner.1);
        } else if kind.is_symlink() {
            links += 1;
        } else {
            files += 1;
        }
    }
    Ok((files, links))
}

/// The most memory that lodger's generator had resident for 1,000 files, in bytes, or this program's own, if that is more: a
/// child begins as its parent's copy.
fn peak_memory() -> Result<u64> {
    Subject::Lodger.time(1_000)?;
    let kibibytes = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    Ok(u64::try_from(kibibytes)? * 1024)
}

/// All subjects in turns, so that whatever else the machine does meets them alike.
fn measure(files: usize, rounds: usize) -> Result<Vec<Measured>> {
    for subject in [Subject::Quadlet, Subject::Lodger] {
        subject.time(files)?;
        let (found, given) = (
            input::drop_ins_in(Path::new(OUTPUT))?,
            input::drop_ins(files),
        );
        ensure!(
            found == given,
            "{}: {found} of {given} drop-ins in {files} units",
            subject.name()
        );
    }
    fs::rename(OUTPUT, tree(files))?;
    let mut times = SUBJECTS.map(|subject| (subject, Vec::with_capacity(rounds)));
    // The first round only warms the caches.
    for round in 0..=rounds {
        for place in 0..times.len() {
            let index = (round + place) % times.len();
            let (subject, taken) = &mut times[index];
            let took = subject.time(files)?;
            if round > 0 {
                taken.push(took);
            }
        }
    }
    fs::remove_dir_all(tree(files))?;
    Ok(times
        .into_iter()
        .map(|(subject, taken)| {
            let (median, least) = median_and_least(taken.iter().map(|taken| taken.time));
            let (median_cpu, _) = median_and_least(taken.iter().map(|taken| taken.cpu));
            Measured {
                subject,
                files,
                median,
                least,
                median_cpu,
            }
        })
        .collect())
}

fn median_and_least(times: impl Iterator<Item = Duration>) -> (Duration, Duration) {
    let mut times: Vec<_> = times.collect();
    times.sort();
    (times[times.len() / 2], times[0])
}

/// User and system time of every program that has ended. Others on the machine make less of a difference to it than to the clock.
fn cpu_of_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: TimeVal| u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec());
    Ok(Duration::from_micros(
        micros(usage.user_time())? + micros(usage.system_time())?,
    ))
}

/// What each subject says it is, in their order.
fn versions() -> Result<[String; 3]> {
    let first_line = |program: &str, argument: &str| -> Result<String> {
        let output = Command::new(program).arg(argument).output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    Ok([
        format!("lodger {}", env!("CARGO_PKG_VERSION")),
        first_line("/usr/bin/cp", "--version")?,
        format!("podman {}", first_line(QUADLET, "-version")?),
    ])
}
