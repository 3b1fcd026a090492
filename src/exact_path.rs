//! A path, whose bytes may be anything, in; JSON from which just these bytes can be had back out, and the path of it.
//!
//! JSON is UTF-8, and a path need not be. So a path is always a field of an object, never an entry of a list:
//!
//! ```text
//! "path": "/srv/a\nb"                             UTF-8: the path itself, escaped only as JSON has it
//! "path": "/srv/\ufffd", "path_hex": "2f7372762fff"   not UTF-8: U+FFFD for what is none, and besides all bytes, in digits of base 16
//! ```
//!
//! Whoever needs the exact path takes `path_hex` if it is there, and `path` otherwise. Under another name both have that name:
//! `program` and `program_hex`. What people read is [`crate::upper::shown`]'s.
//!
//! A field that holds a path says which name it has: `#[serde(flatten, with = "exact_path::path")]`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Adds the path to an object under the name `key`, and its bytes as `hex` if it is not UTF-8.
///
/// # Errors
/// Those of the serializer.
fn add<M: SerializeMap>(
    map: &mut M,
    path: &Path,
    key: &'static str,
    hex: &'static str,
) -> Result<(), M::Error> {
    map.serialize_entry(key, &path.to_string_lossy())?;
    match path.to_str() {
        Some(_) => Ok(()),
        None => map.serialize_entry(hex, &digits(path)),
    }
}

fn digits(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The path of what [`add`] wrote.
fn read<E: Error>(text: String, hex: Option<&str>) -> Result<PathBuf, E> {
    let Some(hex) = hex else {
        return Ok(PathBuf::from(text));
    };
    let bytes = bytes(hex).ok_or_else(|| E::custom(format!("{hex:?} is not the bytes of a path")));
    bytes.map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    pairs.map(byte).collect()
}

fn digit(byte: u8) -> Option<u8> {
    // A digit of base 16 is below 16.
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// A module for each name that a path has.
macro_rules! names {
    ($($key:ident $hex:ident)*) => {$(
        #[doc = concat!("A path under the name `", stringify!($key), "`; for `#[serde(flatten, with)]`.")]
        pub mod $key {
            use std::path::{Path, PathBuf};

            use serde::ser::SerializeMap as _;
            use serde::{Deserialize, Deserializer, Serializer};

            /// Writes the path.
            ///
            /// # Errors
            /// Those of the serializer.
            pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                super::add(&mut map, path, stringify!($key), stringify!($hex))?;
                map.end()
            }

            /// Writes the path, or null if there is none; for `#[serde(flatten, serialize_with)]`.
            ///
            /// # Errors
            /// Those of the serializer.
            pub fn or_null<S: Serializer>(
                path: &Option<PathBuf>,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                let Some(path) = path else {
                    let mut map = serializer.serialize_map(None)?;
                    map.serialize_entry(stringify!($key), &())?;
                    return map.end();
                };
                serialize(path, serializer)
            }

            #[derive(Deserialize)]
            struct Written {
                $key: String,
                #[serde(default)]
                $hex: Option<String>,
            }

            /// Reads it back.
            ///
            /// # Errors
            /// Those of the deserializer, and when the digits are none.
            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
                let written = Written::deserialize(deserializer)?;
                super::read(written.$key, written.$hex.as_deref())
            }
        }
    )*};
}

names! {
    path path_hex
    program program_hex
    source source_hex
    base_path base_path_hex
}

/// A path of which nothing else is told: an object with the path alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExactPath(pub PathBuf);

impl Serialize for ExactPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        path::serialize(&self.0, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;

    /// As the types that hold paths have them.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "kebab-case")]
    enum Sample {
        Runs {
            #[serde(flatten, with = "program")]
            program: PathBuf,
            package: Option<String>,
        },
    }

    fn runs(bytes: Vec<u8>) -> Sample {
        Sample::Runs {
            program: PathBuf::from(OsString::from_vec(bytes)),
            package: None,
        }
    }

    proptest! {
        #[test]
        fn every_path_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let text = serde_json::to_string(&runs(bytes.clone())).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), runs(bytes));
        }
    }

    #[test]
    fn what_is_utf_8_is_the_path_itself() {
        let told = serde_json::to_value(runs(b"/a\\b\nc".to_vec())).unwrap();
        assert_eq!(
            told,
            json!({ "kind": "runs", "program": "/a\\b\nc", "package": null })
        );
        let told = serde_json::to_value(ExactPath("/\u{202e}".into())).unwrap();
        assert_eq!(told, json!({ "path": "/\u{202e}" }));
    }

    #[test]
    fn what_is_not_has_its_bytes_besides() {
        let told = serde_json::to_value(runs(b"/\xff".to_vec())).unwrap();
        assert_eq!(
            told,
            json!({ "kind": "runs", "program": "/\u{fffd}", "program_hex": "2fff", "package": null })
        );
    }

    #[test]
    fn digits_that_are_none_are_refused() {
        for hex in ["2", "2f0", "zz", "é"] {
            let text =
                json!({ "kind": "runs", "program": "", "program_hex": hex, "package": null });
            assert!(serde_json::from_value::<Sample>(text).is_err(), "{hex}");
        }
    }
}
