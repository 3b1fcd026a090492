//! `/etc/lodger.toml` in; the host's settings, or everything that is wrong with the file, out.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::container::Ordered;
use crate::container::search::{Content, read_content};
use crate::container::update::DEFAULT_WAVE;
use crate::diagnostic::{Diagnostic, Fault};
use crate::document::{Layer, Percent, Reader, Source, Table, Word, text_of};
use crate::place;
use crate::prefix::Prefix;

pub mod keys;
mod waves;

pub use waves::{FIRST_WAVE, Wave, WaveOrder};

/// The most that is restarted at the same time where nobody said otherwise. PID 1 does one thing after the other, and each
/// container is down for as long as its restart waits for it.
const MOST_BY_DEFAULT: usize = 32;

/// What the host's administrator decided for all containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `[bases] directory`: where the pinned bases lie; `/var/lib/lodger/bases` by default.
    pub bases: PathBuf,
    /// `[bases] keep`: how many of the newest are kept; 3 by default.
    pub keep: NonZeroUsize,
    /// `[refresh] parallel`: containers restarted at the same time; eight for each CPU by default, at most 32.
    pub parallel: NonZeroUsize,
    /// `[refresh] width`: most containers in one wave; see [`Settings::width_of`].
    pub width: Option<NonZeroUsize>,
    /// `[refresh] waves`, in their order and with the two that every host has; see [`Settings::wave_order`].
    pub wave_names: Vec<String>,
    /// `[refresh] on-failure`: what becomes of the waves after one that failed.
    pub on_failure: OnFailure,
    /// `[refresh] security-ignores-windows`: whether security updates wait for no window.
    pub security_ignores_windows: bool,
    /// `[waves.NAME]`; see [`Settings::wave`].
    pub waves: Ordered<String, Wave>,
}

/// What becomes of the waves after one in which a container did not become ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They are not begun.
    Stop,
    /// They are begun all the same.
    Continue,
}

impl Word for OnFailure {
    const WORDS: &'static [(&'static str, Self)] =
        &[("stop", Self::Stop), ("continue", Self::Continue)];
}

impl Default for Settings {
    fn default() -> Self {
        // Under load systemd tells late that a restart has ended: with few at a time the CPUs idle meanwhile. Measured on two
        // CPUs, 300 of 1,000: 16 at a time take 0.85 of what 4 take. Where the number of CPUs cannot be known, one is the safe
        // guess.
        let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let parallel = NonZeroUsize::MIN.saturating_add((8 * cpus).min(MOST_BY_DEFAULT) - 1);
        Self {
            bases: PathBuf::from(place::BASES),
            keep: NonZeroUsize::MIN.saturating_add(2),
            parallel,
            width: None,
            wave_names: [FIRST_WAVE, DEFAULT_WAVE].map(str::to_owned).to_vec(),
            on_failure: OnFailure::Stop,
            security_ignores_windows: false,
            waves: Ordered::default(),
        }
    }
}

/// What is wrong with a calendar expression, which only systemd can tell.
pub type Calendar<'a> = &'a dyn Fn(&str) -> Result<(), Fault>;

/// The settings of this text, or every mistake in it, but for what `calendar` could tell of windows.
///
/// # Errors
/// Its mistakes.
pub fn parse(text: &str) -> Result<Settings, Vec<Diagnostic>> {
    parse_with(text, &|_| Ok(()))
}

/// The settings of this text, or every mistake in it.
///
/// # Errors
/// Its mistakes.
pub fn parse_with(text: &str, calendar: Calendar<'_>) -> Result<Settings, Vec<Diagnostic>> {
    let sources = [Source::new(Path::new(place::SETTINGS), text)];
    let table = sources[0].parse()?;
    let layer = Layer {
        document: 0,
        table: &table,
    };
    let mut reader = Reader::new(&sources, 0, Percent::Literal);
    let mut table = Table::of_layers(&[layer]);
    let mut settings = Settings::default();
    settings.read_bases(&mut reader, &mut table);
    settings.read_refresh(&mut reader, &mut table);
    settings.waves = waves::read(&mut reader, &mut table, calendar);
    reader.refuse_rest(table);
    let diagnostics = reader.into_diagnostics();
    if diagnostics.is_empty() {
        Ok(settings)
    } else {
        Err(diagnostics)
    }
}

impl Settings {
    fn read_bases(&mut self, reader: &mut Reader<'_>, table: &mut Table<'_>) {
        let Some(mut bases) = reader.table(table, "bases", "[bases]") else {
            return;
        };
        if let Some(directory) = reader.value(&mut bases, &keys::DIRECTORY) {
            self.bases = directory;
        }
        if let Some(number) = reader.value(&mut bases, &keys::KEEP) {
            self.keep = number;
        }
        reader.refuse_rest(bases);
    }

    fn read_refresh(&mut self, reader: &mut Reader<'_>, table: &mut Table<'_>) {
        let Some(mut refresh) = reader.table(table, "refresh", "[refresh]") else {
            return;
        };
        if let Some(number) = reader.value(&mut refresh, &keys::PARALLEL) {
            self.parallel = number;
        }
        self.width = reader.value(&mut refresh, &keys::WIDTH);
        if let Some(names) = waves::read_order(reader, &mut refresh) {
            self.wave_names = names;
        }
        if let Some(on_failure) = reader.value(&mut refresh, &keys::ON_FAILURE) {
            self.on_failure = on_failure;
        }
        if let Some(ignores) = reader.value(&mut refresh, &keys::SECURITY_IGNORES_WINDOWS) {
            self.security_ignores_windows = ignores;
        }
        reader.refuse_rest(refresh);
    }
}

/// The settings under `prefix`. Without the file they are the defaults.
///
/// # Errors
/// As [`parse`].
pub fn read(prefix: &Prefix) -> Result<Settings, Vec<Diagnostic>> {
    read_with(prefix, &|_| Ok(()))
}

/// The same, with `calendar` to tell what is wrong with windows.
///
/// # Errors
/// As [`parse_with`].
pub fn read_with(prefix: &Prefix, calendar: Calendar<'_>) -> Result<Settings, Vec<Diagnostic>> {
    let path = Path::new(place::SETTINGS);
    let file = prefix.at(path);
    if !file.is_symlink() && file.try_exists().is_ok_and(|exists| !exists) {
        return Ok(Settings::default());
    }
    match read_content(&file) {
        Ok(Content::Mask) => Ok(Settings::default()),
        Ok(Content::Bytes(bytes)) => {
            text_of(path, &bytes).and_then(|text| parse_with(text, calendar))
        }
        Err(fault) => Err(vec![Diagnostic::of_file(path, fault)]),
    }
}

#[cfg(test)]
mod tests;
