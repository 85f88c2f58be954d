//! Spans that should follow one another and don't.

use std::{collections::HashMap, hash::Hash, ptr};

use crate::history::Nanos;

/// The pairs of one group of which the second begins while the first lasts: each is compared with the one before it that lasts longest.
/// They are in the order in which they begin; what lasts no time overlaps with nothing.
pub(super) fn overlaps<'a, T, K: Hash + Eq>(
    all: &'a [T],
    group: impl Fn(&'a T) -> K,
    span: impl Fn(&T) -> (Nanos, Nanos),
) -> Vec<(&'a T, &'a T)> {
    let mut pairs = Vec::new();
    let mut longest: HashMap<K, &T> = HashMap::new();
    for one in all {
        let (from, until) = span(one);
        if from >= until {
            continue;
        }
        let before = longest.entry(group(one)).or_insert(one);
        let (_, ends) = span(before);
        if !ptr::eq(*before, one) && ends > from {
            pairs.push((*before, one));
        }
        if ends < until {
            *before = one;
        }
    }
    pairs
}
