//! `lodger plan`: what is pending in; the waves that are restarted now or next, and what is left, out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lodger::prefix::Prefix;
use lodger::refresh::Present;
use lodger::refresh::plan::Plan;
use lodger::refresh::reason::Reason;

use super::plain_table::{plain_table, trimmed};
use super::{present, write_json};

/// Show what a refresh would do now, or what the one under way does.
///
/// Containers that a package change affects are restarted in waves, one after the other: "canary" first, then the others in the
/// order of [refresh] waves in /etc/lodger.toml. Within a wave all are restarted together; what a container requires comes before
/// it. What is left is due too, and waits for the reason told: a hold, the window of its wave, a container that has failed.
///
/// What dpkg is changing at present is not in the plan: who is affected is known once it has finished. `lodger why` tells all
/// reasons of one container, `lodger refresh` carries the plan out.
#[derive(Debug, Args)]
pub struct PlanOf {
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl PlanOf {
    /// Writes the plan.
    ///
    /// # Errors
    /// When what refreshes have written cannot be read, or systemd cannot be asked.
    pub fn run(&self, prefix: &Prefix, out: &mut dyn Write) -> Result<ExitCode> {
        let present = present::read(prefix, "plan")?;
        if self.json {
            write_json(out, &present)?;
        } else {
            write_text(out, &present)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write_text(out: &mut dyn Write, present: &Present) -> Result<()> {
    let plan = &present.plan;
    let is_empty = plan.waves.is_empty() && plan.left.is_empty();
    if let Some(cause) = &present.unreadable {
        writeln!(out, "{}", present::unreadable(cause))?;
    }
    match present.refreshing {
        Some(number) => writeln!(out, "Refresh {number} is under way.")?,
        None if is_empty && present.unreadable.is_some() => {}
        None if is_empty => writeln!(out, "No container is due.")?,
        None if plan.waves.is_empty() => writeln!(out, "A refresh would restart nothing now.")?,
        None => writeln!(out, "A refresh would restart, in this order:")?,
    }
    if present.unexamined {
        writeln!(
            out,
            "Packages have changed; who is affected is known once dpkg has finished."
        )?;
    }
    if !plan.waves.is_empty() {
        writeln!(out, "\n{}", waves(plan))?;
    }
    if !plan.left.is_empty() {
        writeln!(out, "\nDue, and left as it is:\n\n{}", left(plan))?;
    }
    Ok(())
}

fn waves(plan: &Plan) -> String {
    let mut table = plain_table(["WAVE", "NAME", "WHY"]);
    for (at, wave) in plan.waves.iter().enumerate() {
        for planned in &wave.containers {
            table.add_row([
                format!("{} {}", at + 1, wave.name),
                planned.name.clone(),
                first(&planned.reasons),
            ]);
        }
    }
    trimmed(&mut table)
}

fn left(plan: &Plan) -> String {
    let mut table = plain_table(["NAME", "LEFT BECAUSE", "WHY"]);
    for left in &plan.left {
        table.add_row([
            left.name.clone(),
            left.hindrance.to_string(),
            first(&left.reasons),
        ]);
    }
    trimmed(&mut table)
}

/// One reason will do here.
fn first(reasons: &[Reason]) -> String {
    match reasons {
        [] => "-".to_owned(),
        [one] => one.to_string(),
        [one, rest @ .., Reason::More { count }] => {
            format!("{one} (and {} more)", rest.len() + count)
        }
        [one, rest @ ..] => format!("{one} (and {} more)", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use lodger::refresh::plan::{Hindrance, Left, Planned, Wave};

    use super::*;

    #[test]
    fn waves_come_in_their_order_and_what_is_left_with_its_reason() {
        let named = |package: &str| Reason::Named {
            package: package.to_owned(),
        };
        let plan = Plan {
            waves: vec![
                Wave {
                    name: "canary".into(),
                    containers: vec![Planned {
                        name: "web".into(),
                        reasons: vec![named("zlib1g"), Reason::Always],
                    }],
                },
                Wave {
                    name: "default".into(),
                    containers: vec![Planned {
                        name: "db".into(),
                        reasons: vec![named("a"), named("b"), Reason::More { count: 9 }],
                    }],
                },
            ],
            left: vec![Left {
                name: "mail".into(),
                reasons: Vec::new(),
                hindrance: Hindrance::Hold { until: None },
            }],
        };
        let text = |present| {
            let mut out = Vec::new();
            write_text(&mut out, &present).unwrap();
            String::from_utf8(out).unwrap()
        };
        let present = Present {
            refreshing: None,
            unexamined: false,
            unreadable: None,
            plan,
        };
        assert_eq!(
            text(present.clone()),
            "A refresh would restart, in this order:\n\n\
             WAVE       NAME  WHY\n\
             1 canary   web   names zlib1g in update.packages (and 1 more)\n\
             2 default  db    names a in update.packages (and 10 more)\n\n\
             Due, and left as it is:\n\n\
             NAME  LEFT BECAUSE                WHY\n\
             mail  held until 'lodger unhold'  -\n"
        );
        assert_eq!(text(Present::default()), "No container is due.\n");
        assert_eq!(
            text(Present {
                unreadable: Some("it is torn".into()),
                ..Present::default()
            }),
            "It cannot be told who is due: it is torn. The next refresh counts every running container as affected; \
             'lodger refresh' starts one.\n"
        );
        assert_eq!(
            text(Present {
                refreshing: Some(3),
                unexamined: true,
                ..Present::default()
            }),
            "Refresh 3 is under way.\n\
             Packages have changed; who is affected is known once dpkg has finished.\n"
        );
    }
}
