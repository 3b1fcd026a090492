//! Paths in; a list as the record of a base has it on disk out, and back. For `#[serde(with)]`.
//!
//! A path that is UTF-8 is a text, as it always was; any other one is an object, see [`crate::exact_path`].

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::exact_path;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Other {
        #[serde(flatten, with = "exact_path::path")]
        path: PathBuf,
    },
}

/// Writes the list.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| match path.to_str() {
        Some(text) => Written::Text(text.to_owned()),
        None => Written::Other { path: path.clone() },
    }))
}

/// Reads it back.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    let written = Vec::<Written>::deserialize(deserializer)?;
    let paths = written.into_iter().map(|written| match written {
        Written::Text(text) => PathBuf::from(text),
        Written::Other { path } => path,
    });
    Ok(paths.collect())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use crate::base::count::Counts;

    #[test]
    fn a_path_is_a_text_where_it_can_be_one() {
        let odd = Path::new(OsStr::from_bytes(b"/etc/\xff"));
        let counts = Counts {
            written_meanwhile: vec!["/etc/a\\b".into(), odd.into()],
            ..Counts::default()
        };
        let on_disk = serde_json::to_value(&counts).unwrap();
        assert_eq!(
            on_disk["written-meanwhile"],
            serde_json::json!(["/etc/a\\b", { "path": "/etc/\u{fffd}", "path_hex": "2f6574632fff" }])
        );
        assert_eq!(serde_json::from_value::<Counts>(on_disk).unwrap(), counts);
    }
}
