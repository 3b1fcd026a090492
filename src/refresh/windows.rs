//! Waves in the settings and a time in; which of them have a window that is closed then, out.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::settings::Settings;
use crate::window::{self, Window};

/// The windows of waves, as they were when they were last looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Windows {
    /// Waves whose window is closed, and when it opens, RFC 3339; `None` if it never does again, or nobody can tell.
    pub closed: BTreeMap<String, Option<String>>,
    /// Waves whose window is open, and until when at least.
    open: BTreeMap<String, SystemTime>,
}

impl Windows {
    /// The windows that the waves `names` have.
    pub fn of<'a>(
        names: impl Iterator<Item = &'a str>,
        settings: &Settings,
        now: SystemTime,
    ) -> Self {
        let mut windows = Self::default();
        for name in names {
            if !windows.closed.contains_key(name) && !windows.open.contains_key(name) {
                windows.look(name, settings, now);
            }
        }
        windows
    }

    /// These are closed, and no other.
    #[cfg(test)]
    pub fn closed(closed: BTreeMap<String, Option<String>>) -> Self {
        let open = BTreeMap::new();
        Self { closed, open }
    }

    /// Looks again at those that were open until now. One that was closed stays so: what waits for it has been put off.
    pub fn look_again(&mut self, settings: &Settings, now: SystemTime) {
        let over = self.open.iter().filter(|(_, until)| **until <= now);
        let over: Vec<String> = over.map(|(name, _)| name.clone()).collect();
        for name in over {
            self.open.remove(&name);
            self.look(&name, settings, now);
        }
    }

    /// What cannot be told is closed.
    fn look(&mut self, name: &str, settings: &Settings, now: SystemTime) {
        let wave = settings.wave(name);
        let Some(window) = wave.window else { return };
        let closed = match window::state(&window, wave.length, now) {
            Ok(Window::Open { until }) => {
                self.open.insert(name.to_owned(), until);
                return;
            }
            Ok(Window::Closed { next }) => next,
            Err(cause) => {
                tracing::error!(wave = name, "the window of wave '{name}': {cause:#}");
                None
            }
        };
        let opens = closed.map(|next| humantime::format_rfc3339_seconds(next).to_string());
        self.closed.insert(name.to_owned(), opens);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::analyze::ANALYZE;
    use crate::prefix::Prefix;
    use crate::settings;

    #[test]
    fn a_window_that_was_open_is_looked_at_again_once_it_may_be_over() {
        // Where Debian's systemd is not installed nobody can tell.
        if !Path::new(ANALYZE).exists() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        let text = "[waves.night]\nwindow = \"02:00 UTC\"\nlength = \"1h\"\n";
        std::fs::write(directory.path().join("etc/lodger.toml"), text).unwrap();
        let settings = settings::read(&Prefix::under(directory.path().as_os_str())).unwrap();
        let at = |time: &str| humantime::parse_rfc3339_weak(time).unwrap();
        let closed = |windows: &Windows| format!("{:?}", windows.closed);

        let names = ["night", "default"].into_iter();
        let mut windows = Windows::of(names, &settings, at("2026-11-29 02:30:00"));
        assert_eq!(closed(&windows), "{}");
        windows.look_again(&settings, at("2026-11-29 02:59:59"));
        assert_eq!(closed(&windows), "{}");
        let over = r#"{"night": Some("2026-11-30T02:00:00Z")}"#;
        windows.look_again(&settings, at("2026-11-29 03:00:00"));
        assert_eq!(closed(&windows), over);
        windows.look_again(&settings, at("2026-11-30 02:30:00"));
        assert_eq!(closed(&windows), over, "what waits for it has been put off");
    }
}
