//! A value in, its words out: `extract_first_word` of systemd 257, for tests.

/// `extract_first_word`'s flags (src/basic/extract-word.h).
#[derive(Clone, Copy, Default)]
pub struct Extract {
    pub separators: &'static [u8],
    pub unquote: bool,
    pub c_unescape: bool,
    pub unescape_separators: bool,
    pub dont_coalesce: bool,
}

pub const WHITESPACE: &[u8] = b" \t\n\r";
pub const COLON_OR_WHITESPACE: &[u8] = b": \t\n\r";

/// A value's rest; `None` once it is at its end. With the separator that ended the last word.
pub struct Rest<'a> {
    pub bytes: Option<&'a [u8]>,
    pub ended_by: u8,
}

impl<'a> Rest<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        let bytes = Some(bytes);
        Self { bytes, ended_by: 0 }
    }

    /// `extract_first_word` (src/basic/extract-word.c).
    pub fn word(&mut self, how: Extract) -> Result<Option<Vec<u8>>, String> {
        let Some(mut p) = self.bytes.take() else {
            return Ok(None);
        };
        if !how.dont_coalesce {
            while let [first, after @ ..] = p
                && how.separators.contains(first)
            {
                p = after;
            }
            if p.is_empty() {
                return Ok(None);
            }
        }
        let (mut word, mut quote) = (Vec::new(), None);
        while let [c, after @ ..] = p {
            p = after;
            match (*c, quote) {
                (b'\\', _) => p = unescape(p, how, &mut word)?,
                (c, Some(open)) if c == open => quote = None,
                (b'"' | b'\'', None) if how.unquote => quote = Some(*c),
                (c, None) if how.separators.contains(&c) => {
                    if !how.dont_coalesce {
                        while let [first, after @ ..] = p
                            && how.separators.contains(first)
                        {
                            p = after;
                        }
                    }
                    self.ended_by = c;
                    self.bytes = (how.dont_coalesce || !p.is_empty()).then_some(p);
                    return Ok(Some(word));
                }
                (c, _) => word.push(c),
            }
        }
        match quote {
            Some(_) => Err("a quote is not closed".to_owned()),
            None => {
                self.ended_by = 0;
                Ok(Some(word))
            }
        }
    }
}

/// What follows a backslash, appended to `word`; what comes then.
fn unescape<'a>(p: &'a [u8], how: Extract, word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let [c, after @ ..] = p else {
        return Err("a backslash at the end".to_owned());
    };
    if !how.c_unescape && !how.unescape_separators {
        word.push(*c);
        return Ok(after);
    }
    if how.c_unescape
        && let Some((byte, after)) = c_unescape_one(p)
    {
        word.push(byte);
        return Ok(after);
    }
    if how.unescape_separators && (how.separators.contains(c) || *c == b'\\') {
        word.push(*c);
        return Ok(after);
    }
    Err(format!("an escape that is none: {:?}", char::from(*c)))
}

/// `cunescape_one` (src/basic/escape.c), as far as lodger writes it.
pub fn c_unescape_one(p: &[u8]) -> Option<(u8, &[u8])> {
    let simple = |byte| Some((byte, &p[1..]));
    match p {
        [b'n', ..] => simple(b'\n'),
        [b't', ..] => simple(b'\t'),
        [b'r', ..] => simple(b'\r'),
        [b's', ..] => simple(b' '),
        [c @ (b'\\' | b'"' | b'\''), ..] => simple(*c),
        [b'x', high, low, after @ ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
            Some((byte, after))
        }
        _ => None,
    }
}
