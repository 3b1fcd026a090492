//! Containers in; a warning for each whose program is not on this host out. It may lie in the container's own upper, or be
//! installed later, so it is no error.

use std::path::Path;

use lodger::container::installed::Installed;
use lodger::diagnostic::{Diagnostic, Fault, quote, rule};
use lodger::document::Source;
use lodger::prefix::Prefix;

/// Where systemd looks for a bare name, inside the root (its built-in path on merged-/usr systems).
const PATH: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// A warning for each file of `installed` that `asked` wants to know about and whose program is not there.
pub fn warnings(
    prefix: &Prefix,
    installed: &Installed,
    asked: impl Fn(&Path) -> bool,
) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for file in installed.good.iter().filter(|file| asked(&file.source)) {
        // Where %i is part of the program the first missing one is enough to look at.
        let missing = file
            .containers
            .iter()
            .filter_map(|container| container.exec.first())
            .find(|program| !is_there(prefix, program));
        if let Some(program) = missing {
            let fault = Fault::new(
                rule::NOT_THERE,
                format!("the program {} is not on this host", quote(program)),
            );
            let diagnostic =
                Source::new(&file.source, &file.text).diagnostic(file.program.clone(), fault);
            warnings.push(diagnostic.as_warning());
        }
    }
    warnings
}

fn is_there(prefix: &Prefix, program: &str) -> bool {
    // A link may lead outside the prefix, where it cannot be followed: that it is there is enough.
    let exists = |path: &Path| prefix.at(path).symlink_metadata().is_ok();
    if program.starts_with('/') {
        exists(Path::new(program))
    } else {
        PATH.iter()
            .any(|directory| exists(&Path::new(directory).join(program)))
    }
}
