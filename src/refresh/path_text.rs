//! Paths whose bytes may be anything in, text for JSON out, and back without loss; for `#[serde(with)]`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serializer, de};

use crate::upper::shown;

/// Writes the path as [`shown::text`].
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&shown::text(path))
}

/// Reads it back.
///
/// # Errors
/// Those of the deserializer, and when a backslash stands before something else than it does in such text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is not the text of a path")))
}

fn parse(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'\\' => bytes.push(b'\\'),
            b'x' => bytes.push(digit(rest.next()?)? << 4 | digit(rest.next()?)?),
            _ => return None,
        }
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

fn digit(byte: u8) -> Option<u8> {
    // A digit of base 16 is below 16.
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// The same for a set of paths, as a list.
pub mod set {
    use std::collections::BTreeSet;

    use super::{Deserialize, Deserializer, PathBuf, Serializer, de, parse, shown};

    /// Writes a list of texts.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        paths: &BTreeSet<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| shown::text(path)))
    }

    /// Reads it back.
    ///
    /// # Errors
    /// As for one.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<PathBuf>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let paths = texts.iter().map(|text| {
            parse(text)
                .ok_or_else(|| de::Error::custom(format!("{text:?} is not the text of a path")))
        });
        paths.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_path_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            prop_assert_eq!(parse(&shown::text(&path)), Some(path));
        }
    }

    #[test]
    fn what_is_no_such_text_is_refused() {
        for text in ["\\", "\\q", "\\x1", "\\xzz"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
