//! `lodger schema`: which file in; a JSON Schema for editors and linters out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lodger::schema::{Kind, schema};

use super::write_json;

/// Write the JSON Schema of container files, for editors.
///
/// It is draft-07, which taplo and Even Better TOML read. The package has it in /usr/share/lodger; a container file whose first
/// line is "#:schema /usr/share/lodger/container.schema.json" is checked and completed with it. What a schema cannot say is left
/// to "lodger check".
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lodger schema               container files (container.schema.json)
  lodger schema --drop-in     their drop-ins, which need no exec (drop-in.schema.json)
  lodger schema --settings    /etc/lodger.toml (settings.schema.json)")]
pub struct SchemaOf {
    /// Of drop-ins: the same, and no key has to be there.
    #[arg(long, conflicts_with = "settings")]
    drop_in: bool,
    /// Of the host's settings, /etc/lodger.toml.
    #[arg(long)]
    settings: bool,
}

impl SchemaOf {
    /// Writes the schema.
    pub fn run(&self, out: &mut dyn Write) -> Result<ExitCode> {
        let kind = match (self.drop_in, self.settings) {
            (true, _) => Kind::DropIn,
            (_, true) => Kind::Settings,
            _ => Kind::Container,
        };
        write_json(out, &schema(kind))?;
        Ok(ExitCode::SUCCESS)
    }
}
