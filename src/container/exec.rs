//! `exec` and `exec-reload` as written in, an array of words or one string; the words of the command out.

use crate::diagnostic::{Fault, quote, rule};
use crate::document::{About, Place, Reader, Scalar, Table, Value, text};

use super::values::{LONGEST_ARGUMENT, path};

/// All words together, in bytes. Escaped, each byte takes four at most, and systemd reads lines of up to 1 MiB.
const LONGEST_COMMAND: usize = 200_000;

/// Program and arguments of the key `about`, and where the program is written. `None` when the key is absent or wrong, which is
/// noted.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    about: &'static About,
) -> Option<(Vec<String>, Place)> {
    let mut last = None;
    for written in table.take(about.name) {
        last = command(reader, &written.value(), about.name);
    }
    last
}

/// Notes that `exec` is missing, unless it is misspelt. To be asked after all other keys have been.
pub fn tell_missing(reader: &mut Reader<'_>, table: &Table<'_>) {
    const MISSING: &str = "write exec = [\"/usr/bin/PROGRAM\", \"ARGUMENT\"]";
    if !table.has_misspelt("exec") {
        reader.file_fault(Fault::new(rule::MISSING_KEY, "exec is missing").help(MISSING));
    }
}

fn command(reader: &mut Reader<'_>, value: &Value<'_>, key: &str) -> Option<(Vec<String>, Place)> {
    let Some(items) = value.items() else {
        let words = reader.convert(value, |scalar| split(scalar, key))?;
        return Some((words, value.place()));
    };
    let mut words = Vec::with_capacity(items.len());
    let mut program = None;
    let mut all_good = true;
    for (index, item) in items.enumerate() {
        if index == 0 {
            program = Some(item.place());
        }
        let word = reader.convert(&item, |scalar| {
            let word = text(scalar)?;
            if index == 0 {
                check_program(&word)?
            }
            check_argument(&word)?;
            Ok(word)
        });
        all_good &= word.is_some();
        words.extend(word);
    }
    if !all_good {
        return None;
    }
    match check_command(&words, key) {
        Ok(()) => Some((words, program.unwrap_or_else(|| value.place()))),
        Err(fault) => {
            reader.fault(value.place(), fault);
            None
        }
    }
}

/// One string, split at blanks and quotes as a shell does. No shell runs: nothing else has a meaning in it.
fn split(scalar: Scalar, key: &str) -> Result<Vec<String>, Fault> {
    let line = match scalar {
        Scalar::Text(line) => line,
        other => {
            let message = format!(
                "expected an array of strings or a string, found {}",
                other.kind()
            );
            return Err(Fault::new(rule::WRONG_TYPE, message));
        }
    };
    let words = shell_words::split(&line).map_err(|_| {
        Fault::new(
            rule::PROGRAM,
            format!("a quote is not closed in {}", quote(&line)),
        )
    })?;
    check_command(&words, key)?;
    words
        .first()
        .map_or(Ok(()), |program| check_program(program))?;
    words.iter().try_for_each(|word| check_argument(word))?;
    Ok(words)
}

fn check_command(words: &[String], key: &str) -> Result<(), Fault> {
    if words.is_empty() {
        return Err(Fault::new(rule::PROGRAM, format!("{key} is empty")).help("name a program"));
    }
    if words.iter().map(String::len).sum::<usize>() > LONGEST_COMMAND {
        return Err(Fault::new(
            rule::PROGRAM,
            format!("the command is longer than {LONGEST_COMMAND} bytes"),
        ));
    }
    Ok(())
}

fn check_argument(word: &str) -> Result<(), Fault> {
    if word.len() > LONGEST_ARGUMENT {
        return Err(Fault::new(
            rule::PROGRAM,
            "longer than the kernel takes one argument (128 KiB)",
        ));
    }
    Ok(())
}

/// An absolute path, or a bare name that systemd looks up inside the container's root. systemd takes some first characters
/// for orders (systemd.service(5), "special executable prefixes"), and refuses quotes, backslashes and control characters; `$`
/// could not be escaped there.
fn check_program(program: &str) -> Result<(), Fault> {
    // Nearly all are.
    if path::is_normal(program) && !program.contains(['"', '\'', '\\', '$', '*', '?', '[']) {
        return Ok(());
    }
    let fault = |why: &str| {
        Err(Fault::new(
            rule::PROGRAM,
            format!("the program {} {why}", quote(program)),
        ))
    };
    if program.is_empty() {
        return Err(Fault::new(rule::PROGRAM, "the program is an empty string"));
    }
    // systemd passes over it, quoted or not, and runs the word behind it.
    if program == ";" {
        return fault("is what separates commands for systemd");
    }
    if program.starts_with(['-', '@', '+', '!', ':', '|']) {
        return fault("begins with a character that is an order to systemd");
    }
    if program.contains(|c: char| c.is_control() || matches!(c, '"' | '\'' | '\\' | '$')) {
        return fault("has a quote, backslash, \"$\" or control character in it");
    }
    // From 260 on (string_is_safe() of basic/string-util.c); before they were taken as they stand.
    if program.contains(['*', '?', '[']) {
        return fault(
            "has a \"*\", \"?\" or \"[\" in it, which systemd takes for a pattern; make a link to it",
        );
    }
    if program.contains('/') && !program.starts_with('/') {
        return fault("is a relative path: write an absolute one, or a bare name to look up");
    }
    if program.ends_with('/') {
        return fault("is a directory");
    }
    let mut parts = program.split('/');
    if parts.any(|part| matches!(part, "." | "..") || part.len() > 255) || program.len() > 4095 {
        return fault("has \".\" or \"..\" in it, or is longer than a path can be");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_text(line: &str) -> Result<Vec<String>, String> {
        split(Scalar::Text(line.into()), "exec").map_err(|fault| fault.message)
    }

    #[test]
    fn a_string_is_split_and_nothing_else_happens_to_it() {
        let words = |line| split_text(line).unwrap();
        assert_eq!(
            words("/usr/sbin/nginx -g 'daemon off;'"),
            ["/usr/sbin/nginx", "-g", "daemon off;"]
        );
        assert_eq!(
            words("x \"a b\"c $HOME %n \\; * ;"),
            ["x", "a bc", "$HOME", "%n", ";", "*", ";"]
        );
        assert_eq!(words("x ''"), ["x", ""]);
        assert_eq!(
            split_text("x 'a").unwrap_err(),
            "a quote is not closed in \"x 'a\""
        );
        assert_eq!(split_text("  ").unwrap_err(), "exec is empty");
    }

    #[test]
    fn programs_that_systemd_would_take_otherwise_are_refused() {
        for good in ["/bin/x", "nginx", "/a b/c", "/x%y", "//bin/x", "/é", "x-y"] {
            assert_eq!(check_program(good), Ok(()), "for {good:?}");
        }
        for bad in [
            "", ";", "-x", "@x", "+x", "!x", ":x", "|x", "./x", "bin/x", "/bin/", "/", "..", ".",
            "/a/../b", "/a\"b", "/a'b", "/a\\b", "/a$b", "/a\nb", "-/bin/x", "/bin/[", "/a*", "x?",
        ] {
            assert!(check_program(bad).is_err(), "for {bad:?}");
        }
    }

    #[test]
    fn commands_are_bounded() {
        assert!(check_argument(&"a".repeat(LONGEST_ARGUMENT)).is_ok());
        assert!(check_argument(&"a".repeat(LONGEST_ARGUMENT + 1)).is_err());
        assert!(check_command(&vec!["a".to_owned(); LONGEST_COMMAND], "exec").is_ok());
        assert!(check_command(&vec!["a".to_owned(); LONGEST_COMMAND + 1], "exec").is_err());
    }
}
