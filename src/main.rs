//! `lodger`: what people type. Arguments in; text or JSON on stdout, mistakes on stderr, and an exit status out.

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

mod cli;

use cli::output::WhileRead;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let mut out = BufWriter::new(WhileRead::new(io::stdout().lock()));
    let result = cli::run(arguments, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            // Without stderr there is nobody to tell; the status is left.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}
