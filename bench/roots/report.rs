//! Lines of JSON, one a figure, in; their medians with ratios as JSON, as a table and as a plot out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::measure::median;
use super::plot;
use super::subject::{SUBJECTS, Subject};

/// In the order of the tables: name in the JSON, title, unit.
pub const METRICS: [(&str, &str, &str); 15] = [
    ("start", "One more start", "ms"),
    ("restart", "One restart, with a fresh root", "ms"),
    ("stop", "One stop", "ms"),
    (
        "start_command",
        "One more start, until the command returns",
        "ms",
    ),
    (
        "restart_command",
        "One restart, until the command returns",
        "ms",
    ),
    ("stop_command", "One stop, until the command returns", "ms"),
    ("start_cpu", "Processor time of one more start", "ms"),
    ("restart_cpu", "Processor time of one restart", "ms"),
    ("stop_cpu", "Processor time of one stop", "ms"),
    ("restart_all", "Restart of all in one go, each", "ms"),
    ("restart_all_cpu", "Processor time of that, each", "ms"),
    ("daemon_reload", "systemctl daemon-reload", "ms"),
    ("processes", "Processes beside the payload", ""),
    ("process_memory", "Memory of processes, each", "MB"),
    ("kernel_memory", "Memory of the kernel, each", "MB"),
];

/// All figures of one run, by metric, subject's name and level.
pub struct Figures {
    values: BTreeMap<(String, String, usize), f64>,
    units: BTreeMap<String, String>,
    versions: BTreeMap<String, String>,
    pub levels: Vec<usize>,
}

/// Reads the figures from the file `lines`, and writes the three files.
pub fn write(lines: &str, json: &str, table: &str, plot: &str) -> Result<()> {
    let text = fs::read_to_string(lines).with_context(|| format!("cannot read '{lines}'"))?;
    let figures = Figures::parse(&text)?;
    ensure!(!figures.values.is_empty(), "'{lines}' has no figure");
    fs::write(json, format!("{:#}\n", figures.as_json()))?;
    let text = figures.as_table()?;
    print!("{text}");
    fs::write(table, text)?;
    fs::write(plot, plot::render(&figures)?)?;
    Ok(())
}

impl Figures {
    /// Figures of the same thing from several rounds become their median.
    fn parse(text: &str) -> Result<Self> {
        let mut samples: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        let (mut units, mut versions) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).context("a figure")?;
            let word = |key: &str| -> Result<String> {
                Ok(line[key]
                    .as_str()
                    .with_context(|| format!("no {key}"))?
                    .to_owned())
            };
            let level = usize::try_from(line["level"].as_u64().context("no level")?)?;
            let value = line["value"].as_f64().context("no value")?;
            let (metric, what) = (word("metric")?, word("what")?);
            units.insert(metric.clone(), word("unit")?);
            versions.insert(what.clone(), word("version")?);
            samples
                .entry((metric, what, level))
                .or_default()
                .push(value);
        }
        let mut levels: Vec<_> = samples.keys().map(|(_, _, level)| *level).collect();
        levels.sort_unstable();
        levels.dedup();
        let values = samples
            .into_iter()
            .map(|(key, samples)| (key, median(samples)));
        Ok(Figures {
            values: values.collect(),
            units,
            versions,
            levels,
        })
    }

    pub fn value(&self, metric: &str, subject: Subject, level: usize) -> Option<f64> {
        let key = (metric.to_owned(), subject.name().to_owned(), level);
        self.values.get(&key).copied()
    }

    /// How often the plain service's figure goes into it; none where that is no positive number.
    fn ratio(&self, metric: &str, subject: Subject, level: usize) -> Option<f64> {
        let plain = self.value(metric, Subject::Plain, level)?;
        let value = self.value(metric, subject, level)?;
        (plain > 0.0).then(|| value / plain)
    }

    fn as_json(&self) -> Value {
        let mut list = Vec::new();
        for (metric, _, _) in METRICS {
            for subject in SUBJECTS {
                for level in &self.levels {
                    if let Some(value) = self.value(metric, subject, *level) {
                        list.push(json!({
                            "what": subject.name(), "version": self.versions[subject.name()], "level": level,
                            "metric": metric, "value": value, "unit": self.units[metric],
                            "ratio_to_plain": self.ratio(metric, subject, *level),
                        }));
                    }
                }
            }
        }
        Value::Array(list)
    }

    fn as_table(&self) -> Result<String> {
        let mut text = String::new();
        for (metric, title, unit) in METRICS {
            if self.values.keys().any(|(of, _, _)| of == metric) {
                self.add_table(&mut text, metric, title, unit)?;
            }
        }
        writeln!(text, "Compared:")?;
        for subject in SUBJECTS {
            if let Some(version) = self.versions.get(subject.name()) {
                writeln!(text, "- {}: {version}", subject.name())?;
            }
        }
        Ok(text)
    }

    fn add_table(&self, text: &mut String, metric: &str, title: &str, unit: &str) -> Result<()> {
        let of_unit = if unit.is_empty() {
            String::new()
        } else {
            format!(", {unit}")
        };
        write!(text, "| {title}{of_unit} |")?;
        for level in &self.levels {
            write!(text, " at {level} |")?;
        }
        writeln!(text, "\n|---|{}", "--:|".repeat(self.levels.len()))?;
        for subject in SUBJECTS {
            let row = self
                .levels
                .iter()
                .map(|level| self.value(metric, subject, *level));
            if row.clone().flatten().next().is_none() {
                continue;
            }
            write!(text, "| {} |", subject.name())?;
            for (level, value) in self.levels.iter().zip(row) {
                let ratio = self.ratio(metric, subject, *level);
                match (value, ratio) {
                    (None, _) => write!(text, " - |")?,
                    (Some(value), Some(ratio)) if subject != Subject::Plain => {
                        write!(text, " {} ({ratio:.1}) |", rounded(value))?;
                    }
                    (Some(value), _) => write!(text, " {} |", rounded(value))?,
                }
            }
            writeln!(text)?;
        }
        writeln!(text)?;
        Ok(())
    }
}

/// With as many places as tell something.
fn rounded(value: f64) -> String {
    match value.abs() {
        0.0..1.0 => format!("{value:.2}"),
        1.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
