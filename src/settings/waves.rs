//! `[waves.NAME]` and `refresh.waves` as written in; the waves with what is their own, and their order, out.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::keys;
use super::{Calendar, Settings};
use crate::container::Ordered;
use crate::container::named::read_named;
use crate::container::update::{DEFAULT_WAVE, wave_name};
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Reader, Table};

/// The wave that comes first unless the settings say otherwise.
pub const FIRST_WAVE: &str = "canary";
/// How long a window is open that does not say so.
const LENGTH: Duration = Duration::from_secs(60 * 60);

/// What is a wave's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// When it may begin, a calendar expression of systemd.time(7) for [`crate::window::state`]; at any time without one.
    pub window: Option<String>,
    /// How long the window stays open; 1 h by default.
    pub length: Duration,
    /// Most containers that are restarted together, in place of `[refresh] width`.
    pub width: Option<NonZeroUsize>,
}

impl Default for Wave {
    fn default() -> Self {
        Self {
            window: None,
            length: LENGTH,
            width: None,
        }
    }
}

/// Where a wave stands among the others: the least comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaveOrder(usize, bool, String);

impl Settings {
    /// What is the own of the wave called `name`; nothing, if the settings do not name it.
    pub fn wave(&self, name: &str) -> Wave {
        self.waves.get(name).cloned().unwrap_or_default()
    }

    /// The most containers of the wave `name` that are restarted together; `None` if there is no limit.
    pub fn width_of(&self, name: &str) -> Option<NonZeroUsize> {
        self.waves
            .get(name)
            .and_then(|wave| wave.width)
            .or(self.width)
    }

    /// Where the wave `name` stands: in the order of `[refresh] waves`, and just before the default one if it is not in there.
    pub fn wave_order(&self, name: &str) -> WaveOrder {
        let at = |wave: &str| self.wave_names.iter().position(|known| known == wave);
        let default = at(DEFAULT_WAVE).unwrap_or(self.wave_names.len());
        match at(name) {
            Some(at) => WaveOrder(at, true, String::new()),
            None => WaveOrder(default, name == DEFAULT_WAVE, name.to_owned()),
        }
    }
}

/// `refresh.waves`, if it is there, with the two that every host has.
pub fn read_order(reader: &mut Reader<'_>, refresh: &mut Table<'_>) -> Option<Vec<String>> {
    let listed = reader.list(refresh, &keys::WAVES)?;
    let mut names: Vec<String> = Vec::with_capacity(listed.len() + 2);
    for (name, place) in listed {
        if names.contains(&name) {
            let message = format!("the wave {} is named twice", quote(&name));
            reader.fault(place, Fault::new(rule::CONFLICT, message));
        } else {
            names.push(name);
        }
    }
    if !names.iter().any(|name| name == FIRST_WAVE) {
        names.insert(0, FIRST_WAVE.to_owned());
    }
    if !names.iter().any(|name| name == DEFAULT_WAVE) {
        names.push(DEFAULT_WAVE.to_owned());
    }
    Some(names)
}

/// `[waves]`; what is wrong with it is noted.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    calendar: Calendar<'_>,
) -> Ordered<String, Wave> {
    read_named(
        reader,
        table,
        ("waves", "[waves]"),
        |written| wave_name(written).map(|()| written.to_owned()),
        |reader, table, _| Some(read_wave(reader, table, calendar)),
    )
}

fn read_wave(reader: &mut Reader<'_>, mut table: Table<'_>, calendar: Calendar<'_>) -> Wave {
    let has_window = table.place_of(keys::WAVE_WINDOW.about.name).is_some();
    let length_place = table.place_of(keys::WAVE_LENGTH.about.name);
    let window = reader.value_with(&mut table, &keys::WAVE_WINDOW.about, |scalar| {
        let expression = (keys::WAVE_WINDOW.read)(scalar)?;
        calendar(&expression).map(|()| expression)
    });
    let length = reader.value(&mut table, &keys::WAVE_LENGTH);
    let width = reader.value(&mut table, &keys::WAVE_WIDTH);
    if let (false, Some(place)) = (has_window, length_place) {
        let message = "there is no window whose length this could be";
        reader.fault(
            place,
            Fault::new(rule::CONFLICT, message).help("add window"),
        );
    }
    reader.refuse_rest(table);
    Wave {
        window,
        length: length.unwrap_or(LENGTH),
        width,
    }
}
