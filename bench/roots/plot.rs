//! Figures in; an SVG of start and restart against the number of containers, both axes logarithmic, out.
//!
//! It has no background of its own: text follows the reader's colour scheme, and the lines can be told apart on white and black.

use std::fmt::Write as _;

use anyhow::Result;

use super::report::Figures;
use super::subject::{SUBJECTS, Subject};

const WIDTH: f64 = 980.0;
const HEIGHT: f64 = 440.0;
/// Of each of the two panels.
const PANEL: (f64, f64) = (350.0, 330.0);
const TOP: f64 = 50.0;
const LEFTS: [f64; 2] = [60.0, 470.0];

/// Where values lie in a panel.
struct Scale {
    left: f64,
    levels: (f64, f64),
    values: (f64, f64),
}

impl Scale {
    fn x(&self, level: usize) -> f64 {
        self.left + PANEL.0 * part(level as f64, self.levels)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + PANEL.1 * (1.0 - part(value, self.values))
    }
}

/// How far `value` is on the logarithmic way between the two ends.
fn part(value: f64, (least, most): (f64, f64)) -> f64 {
    (value.ln() - least.ln()) / (most.ln() - least.ln())
}

/// The whole document.
pub fn render(figures: &Figures) -> Result<String> {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <style>\ntext {{ fill: #24292f; }} .grid {{ stroke: #8c959f; stroke-opacity: .35; }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3; }} }}\n</style>\n"
    );
    let values = ends(figures);
    let (first, last) = (
        figures.levels[0] as f64,
        figures.levels[figures.levels.len() - 1] as f64,
    );
    for (left, (metric, title)) in LEFTS.into_iter().zip([
        ("start", "One more start"),
        ("restart_all", "Restart of all in one go, each"),
    ]) {
        let scale = Scale {
            left,
            // A single level is a line of its own in the middle.
            levels: if first < last {
                (first, last)
            } else {
                (first / 2.0, last * 2.0)
            },
            values,
        };
        add_grid(&mut svg, figures, &scale, title)?;
        for subject in SUBJECTS {
            add_line(&mut svg, figures, &scale, metric, subject)?;
        }
    }
    add_legend(&mut svg, figures)?;
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// Powers of ten around every value of both panels.
fn ends(figures: &Figures) -> (f64, f64) {
    let mut ends = (f64::MAX, f64::MIN);
    for metric in ["start", "restart_all"] {
        for subject in SUBJECTS {
            for level in &figures.levels {
                if let Some(value) = figures.value(metric, subject, *level) {
                    ends = (ends.0.min(value), ends.1.max(value));
                }
            }
        }
    }
    (
        10_f64.powf(ends.0.max(0.1).log10().floor()),
        10_f64.powf(ends.1.max(1.0).log10().ceil()),
    )
}

fn add_grid(svg: &mut String, figures: &Figures, scale: &Scale, title: &str) -> Result<()> {
    let (right, bottom) = (scale.left + PANEL.0, TOP + PANEL.1);
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" font-size=\"14\" font-weight=\"bold\">{title}, milliseconds</text>",
        scale.left,
        TOP - 18.0
    )?;
    let mut value = scale.values.0;
    while value <= scale.values.1 * 1.01 {
        let y = scale.y(value);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>",
            scale.left
        )?;
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            scale.left - 6.0,
            y + 4.0
        )?;
        value *= 10.0;
    }
    for level in &figures.levels {
        let x = scale.x(*level);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>"
        )?;
        writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{level}</text>",
            bottom + 18.0
        )?;
    }
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">containers running</text>",
        scale.left + PANEL.0 / 2.0,
        bottom + 38.0
    )?;
    Ok(())
}

fn add_line(
    svg: &mut String,
    figures: &Figures,
    scale: &Scale,
    metric: &str,
    subject: Subject,
) -> Result<()> {
    let points: Vec<_> = figures
        .levels
        .iter()
        .filter_map(|level| {
            Some((
                scale.x(*level),
                scale.y(figures.value(metric, subject, *level)?),
            ))
        })
        .collect();
    let path: Vec<_> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let (colour, dashes) = style(subject);
    writeln!(
        svg,
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\" points=\"{}\"/>",
        path.join(" ")
    )?;
    for (x, y) in points {
        writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
        )?;
    }
    Ok(())
}

fn add_legend(svg: &mut String, figures: &Figures) -> Result<()> {
    let mut y = TOP + 6.0;
    let x = LEFTS[1] + PANEL.0 + 16.0;
    for subject in SUBJECTS {
        if figures
            .levels
            .iter()
            .all(|level| figures.value("start", subject, *level).is_none())
        {
            continue;
        }
        let (colour, dashes) = style(subject);
        writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"3\" stroke-dasharray=\"{dashes}\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            x + 24.0,
            x + 32.0,
            y + 4.0,
            subject.name()
        )?;
        y += 22.0;
    }
    Ok(())
}

/// Colour and dashes. Lodger's are whole lines.
fn style(subject: Subject) -> (&'static str, &'static str) {
    match subject {
        Subject::Plain => ("#7d8590", "2 3"),
        Subject::LodgerHost => ("#c9510c", "none"),
        Subject::LodgerPinned => ("#d4a72c", "none"),
        Subject::LodgerShared => ("#2da44e", "none"),
        Subject::LodgerIsolated => ("#1a7f37", "4 1"),
        Subject::Bwrap => ("#8250df", "6 3"),
        Subject::Lxc => ("#0969da", "6 3"),
        Subject::Nspawn => ("#1b9aaa", "6 3"),
        Subject::Podman => ("#cf222e", "6 3"),
        Subject::PodmanIsolated => ("#82071e", "6 3"),
        Subject::Quadlet => ("#e85aad", "6 3"),
    }
}
