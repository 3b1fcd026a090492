//! Why a container that is due is not restarted: data in, a sentence out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::number_text;

/// What keeps a container that is due from being restarted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Hindrance {
    /// `update.policy = "never"`.
    Never,
    /// It was taken back to an older base, and held there.
    Base {
        /// The number of the base. On disk it is text.
        #[serde(deserialize_with = "number_text::deserialize")]
        base: String,
    },
    /// `lodger hold`.
    Hold {
        /// RFC 3339; `None` for until it is taken off.
        until: Option<String>,
    },
    /// The window of its wave is closed.
    Window {
        /// The wave.
        wave: String,
        /// When it opens, RFC 3339; `None` if it never does again.
        opens: Option<String>,
    },
    /// A restart would take one along that has been put off.
    Dependent {
        /// That one.
        container: String,
    },
    /// A container in an earlier wave has failed.
    Wave {
        /// The wave.
        wave: String,
        /// That container.
        container: String,
    },
    /// Its restart has failed, and it does not run.
    Failed {
        /// In which refresh.
        refresh: u64,
        /// How.
        how: String,
    },
    /// No base with the change could be made.
    NoBase,
    /// Its container file is gone.
    NoFile,
    /// Its container file is broken.
    Broken,
}

impl Hindrance {
    /// Whether the restart is only put off, and nobody has anything to mend.
    pub fn is_delay(&self) -> bool {
        matches!(
            self,
            Self::Hold { .. } | Self::Window { .. } | Self::Dependent { .. } | Self::Wave { .. }
        )
    }

    /// When it ends by itself, RFC 3339, if that is known.
    pub fn until(&self) -> Option<&str> {
        match self {
            Self::Hold { until } | Self::Window { opens: until, .. } => until.as_deref(),
            _ => None,
        }
    }

    /// Whether somebody has decided that it runs on as it is.
    pub fn is_wanted(&self) -> bool {
        matches!(self, Self::Never | Self::Base { .. })
    }
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => write!(f, "update.policy is \"never\""),
            Self::Base { base } => write!(f, "held on base {base}"),
            Self::Hold { until: Some(until) } => write!(f, "held until {until}"),
            Self::Hold { until: None } => write!(f, "held until 'lodger unhold'"),
            Self::Window { wave, opens } => match opens {
                Some(opens) => write!(f, "the window of wave '{wave}' opens at {opens}"),
                None => write!(f, "the window of wave '{wave}' never opens again"),
            },
            Self::Dependent { container } => {
                write!(f, "it would take '{container}' along, which is put off")
            }
            Self::Wave { wave, container } => {
                write!(f, "'{container}' in wave '{wave}' has failed")
            }
            Self::Failed { refresh, how } => {
                write!(
                    f,
                    "it has failed in refresh {refresh} and does not run: {how}"
                )
            }
            Self::NoBase => write!(
                f,
                "no base with the change could be made: it runs on as it was; see 'journalctl -u lodgerd-base'"
            ),
            Self::NoFile => write!(
                f,
                "its container file is gone: it would not start again; stop it or put the file back"
            ),
            Self::Broken => write!(
                f,
                "its container file is broken: it would not start again; see 'lodger check'"
            ),
        }
    }
}
