//! A unit in; a panic out if systemd would read anything else in it than was meant.

use lodger::container::{Container, User};
use lodger::diagnostic::Diagnostic;
use lodger::unit::Unit;

use crate::line::assert_one_line;

/// Every line of `unit` is what it looks like, and none goes on in the next one.
pub fn assert_sound(unit: &Unit) {
    let text = unit.to_string();
    assert!(text.ends_with('\n'));
    for line in text.split('\n') {
        assert_one_line(line);
        let is_section = line.starts_with('[') && line.ends_with(']');
        let is_key = line.split_once('=').is_some_and(|(key, _)| {
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        assert!(
            line.is_empty() || line.starts_with("# ") || is_section || is_key,
            "{line:?}"
        );
    }
}

/// What can be told of a mistake is told on one line.
pub fn assert_told(diagnostics: &[Diagnostic]) {
    assert!(!diagnostics.is_empty());
    for diagnostic in diagnostics {
        let line = diagnostic.one_line();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(diagnostic.block().ends_with('\n'));
    }
}

/// The values of `key`, in the order of the unit.
pub fn values<'u>(unit: &'u Unit, key: &str) -> Vec<&'u str> {
    let pairs = unit.text().lines().filter_map(|line| line.split_once('='));
    pairs
        .filter(|(found, _)| *found == key)
        .map(|(_, value)| value)
        .collect()
}

/// systemd's own reading of `unit` gives back what `container` says.
pub fn assert_meant(unit: &Unit, container: &Container) {
    let values = |key: &str| values(unit, key);
    let mut exec = container.exec.clone();
    if container.init {
        exec.splice(0..0, ["/usr/bin/tini".to_owned(), "--".to_owned()]);
    }
    assert_eq!(
        values("ExecStart")
            .into_iter()
            .map(command)
            .collect::<Vec<_>>(),
        [exec]
    );
    let mut reload = container.exec_reload.clone();
    if !reload.is_empty() {
        reload.splice(
            0..0,
            ["+/usr/libexec/lodgerd", "reload", "--"].map(str::to_owned),
        );
    }
    assert_eq!(
        values("ExecReload")
            .into_iter()
            .flat_map(command)
            .collect::<Vec<_>>(),
        reload
    );
    let environment = container.environment.iter();
    let meant: Vec<_> = environment
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let read: Vec<_> = values("Environment").into_iter().map(words).collect();
    assert!(read.iter().all(|words| words.len() == 1));
    assert_eq!(read.concat(), meant);
    assert_eq!(
        values("Description")
            .into_iter()
            .map(free)
            .collect::<Vec<_>>(),
        [container.description.as_str()]
    );
    // It may be missing: an overlay is not mounted yet when systemd looks, a shared root asserts that it is there.
    let directory = format!("-{}", container.working_directory.display());
    assert_eq!(
        values("WorkingDirectory")
            .into_iter()
            .map(free)
            .collect::<Vec<_>>(),
        [directory]
    );
    let files = container.environment_files.iter();
    let meant: Vec<_> = files
        .map(|file| {
            format!(
                "{}{}",
                if file.optional { "-" } else { "" },
                file.path.display()
            )
        })
        .collect();
    assert_eq!(
        values("EnvironmentFile")
            .into_iter()
            .map(free)
            .collect::<Vec<_>>(),
        meant
    );
    let user = match &container.user {
        Some(User::Named(user)) => vec![user.as_str()],
        _ => vec![],
    };
    assert_eq!(values("User"), user);
    assert_eq!(
        values("DynamicUser").len(),
        usize::from(container.user == Some(User::Dynamic))
    );
}

/// The words of `ExecStart=`: `$$` is a `$`.
pub fn command(line: &str) -> Vec<String> {
    let words = words(line);
    // As the program it is passed over even in quotes.
    assert_ne!(words[0], ";", "{line:?}");
    words.iter().map(|word| halved(word, '$')).collect()
}

/// systemd's `extract_first_word` with UNQUOTE and CUNESCAPE, then specifiers, of which only `%%` may be left. A bare `;` would
/// begin another command.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut bytes = line.bytes().peekable();
    loop {
        while bytes.next_if_eq(&b' ').is_some() {}
        if bytes.peek().is_none() {
            return words;
        }
        let bare = bytes.clone().take_while(|&byte| byte != b' ');
        assert!(bare.ne([b';']), "{line:?}");
        let (mut word, mut quote) = (Vec::new(), None);
        while let Some(byte) = bytes.next() {
            match (byte, quote) {
                (b'\\', _) => word.push(unescaped(&mut bytes)),
                (byte, Some(open)) if byte == open => quote = None,
                (b'"' | b'\'', None) => quote = Some(byte),
                (b' ', None) => break,
                (byte, _) => word.push(byte),
            }
        }
        assert!(quote.is_none(), "{line:?}");
        let word = String::from_utf8(word).expect("escapes give back UTF-8");
        words.push(halved(&word, '%'));
    }
}

fn unescaped(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    match bytes.next() {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(byte @ (b'"' | b'\\')) => byte,
        Some(b'x') => {
            let hex: Vec<u8> = bytes.take(2).collect();
            let byte = u8::from_str_radix(&String::from_utf8_lossy(&hex), 16);
            byte.ok()
                .filter(|&byte| byte != 0 && hex.len() == 2)
                .expect("two hexadecimal digits")
        }
        other => panic!("an escape that systemd does not know: {other:?}"),
    }
}

/// Free text: blanks around it are dropped, and of specifiers only `%%` may be left.
fn free(line: &str) -> String {
    halved(line.trim_matches([' ', '\t', '\r']), '%')
}

fn halved(text: &str, sign: char) -> String {
    let mut halved = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        halved.push(c);
        assert!(
            c != sign || characters.next() == Some(sign),
            "a lone {sign:?} in {text:?}"
        );
    }
    halved
}
