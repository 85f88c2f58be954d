//! Watches: who is told of which change (contract 5).

use std::{collections::HashMap, iter};

use registry_plugin::WatchSink;

use crate::{
    entries::{Change, Entries},
    namespace::Namespace,
};

/// A session's watch.
pub(crate) struct Watch {
    namespace: Namespace,
    sink: WatchSink,
}

impl Watch {
    pub(crate) fn new(namespace: Namespace, sink: WatchSink) -> Self {
        Watch { namespace, sink }
    }

    /// The place that is watched.
    pub(crate) fn place(&self) -> String {
        self.namespace.place(self.sink.key())
    }

    /// Tells all that the watch covers as it is now.
    pub(crate) fn begin(&self, entries: &Entries) {
        let covered = entries.within(&self.place(), self.sink.scope());
        self.sink
            .resync(covered.into_iter().filter_map(|(place, stored)| self.namespace.entry(place, stored)).collect());
    }

    fn tell(&self, place: &str, entries: &Entries) {
        let Some(key) = self.namespace.key(place) else { return };
        if self.sink.is_closed() || !self.sink.scope().covers(self.sink.key(), key) {
            return;
        }
        match entries.find(place) {
            Some(stored) => self.sink.put(stored.entry(key.as_str().to_owned())),
            None => self.sink.delete(key.as_str()),
        }
    }
}

/// Every watch of a tree, by the place that it watches.
#[derive(Default)]
pub(crate) struct Watches {
    by_place: HashMap<String, Vec<(u64, Watch)>>,
    last: u64,
}

impl Watches {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    /// Adds a watch and gives the number to remove it by.
    pub(crate) fn add(&mut self, watch: Watch) -> u64 {
        self.last += 1;
        self.by_place.entry(watch.place()).or_default().push((self.last, watch));
        self.last
    }

    pub(crate) fn remove(&mut self, place: &str, number: u64) {
        if let Some(watches) = self.by_place.get_mut(place) {
            watches.retain(|(other, _)| *other != number);
            if watches.is_empty() {
                self.by_place.remove(place);
            }
        }
    }

    /// Tells what has become of each place that was written.
    pub(crate) fn tell(&self, changes: &[Change], entries: &Entries) {
        for Change { place, .. } in changes {
            let itself_and_above =
                iter::successors(Some(place.as_str()), |at| at.rsplit_once('/').map(|(above, _)| above));
            for (_, watch) in itself_and_above.filter_map(|at| self.by_place.get(at)).flatten() {
                watch.tell(place, entries);
            }
        }
    }
}
