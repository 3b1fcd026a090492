//! A few values in; the same, sorted, out.
//!
//! The standard library's stable sort is 8 kB of code for each kind of value, and the generator sorts a dozen kinds that nearly
//! always are in order. Here only numbers are sorted, by one sort for all kinds.

use std::cmp::Ordering;

/// Sorts `values` by `compare`; those that are equal stay in their order.
pub fn sort_by<T>(values: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    if values.is_sorted_by(|a, b| compare(a, b).is_le()) {
        return;
    }
    let order = order_of(values.len(), &|a, b| compare(&values[a], &values[b]));
    let mut from: Vec<_> = std::mem::take(values).into_iter().map(Some).collect();
    values.extend(order.into_iter().filter_map(|index| from[index].take()));
}

/// The numbers below `length`, sorted.
fn order_of(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<_> = (0..length).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_same_as_the_standard_librarys(keys in proptest::collection::vec(0u8..8, 0..40)) {
            let mut ours: Vec<_> = keys.into_iter().enumerate().collect();
            let mut theirs = ours.clone();
            sort_by(&mut ours, |a, b| a.1.cmp(&b.1));
            theirs.sort_by_key(|value| value.1);
            prop_assert_eq!(ours, theirs);
        }
    }
}
