//! The command line's definition in; the manual page lodger(1), with a section for each command, out.

use std::io::Write;

use anyhow::Result;
use clap::Command;
use clap_mangen::Man;

pub mod lodger_toml;
mod mdoc;

/// Writes the page as roff.
pub fn write(command: Command, out: &mut dyn Write) -> Result<()> {
    let page = Man::new(command.clone()).section("1").manual("lodger");
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    writeln!(out, ".SH COMMANDS")?;
    let mut built = command;
    built.build();
    for subcommand in built
        .get_subcommands()
        .filter(|subcommand| !subcommand.is_hide_set() && subcommand.get_name() != "help")
    {
        write_command("lodger", subcommand, out)?;
    }
    write_extra(&page, "EXAMPLES", out)?;
    writeln!(
        out,
        ".SH ENVIRONMENT\n.TP\n\\fBLODGER_ROOT\\fR\nAs \\fB\\-\\-root\\fR."
    )?;
    writeln!(
        out,
        ".SH EXIT STATUS\n0: nothing is wrong, or there are only warnings. 1: a container file is wrong, a base is not as it was made, \\fBlodger verify\\fR or \\fBlodger audit\\fR has found something, a container does not run the new code after \\fBlodger refresh \\-\\-wait\\fR, a record of \\fBlodger history\\fR cannot be read, or the answer to \\fBlodger reset\\fR was no. 2: the command could not do its work.\n.PP\n\\fBlodger why\\fR has 0 if the container is affected or due, and 1 if it is not."
    )?;
    writeln!(
        out,
        ".SH SEE ALSO\n\\fBlodger.toml\\fR(5), \\fBlodger\\-json\\fR(5), \\fBlodgerd\\fR(8), \\fBsystemctl\\fR(1), \\fBjournalctl\\fR(1)"
    )?;
    Ok(())
}

/// One command as a subsection, with what mangen would put on a page of its own; then its own commands.
fn write_command(above: &str, command: &Command, out: &mut dyn Write) -> Result<()> {
    let name = format!("{above} {}", command.get_name());
    let man = Man::new(
        command
            .clone()
            .disable_help_flag(true)
            .disable_version_flag(true),
    );
    writeln!(out, ".SS \"{name}\"")?;
    let mut section = Vec::new();
    man.render_synopsis_section(&mut section)?;
    man.render_description_section(&mut section)?;
    man.render_options_section(&mut section)?;
    for line in String::from_utf8(section)?.lines() {
        match line {
            // The heading is the subsection's; roff knows no third level.
            _ if line.starts_with(".SH ") => writeln!(out, ".PP")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    if command.get_after_help().is_some() {
        let mut extra = Vec::new();
        man.render_extra_section(&mut extra)?;
        writeln!(out, ".PP")?;
        for line in String::from_utf8(extra)?
            .lines()
            .filter(|line| !line.starts_with(".SH "))
        {
            writeln!(out, "{line}")?;
        }
    }
    for below in command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        write_command(&name, below, out)?;
    }
    Ok(())
}

fn write_extra(page: &Man, heading: &str, out: &mut dyn Write) -> Result<()> {
    let mut section = Vec::new();
    page.render_extra_section(&mut section)?;
    for line in String::from_utf8(section)?.lines() {
        match line {
            ".SH EXTRA" => writeln!(out, ".SH {heading}\n.nf")?,
            "Examples:" => {}
            _ => writeln!(out, "{line}")?,
        }
    }
    writeln!(out, ".fi")?;
    Ok(())
}
