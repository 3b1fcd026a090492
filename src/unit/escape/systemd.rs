//! The value of a directive in; what systemd 257 makes of it out, or why it would ignore it. Written after systemd's source,
//! for tests only, so that every escape can be undone by a reader that knows nothing of lodger's.

mod extract;

use extract::{COLON_OR_WHITESPACE, Extract, Rest, WHITESPACE, c_unescape_one};

/// `specifier_printf` (src/shared/specifier.c), with every specifier an error.
fn specifiers(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut expanded = Vec::new();
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (b'%', Some(b'%')) => {
                bytes.next();
            }
            (b'%', Some(letter)) if letter.is_ascii_alphanumeric() => {
                return Err(format!("a specifier: %{}", char::from(*letter)));
            }
            _ => {}
        }
        expanded.push(byte);
    }
    Ok(expanded)
}

/// What `config_parse` and `parse_line` (src/shared/conf-parser.c) hand on of what stands behind `=`.
fn value(line: &str) -> Result<&[u8], String> {
    if line.contains(['\n', '\r', '\0']) {
        return Err(format!("more than one line: {line:?}"));
    }
    let escaped = line
        .bytes()
        .fold(false, |escaped, byte| !escaped && byte == b'\\');
    if escaped {
        return Err(format!("goes on in the next line: {line:?}"));
    }
    Ok(line.trim_matches([' ', '\t']).as_bytes())
}

fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Free text and paths that are one to a line.
pub fn text(line: &str) -> Result<String, String> {
    text_of(specifiers(value(line)?)?)
}

const WORDS: Extract = Extract {
    separators: WHITESPACE,
    unquote: true,
    c_unescape: true,
    unescape_separators: false,
    dont_coalesce: false,
};

/// `Environment=`.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let mut rest = Rest::of(value(line)?);
    let mut words = Vec::new();
    while let Some(word) = rest.word(WORDS)? {
        words.push(text_of(specifiers(&word)?)?);
    }
    Ok(words)
}

/// `ExecStart=` and what becomes of the words at the start (`replace_env_argv`), with every variable an error.
pub fn command(line: &str) -> Result<Vec<String>, String> {
    let mut rest = Rest::of(value(line)?);
    let mut words = Vec::new();
    while let Some(word) = rest.word(WORDS)? {
        let word = text_of(specifiers(&word)?)?;
        if word.replace("$$", "").contains('$') {
            return Err(format!("a variable in {word:?}"));
        }
        words.push(word.replace("$$", "$"));
        let next = rest.bytes.unwrap_or_default();
        if next == b";" || next.starts_with(b"; ") {
            return Err("a second command".to_owned());
        }
    }
    Ok(words)
}

/// `BindPaths=`, then the way to systemd-executor: sources and targets.
pub fn binds(line: &str) -> Result<Vec<(String, String)>, String> {
    let mut rest = Rest::of(value(line)?);
    let how = Extract {
        separators: COLON_OR_WHITESPACE,
        unquote: true,
        dont_coalesce: true,
        ..Extract::default()
    };
    let handed_on = Extract {
        unescape_separators: true,
        ..how
    };
    let mut binds = Vec::new();
    while let Some(source) = rest.word(how)? {
        if rest.ended_by != b':' {
            return Err("a bind without a target".to_owned());
        }
        let target = rest.word(how)?.ok_or("a bind without a target")?;
        let mut handed = shell_escape(&specifiers(&source)?, COLON_OR_WHITESPACE);
        handed.push(b':');
        handed.extend(shell_escape(&specifiers(&target)?, COLON_OR_WHITESPACE));
        handed.extend(b":rbind");
        let mut handed = Rest::of(&handed);
        let mut path = || text_of(handed.word(handed_on)?.ok_or("no path")?);
        binds.push((path()?, path()?));
        if path()? != "rbind" {
            return Err("what is handed on has a part too many".to_owned());
        }
    }
    Ok(binds)
}

/// `TemporaryFileSystem=`, then the way to systemd-executor, where the path is not escaped: path and options.
pub fn temporary_file_system(line: &str) -> Result<(String, String), String> {
    let mut rest = Rest::of(value(line)?);
    let how = Extract {
        separators: WHITESPACE,
        unquote: true,
        ..Extract::default()
    };
    let word = rest.word(how)?.ok_or("no word")?;
    if rest.word(how)?.is_some() {
        return Err("a second word".to_owned());
    }
    let mut parts = Rest::of(&word);
    let how = Extract {
        separators: b":",
        dont_coalesce: true,
        ..Extract::default()
    };
    let mut handed = specifiers(&parts.word(how)?.ok_or("no path")?)?;
    if let Some(options) = parts.bytes {
        handed.push(b':');
        handed.extend(shell_escape(options, b":"));
    }
    let mut handed = Rest::of(&handed);
    let how = Extract {
        separators: b":",
        c_unescape: true,
        unescape_separators: true,
        ..Extract::default()
    };
    let mut part = || text_of(handed.word(how)?.unwrap_or_default());
    Ok((part()?, part()?))
}

/// `EnvironmentFile=`, and the one file that the pattern means.
pub fn environment_file(line: &str) -> Result<String, String> {
    let pattern = text(line)?;
    let mut path = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => path.extend(characters.next()),
            '*' | '?' | '[' => return Err(format!("{pattern:?} means more than one file")),
            _ => path.push(character),
        }
    }
    Ok(path)
}

/// `LoadCredential=`, then the way to systemd-executor: name and path.
pub fn credential(line: &str) -> Result<(String, String), String> {
    let mut rest = Rest::of(value(line)?);
    let how = |separators| Extract {
        separators,
        dont_coalesce: true,
        ..Extract::default()
    };
    let mut handed = specifiers(&rest.word(how(b":"))?.ok_or("no name")?)?;
    handed.push(b' ');
    handed.extend(specifiers(rest.bytes.ok_or("no path")?)?);
    handed.extend(b" no");
    let mut handed = Rest::of(&handed);
    let mut part = || text_of(handed.word(how(b" "))?.ok_or("a part is missing")?);
    let (id, path) = (part()?, part()?);
    match part()?.as_str() {
        "no" => Ok((id, path)),
        other => Err(format!("not a boolean: {other:?}")),
    }
}

/// `SetCredential=`: name and data.
pub fn credential_data(line: &str) -> Result<(String, Vec<u8>), String> {
    let mut rest = Rest::of(value(line)?);
    let how = Extract {
        separators: b":",
        dont_coalesce: true,
        ..Extract::default()
    };
    let id = text_of(specifiers(&rest.word(how)?.ok_or("no name")?)?)?;
    let mut escaped = rest
        .bytes
        .filter(|data| !data.is_empty())
        .ok_or("no data")?;
    let mut data = Vec::new();
    while let [byte, after @ ..] = escaped {
        let unescaped = if *byte == b'\\' {
            c_unescape_one(after)
        } else {
            Some((*byte, after))
        };
        let (byte, after) = unescaped.ok_or("an escape that is none")?;
        data.push(byte);
        escaped = after;
    }
    Ok((id, data))
}

/// `strcpy_backslash_escaped` (src/basic/escape.c); control characters are an error.
fn shell_escape(text: &[u8], bad: &[u8]) -> Vec<u8> {
    let escape = |&byte: &u8| match byte {
        byte if byte.is_ascii_control() => format!("\\{byte:03o}").into_bytes(),
        byte if byte == b'\\' || bad.contains(&byte) => vec![b'\\', byte],
        byte => vec![byte],
    };
    text.iter().flat_map(escape).collect()
}

/// `unit_name_unescape` (src/basic/unit-name.c).
pub fn unit_name(escaped: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = escaped.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'-' => bytes.push(b'/'),
            b'\\' => {
                let (byte, after) = c_unescape_one(rest).expect("an escape");
                bytes.push(byte);
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
