//! The path of a program or library in; the interpreter that it is out.

use std::path::Path;

/// What runs programs that are no machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpreter {
    /// What other programs are run from.
    Shell,
    /// The Java virtual machine: packages of archives do not say that they need one.
    Java,
    /// PHP: packages say that they need any of its flavours.
    Php,
    /// Python, Perl, Ruby and Node: packages for them say that they need them.
    Other,
}

const SHELLS: [&str; 14] = [
    "sh", "dash", "bash", "rbash", "ash", "busybox", "zsh", "ksh", "ksh93", "mksh", "fish", "csh",
    "tcsh", "yash",
];
/// How names begin, of programs and of the libraries that other programs take the interpreter from; a version may follow.
const FAMILIES: [(&str, Interpreter); 19] = [
    ("python", Interpreter::Other),
    ("libpython", Interpreter::Other),
    ("pypy", Interpreter::Other),
    ("perl", Interpreter::Other),
    ("libperl.so", Interpreter::Other),
    ("ruby", Interpreter::Other),
    ("libruby", Interpreter::Other),
    ("nodejs", Interpreter::Other),
    ("node", Interpreter::Other),
    ("libnode.so", Interpreter::Other),
    ("php-fpm", Interpreter::Php),
    ("php-cgi", Interpreter::Php),
    ("phpdbg", Interpreter::Php),
    ("php", Interpreter::Php),
    ("libphp", Interpreter::Php),
    ("javac", Interpreter::Java),
    ("java", Interpreter::Java),
    ("libjvm.so", Interpreter::Java),
    ("jsvc", Interpreter::Java),
];

impl Interpreter {
    /// By the name alone: what lies at `path` is the container's.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        // bash-static, zsh-static.
        if SHELLS.contains(&name.trim_end_matches("-static")) {
            return Some(Interpreter::Shell);
        }
        let family = FAMILIES.iter().find(|(family, _)| {
            name.strip_prefix(family)
                .is_some_and(|rest| rest.bytes().next().is_none_or(is_version))
        });
        family.map(|(_, interpreter)| *interpreter)
    }
}

/// Whether `path` is a library that programs take an interpreter from: a web server that runs Python itself.
pub fn is_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b"lib") && Interpreter::of(path).is_some()
}

/// Whether a version may begin like that, or what tells flavours apart.
fn is_version(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_known_by_their_names() {
        for (path, expected) in [
            ("/usr/bin/dash", Some(Interpreter::Shell)),
            ("/usr/bin/busybox", Some(Interpreter::Shell)),
            ("/usr/bin/python3.13", Some(Interpreter::Other)),
            ("/srv/venv/bin/python3", Some(Interpreter::Other)),
            (
                "/usr/lib/x86_64-linux-gnu/libpython3.13.so.1.0",
                Some(Interpreter::Other),
            ),
            (
                "/usr/bin/perl5.40-x86_64-linux-gnu",
                Some(Interpreter::Other),
            ),
            (
                "/usr/lib/x86_64-linux-gnu/libruby-3.3.so.3.3",
                Some(Interpreter::Other),
            ),
            ("/usr/bin/node", Some(Interpreter::Other)),
            ("/usr/sbin/php-fpm8.4", Some(Interpreter::Php)),
            (
                "/usr/lib/jvm/java-21-openjdk-amd64/bin/java",
                Some(Interpreter::Java),
            ),
            ("/usr/sbin/nginx", None),
            ("/usr/bin/nodeenv", None),
            ("/usr/bin/node_exporter", None),
            ("/usr/bin/perldoc", None),
            ("/usr/bin/sh-something", None),
            ("/usr/lib/libcrypto.so.3", None),
            ("/", None),
        ] {
            assert_eq!(Interpreter::of(Path::new(path)), expected, "{path}");
        }
    }
}
