//! Stand-in until the real one is merged.
use crate::diagnostic::{Fault, rule};

/// Section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `[Unit]`
    Unit,
    /// `[Service]`
    Service,
}

/// Value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawValue {
    /// Text.
    Text(String),
    /// Integer.
    Integer(i64),
    /// Boolean.
    Boolean(bool),
    /// List.
    List(Vec<RawValue>),
}

/// Lines.
pub fn directive(_section: Section, key: &str, value: &RawValue) -> Result<Vec<String>, Fault> {
    match value {
        RawValue::Integer(number) if key == "LogRateLimitBurst" => Ok(vec![number.to_string()]),
        _ => Err(Fault::new(rule::DIRECTIVE, "not yet")),
    }
}

/// Whether.
pub fn is_settable(_section: Section, key: &str) -> bool {
    key == "LogRateLimitBurst"
}
