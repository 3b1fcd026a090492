//! Keys and values in, in any order; the same out, sorted by key.

use std::borrow::Borrow;
use std::slice::Iter;

use crate::sorted::sort_by;

/// What a `BTreeMap` is for many entries, for the few that a container has: no larger than they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered<K, V>(Vec<(K, V)>);

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Ordered<K, V> {
    /// These entries. Of those with the same key the last one counts.
    pub fn new(mut entries: Vec<(K, V)>) -> Self {
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            // Stable: the last one comes first.
            entries.reverse();
            sort_by(&mut entries, |(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|(a, _), (b, _)| a == b);
        }
        entries.shrink_to_fit();
        Self(entries)
    }

    /// These entries, which are sorted by key, each key once.
    pub fn of_sorted(mut entries: Vec<(K, V)>) -> Self {
        entries.shrink_to_fit();
        Self(entries)
    }

    /// The value of `key`.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: PartialEq + ?Sized,
    {
        let found = self.0.iter().find(|(known, _)| known.borrow() == key);
        found.map(|(_, value)| value)
    }
}

impl<K, V> Ordered<K, V> {
    /// The entries, by key.
    pub fn iter(&self) -> Entries<'_, K, V> {
        self.into_iter()
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values, by key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The entries, by key.
pub type Entries<'a, K, V> = std::iter::Map<Iter<'a, (K, V)>, fn(&(K, V)) -> (&K, &V)>;

impl<'a, K, V> IntoIterator for &'a Ordered<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Entries<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_and_the_last_of_a_key_counts() {
        let ordered = Ordered::new(
            [("b", 1), ("c", 2), ("a", 3), ("b", 4), ("b", 5)]
                .map(|(key, value)| (key.to_owned(), value))
                .to_vec(),
        );
        let entries: Vec<_> = ordered
            .iter()
            .map(|(key, value)| (key.as_str(), *value))
            .collect();
        assert_eq!(entries, [("a", 3), ("b", 5), ("c", 2)]);
        assert_eq!((ordered.get("b"), ordered.get("d")), (Some(&5), None));
        assert!(Ordered::<&str, i32>::default().is_empty());
    }
}
