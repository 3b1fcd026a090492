//! A table whose keys are names in; what `read_entry` makes of each name's own table, by name, out.

use super::Ordered;
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Place, Reader, Table};
use crate::sorted::sort_by;

/// The table `name`, called `title` in messages, whose keys are names, each with a table of its own. Of several files that have the same key the strongest says all
/// about it.
pub fn read_named<'d, K: Ord, T>(
    reader: &mut Reader<'_>,
    table: &mut Table<'d>,
    (name, title): (&'static str, &'static str),
    read_name: impl Fn(&str) -> Result<K, Fault>,
    mut read_entry: impl FnMut(&mut Reader<'_>, Table<'d>, &Place) -> Option<T>,
) -> Ordered<K, T> {
    let Some(mut table) = reader.table(table, name, title) else {
        return Ordered::default();
    };
    let mut found = Vec::with_capacity(table.len());
    for entry in table.entries() {
        let Some(last) = entry.values.last() else {
            continue;
        };
        let last = last.place();
        let key = reader.name(entry.key, &last).and_then(|written| {
            let key = read_name(&written);
            key.map_err(|fault| reader.fault(last.clone(), fault)).ok()
        });
        let mut read = None;
        for written in entry.values {
            let table = reader.entry(&written.value(), name, entry.key);
            read = table.and_then(|table| read_entry(reader, table, &written.place()));
        }
        if let (Some(key), Some(read)) = (key, read) {
            found.push((key, entry.key, last, read));
        }
    }
    // To compare paths takes long, and mostly they come in order.
    if !found.is_sorted_by(|(a, ..), (b, ..)| a < b) {
        sort_by(&mut found, |(a, ..), (b, ..)| a.cmp(b));
        // `/a` and `/a/`, or `%i` and the instance it stands for.
        for pair in found.windows(2) {
            if let [(one, other, ..), (same, written, place, _)] = pair
                && one == same
            {
                reader.fault(place.clone(), twice(written, other));
            }
        }
        found.dedup_by(|(a, ..), (b, ..)| a == b);
    }
    let mut entries = Vec::with_capacity(found.len());
    entries.extend(found.into_iter().map(|(key, _, _, read)| (key, read)));
    Ordered::of_sorted(entries)
}

/// Two keys that mean the same, `one` here and `other` elsewhere.
fn twice(one: &str, other: &str) -> Fault {
    let message = format!("{} and {} are the same", quote(one), quote(other));
    Fault::new(rule::CONFLICT, message)
}
