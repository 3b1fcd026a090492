//! The path of a program or library in; the interpreter that it is out. The path of any file in; the interpreter that looks for
//! modules there, out.

use std::path::Path;

/// What runs programs that are no machine code, and what else runs or loads what no package tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interpreter {
    /// What other programs are run from.
    Shell,
    /// What runs other programs when it is time, or somebody asks.
    Jobs,
    /// PAM, in whatever is linked with it: it loads its modules whenever somebody logs in, and lets go of them.
    Pam,
    /// The Java virtual machine: packages of archives do not say that they need one.
    Java,
    /// PHP: packages say that they need any of its flavours, if they say so.
    Php,
    /// Python, with PyPy.
    Python,
    /// Perl.
    Perl,
    /// Ruby: of Debian's packages for it one in five does not say that it needs it.
    Ruby,
    /// Node.js: of its packages most do not say so.
    Node,
    /// Lua: of its packages hardly one says so.
    Lua,
}

const SHELLS: [&str; 14] = [
    "sh", "dash", "bash", "rbash", "ash", "busybox", "zsh", "ksh", "ksh93", "mksh", "fish", "csh",
    "tcsh", "yash",
];
const JOBS: [&str; 7] = [
    "cron", "crond", "anacron", "atd", "fcgiwrap", "inetd", "xinetd",
];
/// How names begin, of programs and of the libraries that other programs take the interpreter from; a version may follow.
const FAMILIES: [(&str, Interpreter); 22] = [
    ("python", Interpreter::Python),
    ("libpython", Interpreter::Python),
    ("pypy", Interpreter::Python),
    ("perl", Interpreter::Perl),
    ("libperl.so", Interpreter::Perl),
    ("ruby", Interpreter::Ruby),
    ("libruby", Interpreter::Ruby),
    ("nodejs", Interpreter::Node),
    ("node", Interpreter::Node),
    ("libnode.so", Interpreter::Node),
    // Not its library: many servers could run it and do not.
    ("lua", Interpreter::Lua),
    ("luajit", Interpreter::Lua),
    ("libpam.so", Interpreter::Pam),
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

/// How the names of directories begin, in /usr/lib and /usr/share, where interpreters look for modules; a version may follow. In
/// /usr/lib they may be in the directory of an architecture.
const MODULES: [(&str, Interpreter); 10] = [
    ("python", Interpreter::Python),
    ("pypy", Interpreter::Python),
    ("perl", Interpreter::Perl),
    ("ruby", Interpreter::Ruby),
    ("rubygems-integration", Interpreter::Ruby),
    ("nodejs", Interpreter::Node),
    ("node_modules", Interpreter::Node),
    ("php", Interpreter::Php),
    ("lua", Interpreter::Lua),
    ("security", Interpreter::Pam),
];

impl Interpreter {
    /// By the name alone: what lies at `path` is the container's.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        // bash-static, zsh-static.
        if SHELLS.contains(&name.trim_end_matches("-static")) {
            return Some(Interpreter::Shell);
        }
        if JOBS.contains(&name) {
            return Some(Interpreter::Jobs);
        }
        among(&FAMILIES, name)
    }

    /// Whether it may run any other program next; `has_run_others` tells whether it has before.
    pub fn runs_others(self, has_run_others: bool) -> bool {
        match self {
            Interpreter::Jobs => true,
            Interpreter::Pam => false,
            _ => has_run_others,
        }
    }

    /// Whether packages for it say that they need it. What needs PAM is what people log in to.
    pub fn is_needed_by_modules(self) -> bool {
        self != Interpreter::Pam
    }

    /// Whose modules lie where `path` does; `None` if they are nobody's.
    pub fn of_module(path: &Path) -> Option<Self> {
        let mut parts = path.strip_prefix("/usr").ok()?.iter();
        let place = parts.next()?;
        let name = parts.next()?.to_str()?;
        if place != "lib" && place != "share" {
            return None;
        }
        among(&MODULES, name).or_else(|| {
            // /usr/lib/x86_64-linux-gnu/perl5
            let is_architecture = place == "lib" && name.contains("-linux-");
            among(&MODULES, is_architecture.then(|| parts.next())??.to_str()?)
        })
    }
}

fn among(known: &[(&str, Interpreter)], name: &str) -> Option<Interpreter> {
    let found = known.iter().find(|(begin, _)| {
        name.strip_prefix(begin)
            .is_some_and(|rest| rest.bytes().next().is_none_or(is_version))
    });
    found.map(|(_, interpreter)| *interpreter)
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
            ("/usr/bin/python3.13", Some(Interpreter::Python)),
            ("/srv/venv/bin/python3", Some(Interpreter::Python)),
            (
                "/usr/lib/x86_64-linux-gnu/libpython3.13.so.1.0",
                Some(Interpreter::Python),
            ),
            (
                "/usr/bin/perl5.40-x86_64-linux-gnu",
                Some(Interpreter::Perl),
            ),
            (
                "/usr/lib/x86_64-linux-gnu/libruby-3.3.so.3.3",
                Some(Interpreter::Ruby),
            ),
            ("/usr/bin/node", Some(Interpreter::Node)),
            ("/usr/sbin/php-fpm8.4", Some(Interpreter::Php)),
            (
                "/usr/lib/jvm/java-21-openjdk-amd64/bin/java",
                Some(Interpreter::Java),
            ),
            ("/usr/bin/lua5.4", Some(Interpreter::Lua)),
            ("/usr/sbin/cron", Some(Interpreter::Jobs)),
            (
                "/usr/lib/x86_64-linux-gnu/libpam.so.0.85.1",
                Some(Interpreter::Pam),
            ),
            ("/usr/lib/x86_64-linux-gnu/libpam_misc.so.0", None),
            ("/usr/lib/x86_64-linux-gnu/liblua5.4.so.0", None),
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

    #[test]
    fn modules_are_known_by_where_they_lie() {
        for (path, expected) in [
            (
                "/usr/lib/python3/dist-packages/flask/app.py",
                Some(Interpreter::Python),
            ),
            (
                "/usr/lib/python3.13/asyncio/base.py",
                Some(Interpreter::Python),
            ),
            ("/usr/share/perl5/HTTP/Daemon.pm", Some(Interpreter::Perl)),
            (
                "/usr/lib/x86_64-linux-gnu/perl5/5.40/DBI.pm",
                Some(Interpreter::Perl),
            ),
            (
                "/usr/lib/x86_64-linux-gnu/perl-base/Config.pm",
                Some(Interpreter::Perl),
            ),
            ("/usr/lib/ruby/vendor_ruby/rack.rb", Some(Interpreter::Ruby)),
            (
                "/usr/share/rubygems-integration/all/gems/webrick-1.9/lib/webrick.rb",
                Some(Interpreter::Ruby),
            ),
            (
                "/usr/lib/x86_64-linux-gnu/ruby/vendor_ruby/3.3.0/x.so",
                Some(Interpreter::Ruby),
            ),
            (
                "/usr/share/nodejs/escape-html/index.js",
                Some(Interpreter::Node),
            ),
            (
                "/usr/lib/x86_64-linux-gnu/nodejs/x/build/x.node",
                Some(Interpreter::Node),
            ),
            (
                "/usr/share/php/htmLawed/htmLawed.php",
                Some(Interpreter::Php),
            ),
            ("/usr/lib/php/20240924/sqlite3.so", Some(Interpreter::Php)),
            (
                "/usr/lib/x86_64-linux-gnu/security/pam_unix.so",
                Some(Interpreter::Pam),
            ),
            ("/usr/share/lua/5.4/socket.lua", Some(Interpreter::Lua)),
            ("/usr/lib/x86_64-linux-gnu/libssl.so.3", None),
            ("/usr/lib/x86_64-linux-gnu", None),
            ("/usr/share/perltidy/x", None),
            ("/usr/share/x86_64-linux-gnu/perl5/x", None),
            ("/usr/share/doc/nodejs/x", None),
            ("/usr/local/lib/python3.13/dist-packages/x.py", None),
            ("/opt/usr/lib/ruby/x.rb", None),
            ("/usr/lib", None),
        ] {
            assert_eq!(Interpreter::of_module(Path::new(path)), expected, "{path}");
        }
    }
}
