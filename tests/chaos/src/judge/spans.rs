//! Spans in which a process has what one may have at a time, and those that should follow one another and don't.

use std::{collections::HashMap, hash::Hash, ptr};

use super::facts::{Facts, SECOND};
use crate::history::{Nanos, Record, Who};

/// What a process has, from the line that tells it to the first one that says that it hasn't any more.
#[derive(Clone, Copy)]
pub(crate) struct Span<'h> {
    pub(crate) from: &'h Record,
    /// When it ended, or its process could not know any more.
    pub(crate) until: Nanos,
    /// The line that says that it has ended.
    pub(super) end: Option<&'h Record>,
}

impl<'h> Span<'h> {
    /// From that line to the first of those that may end it, or the process's death; the process may have stood still
    /// since a moment before, and not have learned yet that it had ended.
    pub(super) fn new(
        facts: &Facts<'h>,
        since: Nanos,
        from: &'h Record,
        ends: impl IntoIterator<Item = &'h Record>,
    ) -> Self {
        let killed = facts.lives.get(&from.who).and_then(|life| life.killed);
        let end = ends.into_iter().chain(killed).min_by_key(|record| record.at);
        // A process that stands still can't learn of its loss (6.4).
        let stopped = facts.pauses(from.who).iter().find(|pause| pause.until > from.at);
        let until = end.map_or(Nanos::MAX, |end| end.at).min(stopped.map_or(Nanos::MAX, |pause| pause.from));
        // One that stood still right before may tell first that it has it, and then that it is lost.
        let hollow = facts.stood_still(from.who, since, from.at) && until.saturating_sub(from.at) < SECOND;
        Span { from, until: if hollow { from.at } else { until.max(from.at) }, end }
    }

    pub(crate) fn who(&self) -> Who {
        self.from.who
    }

    /// The lines that show it.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'h Record> + use<'h> {
        [Some(self.from), self.end].into_iter().flatten()
    }
}

/// The pairs of one group of which the second begins while the first lasts: each is compared with the one before it
/// that lasts longest. They are in the order in which they begin; what lasts no time overlaps with nothing.
pub(super) fn overlaps<'a, 'h: 'a, T, K: Hash + Eq>(
    all: &'a [T],
    group: impl Fn(&'a T) -> K,
    span: impl Fn(&'a T) -> &'a Span<'h>,
) -> Vec<(&'a T, &'a T)> {
    let mut pairs = Vec::new();
    let mut longest: HashMap<K, &T> = HashMap::new();
    for one in all {
        let Span { from, until, .. } = *span(one);
        if from.at >= until {
            continue;
        }
        let before = longest.entry(group(one)).or_insert(one);
        let ends = span(before).until;
        if !ptr::eq(*before, one) && ends > from.at {
            pairs.push((*before, one));
        }
        if ends < until {
            *before = one;
        }
    }
    pairs
}
