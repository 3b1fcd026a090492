//! What lodgerd tells of a refresh in; a bar for each wave on a terminal, or lines, out.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lodger::bus::client::{self, Heard};
use lodger::refresh::Present;
use lodger::refresh::plan::Plan;

/// How a refresh is shown.
pub struct Progress {
    /// `None` where there is no terminal.
    bars: Option<MultiProgress>,
    /// No line is written.
    quiet: bool,
    plan: Plan,
    /// The bars of the waves that have begun, by their place in the plan.
    waves: HashMap<usize, ProgressBar>,
    /// What became of each so far.
    actions: HashMap<String, String>,
}

impl Progress {
    /// One for this terminal; `quiet` leaves out lines.
    pub fn new(quiet: bool) -> Self {
        let bars = io::stderr().is_terminal().then(MultiProgress::new);
        // A terminal that cannot move its cursor shows none.
        Self::with(bars.filter(|bars| !bars.is_hidden()), quiet)
    }

    fn with(bars: Option<MultiProgress>, quiet: bool) -> Self {
        Self {
            bars,
            quiet,
            plan: Plan::default(),
            waves: HashMap::new(),
            actions: HashMap::new(),
        }
    }

    /// Shows what was heard.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn hear(&mut self, heard: &Heard, out: &mut dyn Write) -> Result<()> {
        match heard {
            Heard::Started(number) => {
                // It is a matter of show: without the plan there are no bars.
                let plan = client::ask(async |manager| manager.plan().await).ok();
                let present = plan.and_then(|plan| serde_json::from_str::<Present>(&plan).ok());
                let plan = present.map_or(Plan::default(), |present| present.plan);
                self.begin(*number, plan, out)
            }
            Heard::Container(name, action) => self.container(name, action, out),
            Heard::Finished(..) => Ok(()),
        }
    }

    fn begin(&mut self, number: u64, plan: Plan, out: &mut dyn Write) -> Result<()> {
        self.end();
        self.plan = plan;
        self.actions.clear();
        if self.bars.is_some() {
            self.bar(0);
            return Ok(());
        }
        let waves = self.plan.waves.len();
        for (at, wave) in self.plan.waves.iter().enumerate() {
            let containers = wave.containers.len();
            let (at, name) = (at + 1, &wave.name);
            let line = format!(
                "refresh {number}: wave {at} of {waves}, '{name}', {containers} containers"
            );
            write_line(out, self.quiet, &line)?;
        }
        Ok(())
    }

    fn container(&mut self, name: &str, action: &str, out: &mut dyn Write) -> Result<()> {
        let before = self.actions.insert(name.to_owned(), action.to_owned());
        if self.bars.is_none() {
            // Some are told twice.
            let is_new = before.as_deref() != Some(action);
            return write_line(out, self.quiet || !is_new, &format!("{name}: {action}"));
        }
        let mut waves = self.plan.waves.iter();
        let at = waves.position(|wave| wave.containers.iter().any(|planned| planned.name == name));
        let Some(bar) = at.and_then(|at| self.bar(at)) else {
            return Ok(());
        };
        if before.is_none() {
            bar.inc(1);
        }
        if bar.length() == Some(bar.position()) {
            bar.finish();
        } else {
            bar.set_message(format!("{name} {action}"));
        }
        Ok(())
    }

    /// The bar of a wave, which comes when the wave begins.
    fn bar(&mut self, at: usize) -> Option<ProgressBar> {
        let (bars, wave) = (self.bars.as_ref()?, self.plan.waves.get(at)?);
        let waves = self.plan.waves.len();
        let bar = self.waves.entry(at).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(wave.containers.len() as u64));
            bar.set_style(style());
            bar.set_prefix(format!("wave {} of {waves}, {}", at + 1, wave.name));
            bar.tick();
            bar
        });
        Some(bar.clone())
    }

    /// Leaves the bars as they are.
    pub fn end(&mut self) {
        for (_, bar) in self.waves.drain() {
            bar.abandon();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:24} [{bar:30}] {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// At once: people wait for it.
fn write_line(out: &mut dyn Write, quiet: bool, line: &str) -> Result<()> {
    if !quiet {
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, ProgressDrawTarget};
    use lodger::refresh::plan::{Planned, Wave};

    use super::*;

    fn plan() -> Plan {
        let wave = |name: &str, containers: &[&str]| Wave {
            name: name.into(),
            containers: containers
                .iter()
                .map(|name| Planned {
                    name: (*name).into(),
                    reasons: Vec::new(),
                })
                .collect(),
        };
        Plan {
            waves: vec![wave("canary", &["a"]), wave("default", &["b", "c"])],
            left: Vec::new(),
        }
    }

    fn tell(progress: &mut Progress, out: &mut Vec<u8>) {
        for (name, action) in [
            ("held", "put-off"),
            ("a", "restarted"),
            ("a", "restarted"),
            ("b", "failed"),
            ("b", "rolled-back"),
        ] {
            let heard = Heard::Container(name.into(), action.into());
            progress.hear(&heard, out).unwrap();
        }
    }

    #[test]
    fn without_a_terminal_there_are_lines() {
        let mut progress = Progress::with(None, false);
        let mut out = Vec::new();
        progress.begin(4, plan(), &mut out).unwrap();
        tell(&mut progress, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "refresh 4: wave 1 of 2, 'canary', 1 containers\n\
             refresh 4: wave 2 of 2, 'default', 2 containers\n\
             held: put-off\na: restarted\nb: failed\nb: rolled-back\n"
        );
        let mut quiet = Progress::with(None, true);
        let mut out = Vec::new();
        quiet.begin(4, plan(), &mut out).unwrap();
        tell(&mut quiet, &mut out);
        assert_eq!(out, b"");
    }

    #[test]
    fn on_a_terminal_each_wave_has_a_bar() {
        let terminal = InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bars = MultiProgress::with_draw_target(target);
        let mut progress = Progress::with(Some(bars), false);
        let mut out = Vec::new();
        progress.begin(4, plan(), &mut out).unwrap();
        tell(&mut progress, &mut out);
        progress.end();
        assert_eq!(out, b"");
        assert_eq!(
            terminal.contents(),
            "wave 1 of 2, canary      [==============================] 1/1\n\
             wave 2 of 2, default     [===============>              ] 1/2 b rolled-back"
        );
    }
}
