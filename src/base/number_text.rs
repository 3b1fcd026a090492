//! A base's number as links and states on disk have it, as text, in; the number that scripts get in JSON out.
//!
//! What is on disk stays text, for other versions read it. For `#[serde(serialize_with)]` where only scripts read.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Number;

/// Writes the number; null for a text that is none.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    text.parse::<Number>().ok().serialize(serializer)
}

/// Writes the number; null if there is none.
///
/// # Errors
/// Those of the serializer.
pub fn or_null<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serialize(text.as_deref().unwrap_or_default(), serializer)
}

/// Reads what is on disk, and what [`serialize`] wrote.
///
/// # Errors
/// Those of the deserializer, and when it is neither.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(Number),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
    })
}
