//! What is wrong with a value, before anyone knows where it stood: rule and words in, the body of a diagnostic out.

/// A broken rule without a place. Who knows the place makes a [`Diagnostic`](super::Diagnostic) of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// See [`rule`](super::rule).
    pub rule: &'static str,
    /// What is wrong: lower case, no final stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault without advice.
    pub fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
            help: None,
        }
    }

    /// The same with advice.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}
