//! Nothing in; how long lodger's generator, `cp -a` and Quadlet take for 1 to 10,000 containers out, on stdout and as JSON.
//!
//! Runs in the tree that bench/generator prepares: the programs at fixed places, /run a tmpfs, /bench on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

const GENERATOR: &str = "/bench/lodger-generator";
const QUADLET: &str = "/usr/libexec/podman/quadlet";
const OUTPUT: &str = "/run/output";
const JSON: &str = "/bench/generator.json";

/// How many files, and how often they are measured.
const SIZES: [(usize, usize); 4] = [(1, 51), (100, 31), (1_000, 21), (10_000, 7)];

/// A container as both programs read it; every second one is long. Drop-ins, for one in ten, belong here once lodger reads them.
const FILES: [(&str, &str); 2] = [
    (
        include_str!("files/short.toml"),
        include_str!("files/short.container"),
    ),
    (
        include_str!("files/long.toml"),
        include_str!("files/long.container"),
    ),
];

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
}

fn main() -> Result<()> {
    for (files, _) in SIZES {
        write_input(files)?;
    }
    // Before any other program has run: the kernel tells the largest of all children.
    let memory = peak_memory()?;
    let mut measured = Vec::new();
    for (files, rounds) in SIZES {
        measured.extend(measure(files, rounds)?);
    }
    let size = fs::metadata(GENERATOR)?.len();
    print_table(&measured, &versions()?);
    fs::write(JSON, format!("{:#}\n", as_json(&measured, &versions()?)))?;
    let missed = print_targets(&measured, size, memory);
    ensure!(missed == 0, "{missed} targets are missed");
    Ok(())
}

fn input(files: usize) -> PathBuf {
    PathBuf::from(format!("/bench/input/{files}"))
}

fn write_input(files: usize) -> Result<()> {
    let containers = input(files).join("etc/lodger");
    let quadlets = input(files).join("quadlets");
    let units = input(files).join("usr/lib/systemd/system");
    for directory in [&containers, &quadlets, &units] {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir_all(directory)?;
    }
    for number in 0..files {
        let (toml, container) = FILES[number % FILES.len()];
        fs::write(containers.join(format!("shop-{number}.toml")), toml)?;
        fs::write(quadlets.join(format!("shop-{number}.container")), container)?;
    }
    // As many as a small server has: lodger looks through their names.
    for number in 0..300 {
        fs::write(units.join(format!("unit-{number}.service")), "")?;
    }
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
                .env("LODGER_ROOT", input(files))
                .arg(OUTPUT),
            Subject::Copy => command.args(["-aT", &tree(files), OUTPUT]),
            Subject::Quadlet => command
                .env_clear()
                .env("QUADLET_UNIT_DIRS", input(files).join("quadlets"))
                .args(["-no-kmsg-log", OUTPUT]),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// How long one run takes, with an output that is whole.
    fn time(self, files: usize) -> Result<Duration> {
        empty_output()?;
        let mut command = self.command(files);
        let began = Instant::now();
        let status = command.status();
        let took = began.elapsed();
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
        Ok(took)
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
    Subject::Lodger.time(files)?;
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
        .map(|(subject, mut taken)| {
            taken.sort();
            Measured {
                subject,
                files,
                median: taken[taken.len() / 2],
                least: taken[0],
            }
        })
        .collect())
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

fn find(measured: &[Measured], subject: Subject, files: usize) -> f64 {
    let is = |line: &&Measured| line.subject == subject && line.files == files;
    measured
        .iter()
        .find(is)
        .map_or(f64::NAN, |line| line.median.as_secs_f64())
}

fn print_table(measured: &[Measured], versions: &[String]) {
    println!("compared: {}", versions.join(", "));
    println!("  files  what       median       least  to cp -a  to lodger");
    for line in measured {
        let median = line.median.as_secs_f64();
        println!(
            "{:7}  {:8} {:8.2} ms {:8.2} ms {:9.2} {:10.2}",
            line.files,
            line.subject.name(),
            median * 1e3,
            line.least.as_secs_f64() * 1e3,
            median / find(measured, Subject::Copy, line.files),
            median / find(measured, Subject::Lodger, line.files),
        );
    }
}

fn as_json(measured: &[Measured], versions: &[String]) -> Value {
    let entry = |line: &Measured| {
        let seconds = line.median.as_secs_f64();
        json!({
            "what": line.subject.name(),
            "version": versions[line.subject as usize],
            "files": line.files,
            "seconds": seconds,
            "least_seconds": line.least.as_secs_f64(),
            "ratio_to_cp": seconds / find(measured, Subject::Copy, line.files),
        })
    };
    measured.iter().map(entry).collect()
}

/// Each target with what was found; how many are missed. A time on its own tells about one machine only, so it is none.
fn print_targets(measured: &[Measured], size: u64, memory: u64) -> usize {
    let lodger = |files| find(measured, Subject::Lodger, files);
    let mega = |bytes: u64| bytes as f64 / 1e6;
    let targets = [
        (
            "1,000 files: times cp -a",
            lodger(1_000) / find(measured, Subject::Copy, 1_000),
            1.0,
        ),
        (
            "1,000 files: times Quadlet",
            lodger(1_000) / find(measured, Subject::Quadlet, 1_000),
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
