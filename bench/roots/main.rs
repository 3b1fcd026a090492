//! `measure` with a subject and levels in: figures of this booted system out, as lines of JSON. `report` with such lines in:
//! target/bench/roots.json, a table and a plot out.
//!
//! bench/roots/run boots the system, calls the first inside it and the second outside.

use std::env;
use std::time::Duration;

use anyhow::{Context, Result, bail};

mod measure;
mod memory;
mod orders;
mod plot;
mod processor;
mod report;
mod run;
mod subject;

const USAGE: &str =
    "usage: bench-roots names | measure SUBJECT SECONDS LEVEL... | report LINES JSON TABLE PLOT";

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["names"] => {
            for subject in subject::SUBJECTS {
                println!("{}", subject.name());
            }
            Ok(())
        }
        ["measure", name, seconds, ref levels @ ..] => {
            let subject = subject::Subject::named(name)?;
            let levels: Vec<usize> = levels
                .iter()
                .map(|level| {
                    level
                        .parse()
                        .with_context(|| format!("no level: '{level}'"))
                })
                .collect::<Result<_>>()?;
            measure::measure(subject, &levels, Duration::from_secs(seconds.parse()?))
        }
        ["report", lines, json, table, plot] => report::write(lines, json, table, plot),
        _ => bail!("{USAGE}"),
    }
}
