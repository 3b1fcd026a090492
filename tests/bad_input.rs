//! Container files that are huge, odd, or change while they are read in; that the generator and `lodger check` end, within bounded
//! memory, tell what is wrong, and make the other containers all the same, out.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};

const GOOD: &str = "exec = \"/usr/bin/x\"\n";
/// Address space that a run may take. A build for tests needs more than the one that people have.
const MEMORY: u64 = 2 << 30;
/// Far more than any run takes: only what never ends fails.
const PATIENCE: Duration = Duration::from_secs(300);

/// A root with one good container, `good`, that has to be made whatever else is there.
struct Root(tempfile::TempDir);

/// What a run did.
struct Run {
    status: Option<i32>,
    messages: String,
    /// Text by name.
    units: BTreeMap<String, String>,
}

impl Root {
    fn new() -> Self {
        let root = Self(tempfile::tempdir().expect("a directory"));
        root.write("good.toml", GOOD);
        root
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join("etc/lodger").join(name)
    }

    fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is below")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// `program` with bounded memory, which has to end by itself.
    fn command(&self, program: &str, arguments: &[&OsStr]) -> (Option<i32>, String) {
        let messages = tempfile::NamedTempFile::new().expect("a file");
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LODGER_ROOT", self.0.path())
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(messages.reopen().expect("a file"));
        let limit = || Ok(setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY)?);
        // SAFETY: setrlimit(2) is async-signal-safe, and nothing is allocated.
        #[allow(unsafe_code)]
        let mut child = unsafe { command.pre_exec(limit) }.spawn().expect("it runs");
        let begin = Instant::now();
        let status = loop {
            match child.try_wait().expect("its status") {
                Some(status) => break status,
                None if begin.elapsed() > PATIENCE => child.kill().expect("it is there"),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        assert_eq!(status.signal(), None, "{program} died, or did not end");
        let messages = fs::read_to_string(messages.path()).expect("messages are UTF-8");
        assert!(!messages.contains("panicked"), "{messages}");
        (status.code(), messages)
    }

    /// The generator's run; `good` is made.
    fn generate(&self) -> Run {
        let directory = tempfile::tempdir().expect("a directory");
        let generator = env!("CARGO_BIN_EXE_lodger-generator");
        let (status, messages) = self.command(generator, &[directory.path().as_os_str()]);
        let entries = fs::read_dir(directory.path()).expect("units");
        let mut units = BTreeMap::new();
        for entry in entries.map(|entry| entry.expect("an entry")) {
            if let Ok(text) = fs::read_to_string(entry.path()) {
                let name = entry.file_name().into_string().expect("names are UTF-8");
                units.insert(name, text);
            }
        }
        assert!(
            units
                .get("lodger-good.service")
                .is_some_and(|unit| unit.contains("\nExecStart=/usr/bin/x\n")),
            "{messages}"
        );
        Run {
            status,
            messages,
            units,
        }
    }

    /// What `lodger check` says of the whole root.
    fn check(&self) -> (Option<i32>, String) {
        self.command(env!("CARGO_BIN_EXE_lodger"), &[OsStr::new("check")])
    }

    /// The generator's one message, without its name.
    fn message(&self) -> String {
        let run = self.generate();
        assert_eq!(run.status, Some(1), "{}", run.messages);
        let (status, told) = self.check();
        assert_eq!(status, Some(1), "{told}");
        assert_eq!(run.messages.lines().count(), 1, "{:.2000}", run.messages);
        let line = run.messages.trim_end().strip_prefix("lodger-generator: ");
        line.expect("its name").to_owned()
    }
}

impl Run {
    /// Whether the unit of `container` says why it is refused, and does nothing else.
    fn is_stub(&self, container: &str) -> bool {
        let unit = self.units.get(&format!("lodger-{container}.service"));
        unit.is_some_and(|unit| unit.contains("\nExecStart=/usr/bin/false\n"))
    }

    fn is_made(&self, container: &str) -> bool {
        let unit = self.units.get(&format!("lodger-{container}.service"));
        unit.is_some_and(|unit| unit.contains("\nExecStart=/usr/bin/x"))
    }
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn ten_megabytes_are_too_long() {
    let root = Root::new();
    root.write("bad.toml", format!("{GOOD}{}", "#".repeat(10 << 20)));
    assert_eq!(
        root.message(),
        "/etc/lodger/bad.toml: longer than 1048576 bytes"
    );
    assert!(root.generate().is_stub("bad"));
}

#[test]
fn a_megabyte_and_a_hundred_thousand_keys_are_read() {
    let root = Root::new();
    let keys = lines(100_000, |number| format!("#{number}\n"));
    let variables = lines(50_000, |number| format!("V{number}=''\n"));
    root.write("big.toml", format!("{GOOD}{keys}[environment]\n"));
    root.write("many.toml", format!("{GOOD}[environment]\n{variables}"));
    let run = root.generate();
    assert_eq!((run.status, run.messages.as_str()), (Some(0), ""));
    assert!(run.is_made("big") && run.is_made("many"));
    assert_eq!(
        run.units["lodger-many.service"]
            .matches("\nEnvironment=V")
            .count(),
        50_000
    );
}

#[test]
fn a_hundred_thousand_unknown_keys_are_counted() {
    let root = Root::new();
    for (name, table) in [
        ("bad", ""),
        ("bad-root", "[root]\n"),
        ("bad-raw", "[systemd.service]\n"),
    ] {
        root.write(
            format!("{name}.toml"),
            format!(
                "{GOOD}{table}{}",
                lines(100_000, |number| format!("k{number}=1\n"))
            ),
        );
    }
    let run = root.generate();
    assert_eq!(run.status, Some(1));
    // Twenty of each, and how many more there are.
    assert_eq!(run.messages.lines().count(), 3 * 21, "{}", run.messages);
    let (status, told) = root.check();
    assert_eq!(status, Some(1));
    assert_eq!(
        told.matches("99000 more mistakes, which are not told one by one")
            .count(),
        3
    );
    assert!(
        ["bad", "bad-root", "bad-raw"]
            .iter()
            .all(|name| run.is_stub(name))
    );
}

#[test]
fn deep_nesting_is_refused() {
    let deep = |open: &str, middle: &str, close: &str| {
        let times = 900_000 / (open.len() + close.len());
        format!(
            "{GOOD}a = {}{middle}{}\n",
            open.repeat(times),
            close.repeat(times)
        )
    };
    for text in [
        deep("[", "", "]"),
        deep("{a=", "1", "}"),
        deep("[{a=", "1", "}]"),
        deep("[", "", ""),
        deep("{a=", "", ""),
        format!("{GOOD}{}a = 1\n", "a.".repeat(400_000)),
        format!("{GOOD}[{}a]\n", "a.".repeat(400_000)),
        format!("{GOOD}[[{}a]]\n", "a.".repeat(400_000)),
        format!(
            "{GOOD}{}",
            lines(3_000, |number| format!("[{}k{number}]\n", "a.".repeat(100)))
        ),
    ] {
        let root = Root::new();
        root.write("bad.toml", &text);
        let run = root.generate();
        assert_eq!(run.status, Some(1), "{:.60}", text);
        assert!(
            run.messages.lines().count() <= 21 && run.is_stub("bad"),
            "{}",
            run.messages
        );
        assert_eq!(root.check().0, Some(1));
    }
}

#[test]
fn text_that_is_no_toml_is_bounded() {
    for part in [
        "[", "]", "=", "=\n", "\"\n", "a=[\n", "a={", "'", "\"\"\"", "[[a]]\n", "a\r", "\u{feff}",
        "é=é\n", "\\u",
    ] {
        let root = Root::new();
        root.write("bad.toml", part.repeat((1 << 20) / part.len()));
        let run = root.generate();
        assert_eq!(run.status, Some(1), "{part:?}");
        assert!(
            run.messages.lines().count() <= 21 && run.is_stub("bad"),
            "{}",
            run.messages
        );
    }
}

#[test]
fn long_arrays_are_read_or_told() {
    let root = Root::new();
    let array = |item: &str, count| format!("[{}]", format!("{item},").repeat(count));
    root.write(
        "words.toml",
        format!("exec = {}\n", array("'/usr/bin/x'", 10_000)),
    );
    root.write(
        "units.toml",
        format!("{GOOD}after = {}\n", array("'a.target'", 80_000)),
    );
    let run = root.generate();
    assert_eq!((run.status, run.messages.as_str()), (Some(0), ""));
    assert!(run.is_made("words"));
    assert!(run.units["lodger-units.service"].contains("\nAfter=lodgerd-base.service a.target\n"));

    let numbered =
        |line: &str, count| lines(count, |number| line.replace('N', &format!("{number:x}")));
    for (text, message) in [
        (
            format!("exec = {}\n", array("'x'", 250_000)),
            "1:8: the command is longer than 200000 bytes",
        ),
        (
            format!("{GOOD}exec-reload = {}\n", array("'x'", 250_000)),
            "2:15: the command is longer than 200000 bytes",
        ),
        (
            format!("{GOOD}after = [{}]\n", numbered("'N.path',", 60_000)),
            "requires, wants and after take 595632 bytes, more than a line of a unit can hold (at most 400000)",
        ),
        (
            format!("{GOOD}part-of = [{}]\n", numbered("'N.path',", 60_000)),
            "part-of take 595632 bytes, more than a line of a unit can hold (at most 400000)",
        ),
        (
            format!("{GOOD}[root]\nhide = [{}]\n", numbered("'/N',", 60_000)),
            "show, hide and [mounts] take 4135632 bytes, more than a line of a unit can hold (at most 400000)",
        ),
        (
            format!(
                "{GOOD}[mounts]\n{}",
                numbered("'/N'={tmpfs='1M'}\n", 40_000)
            ),
            "show, hide and [mounts] take 2755632 bytes, more than a line of a unit can hold (at most 400000)",
        ),
    ] {
        let root = Root::new();
        root.write("bad.toml", text);
        let expected = match message.starts_with(|c: char| c.is_ascii_digit()) {
            true => format!("/etc/lodger/bad.toml:{message}"),
            false => format!("/etc/lodger/bad.toml: {message}"),
        };
        assert_eq!(root.message(), expected);
    }
}

#[test]
fn ten_thousand_instances_are_bounded() {
    let root = Root::new();
    let mistakes = lines(300, |number| format!("k{number} = 1\n"));
    root.write(
        "mistakes@.toml",
        format!("instances = 10000\n{GOOD}{mistakes}"),
    );
    root.write("drop-in@.toml", format!("instances = 10000\n{GOOD}"));
    root.write("drop-in@.toml.d/x.toml", "#".repeat(5000));
    let run = root.generate();
    assert_eq!(run.status, Some(1));
    assert!(run.is_stub("mistakes@10000"));
    assert!(
        run.messages.contains(
            "/etc/lodger/drop-in@.toml:1:13: 10000 instances of a file of 5038 bytes are too many (at most 10000, and 32 MiB of units)"
        ),
        "{}",
        run.messages
    );
}

#[test]
fn ten_thousand_drop_ins_of_one_container_are_read() {
    let root = Root::new();
    for number in 0..10_000 {
        root.write(
            format!("web.toml.d/{number:05}.toml"),
            format!("description = \"{number}\"\n"),
        );
    }
    root.write("web.toml", GOOD);
    let run = root.generate();
    assert_eq!((run.status, run.messages.as_str()), (Some(0), ""));
    assert!(run.units["lodger-web.service"].contains("\nDescription=9999\n"));
}

#[test]
fn a_drop_in_of_a_thousand_containers_is_told_once() {
    let root = Root::new();
    for number in 0..1000 {
        root.write(format!("c-{number}.toml"), GOOD);
    }
    root.write("c-.toml.d/x.toml", "usr = \"x\"\n");
    assert_eq!(
        root.message(),
        "/etc/lodger/c-.toml.d/x.toml:1:1: unknown key \"usr\"; did you mean \"user\"?"
    );
    let run = root.generate();
    assert!((0..1000).all(|number| run.is_stub(&format!("c-{number}"))));
    // A thousand mistakes, for each of them.
    for text in [
        lines(1000, |number| format!("k{number} = 1\n")),
        "=\n".repeat(100_000),
    ] {
        root.write("c-.toml.d/x.toml", text);
        let run = root.generate();
        assert_eq!(run.messages.lines().count(), 21, "{}", run.messages);
        assert!((0..1000).all(|number| run.is_stub(&format!("c-{number}"))));
    }
}

#[test]
fn what_a_drop_in_says_is_counted_for_each_container() {
    let root = Root::new();
    for number in 0..100 {
        root.write(format!("c-{number:02}.toml"), GOOD);
    }
    let variables = lines(50_000, |number| format!("V{number}=''\n"));
    root.write("c-.toml.d/x.toml", format!("[environment]\n{variables}"));
    let run = root.generate();
    assert_eq!(run.status, Some(1));
    assert!(run.is_made("c-00") && run.is_stub("c-99"));
    assert!(
        run.messages.contains(
            "/etc/lodger/c-99.toml: what is said of the containers before it takes 32 MiB"
        ),
        "{}",
        run.messages
    );
}

#[test]
fn fifty_thousand_files_are_too_many() {
    let root = Root::new();
    // After what is counted, and before it.
    for number in 0..50_000 {
        root.write(format!("x{number}.toml"), GOOD);
    }
    root.write("a.toml", GOOD);
    let run = root.generate();
    assert_eq!(run.status, Some(1));
    assert_eq!(
        run.messages,
        "lodger-generator: /etc/lodger: there are 50002 container files, and only the first 20000 by name are read\n"
    );
    // And the directory of links.
    assert_eq!(run.units.len(), 20_000);
    assert!(run.is_made("a"));
}

#[test]
fn fifty_thousand_names_and_directories_are_bounded() {
    let root = Root::new();
    for number in 0..25_000 {
        root.write(format!("X{number}.toml"), "");
        root.write(format!("x{number}.toml.d/x.toml"), "");
    }
    let run = root.generate();
    assert_eq!(run.status, Some(1));
    assert_eq!(run.messages.lines().count(), 501);
    assert_eq!(
        run.messages.lines().last(),
        Some("lodger-generator: and 49500 more files with mistakes: lodger check")
    );
    assert_eq!(root.check().0, Some(1));
}

#[test]
fn what_is_no_file_is_refused_alone() {
    let root = Root::new();
    let link = |target: &str, name: &str| symlink(target, root.path(name)).expect("a link");
    fs::create_dir(root.path("directory.toml")).expect("a directory");
    nix::unistd::mkfifo(&root.path("fifo.toml"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    // Its path is too long for a temporary directory that lies deep.
    let socket = tempfile::Builder::new()
        .tempdir_in("/tmp")
        .expect("a directory");
    let _listener = UnixListener::bind(socket.path().join("s")).expect("a socket");
    link(
        socket.path().join("s").to_str().expect("UTF-8"),
        "socket.toml",
    );
    link("nowhere", "dangling.toml");
    link("loop.toml", "loop.toml");
    link("/dev/zero", "device.toml");
    link("/dev/tty", "terminal.toml");
    // Opens, and cannot be read: EIO.
    link("/proc/self/mem", "error.toml");
    link("/proc/self/mountinfo", "proc.toml");
    link("good.toml/x", "no-directory.toml");
    link(&format!("/{}", "n".repeat(300)), "long.toml");
    link("x/../../../../../../../etc/shadow", "shadow.toml");
    let run = root.generate();
    assert_eq!(run.status, Some(1));
    let told: Vec<_> = run
        .messages
        .lines()
        .map(|line| line.replace(socket.path().to_str().expect("UTF-8"), "SOCKET"))
        .filter(|line| !line.contains("proc.toml") && !line.contains("terminal.toml"))
        .collect();
    let expected = [
        "dangling.toml: a symbolic link to \"nowhere\", which is not there",
        "device.toml: not a regular file but a device, FIFO or socket",
        "directory.toml: not a regular file but a directory",
        "error.toml: cannot be read: Input/output error (os error 5)",
        "fifo.toml: not a regular file but a device, FIFO or socket",
        "long.toml: cannot be opened: File name too long (os error 36)",
        "loop.toml: cannot be opened: Too many levels of symbolic links (os error 40)",
        "no-directory.toml: cannot be opened: Not a directory (os error 20)",
        "shadow.toml: a symbolic link to \"x/../../../../../../../etc/shadow\", which is not there",
        "socket.toml: not a regular file but a socket",
    ];
    assert_eq!(
        told,
        expected.map(|line| format!("lodger-generator: /etc/lodger/{line}"))
    );
    for name in [
        "dangling",
        "device",
        "directory",
        "error",
        "fifo",
        "long",
        "loop",
        "no-directory",
        "proc",
        "shadow",
        "socket",
        "terminal",
    ] {
        assert!(run.is_stub(name), "{name}");
    }
}

#[test]
fn names_that_are_no_text_are_told_on_one_line() {
    let root = Root::new();
    for name in [
        &b"a\nb.toml"[..],
        b"caf\xe9.toml",
        b"\xff.toml",
        b"a\x1b[2Jb.toml",
        b"<0>x.toml",
        b"\xe2\x80\xaex.toml",
    ] {
        root.write(OsStr::from_bytes(name), GOOD);
    }
    root.write(
        OsStr::from_bytes(b"good.toml.d/\xff.toml"),
        "description = \"from a name that is no text\"\n",
    );
    root.write(OsStr::from_bytes(b"\xff.toml.d/x.toml"), "user = \"x\"\n");
    let run = root.generate();
    assert_eq!(run.status, Some(1));
    assert_eq!(run.messages.lines().count(), 7, "{}", run.messages);
    assert!(
        !run.messages.contains(|c: char| c.is_control() && c != '\n'),
        "{}",
        run.messages
    );
    assert!(
        run.messages
            .lines()
            .all(|line| line.starts_with("lodger-generator: "))
    );
    assert!(
        run.units["lodger-good.service"].contains("\nDescription=from a name that is no text\n")
    );
    assert_eq!(root.check().0, Some(1));
}

/// Ends a thread, also when the test fails: it would wait for it for ever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Each unit is made of one state of its file, or is a stub: never of half a file, never of two.
#[test]
fn files_that_change_while_they_are_read_are_of_one_state() {
    let root = Root::new();
    // The end says what the beginning says; a part of it does, too, should a part be read.
    let state = |letter: &str| {
        let padding = format!("# {}\n", letter.repeat(100)).repeat(200);
        format!("exec = [\"/usr/bin/x\", \"{letter}\"]\n{padding}description = \"{letter}\"\n")
    };
    let (a, b) = (state("a"), state("b"));
    root.write("renamed.toml", &a);
    root.write("truncated.toml", &a);
    root.write("gone.toml", &a);
    root.write("masked.toml", &a);
    let running = AtomicBool::new(true);
    // What is written into the file in place may be there in part, and that is a state of it too; what is renamed never is.
    let is_one_state = |name: &str, unit: &str| {
        ["a", "b"].iter().any(|letter| {
            let says = |line: String| unit.contains(&format!("\n{line}\n"));
            let begun = name == "truncated" && says("Description=truncated".to_owned());
            let whole = says(format!("Description={letter}"));
            says(format!("ExecStart=/usr/bin/x {letter}")) && (whole || begun)
        })
    };
    let mut seen: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    std::thread::scope(|scope| {
        let stop = Stop(&running);
        scope.spawn(|| {
            while running.load(Ordering::Relaxed) {
                for text in [&b, &a] {
                    root.write("new", text);
                    fs::rename(root.path("new"), root.path("renamed.toml")).expect("renamed");
                    // Emptied, then written in one piece, as editors do that do not rename.
                    root.write("truncated.toml", text);
                    fs::remove_file(root.path("gone.toml")).expect("removed");
                    root.write("new", text);
                    fs::rename(root.path("new"), root.path("gone.toml")).expect("renamed");
                    let _ = fs::remove_file(root.path("link"));
                    symlink("/dev/null", root.path("link")).expect("a link");
                    fs::rename(root.path("link"), root.path("masked.toml")).expect("renamed");
                    root.write("new", text);
                    fs::rename(root.path("new"), root.path("masked.toml")).expect("renamed");
                }
            }
        });
        for _ in 0..200 {
            let run = root.generate();
            for name in ["renamed", "truncated", "gone", "masked"] {
                let found = match run.units.get(&format!("lodger-{name}.service")) {
                    None => 0,
                    Some(_) if run.is_stub(name) => 1,
                    Some(unit) => {
                        assert!(is_one_state(name, unit), "{name}: {unit}");
                        2
                    }
                };
                seen.entry(name).or_default()[found] += 1;
            }
        }
        drop(stop);
    });
    // A rename shows one whole file or another, always.
    assert_eq!(seen["renamed"], [0, 0, 200], "{seen:?}");
    assert_eq!(seen["masked"][1], 0, "{seen:?}");
    for name in ["truncated", "gone", "masked"] {
        assert!(seen[name][2] > 0, "{name} was never read: {seen:?}");
    }
}
