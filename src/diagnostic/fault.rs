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

    /// The same, naming what was probably meant, if anything was: in the message, for it is the shortest way to see the mistake.
    pub fn suggest(self, meant: Option<&str>) -> Self {
        match meant {
            Some(meant) => Self {
                message: format!("{}; did you mean \"{meant}\"?", self.message),
                ..self
            },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_part_of_the_message() {
        let fault = Fault::new("L006", "unknown key \"exce\"");
        assert_eq!(fault.clone().suggest(None), fault);
        assert_eq!(
            fault.suggest(Some("exec")).message,
            "unknown key \"exce\"; did you mean \"exec\"?"
        );
    }
}
