//! The pending changes of one watch, at most one per key, and the state that was delivered.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    sync::Arc,
};

use bytes::Bytes;
use registry_api::{Entry, Event, Key, Revision, Scope, SessionId, Version};

/// Up to this size memory is not given back and holes are not closed, as it would save nothing; tests have few keys.
const SMALL: usize = if cfg!(test) { 1 } else { 64 };

/// The states of the keys that a watch covers: the known ones and the delivered ones.
#[derive(Default)]
pub(super) struct Buffer {
    slots: HashMap<Arc<str>, Slot>,
    /// The keys with a pending change, in the order of delivery; each stands here once at most.
    queue: VecDeque<Arc<str>>,
    /// How many keys in the queue have nothing pending any more.
    holes: usize,
    /// How many keys of the queue precede the pending `Synced`; `None` if none is pending.
    synced: Option<usize>,
    /// The number of the latest resync.
    round: u64,
}

struct Slot {
    key: Arc<str>,
    told: Option<Delivered>,
    pending: Option<Change>,
    /// Whether the key is in the queue; if nothing is pending, as a hole.
    queued: bool,
    /// The version of the latest state heard of; puts up to it are repetitions.
    known: Option<Version>,
    /// The resync that this key was last part of.
    round: u64,
}

/// An entry as it was delivered; its key is the slot's.
struct Delivered {
    value: Bytes,
    version: Version,
    created: Revision,
    ephemeral: Option<SessionId>,
}

enum Change {
    Put(Entry),
    Delete,
}

impl Buffer {
    /// Takes in an entry, unless its version shows that it is no news.
    pub(super) fn put(&mut self, entry: Entry) {
        let round = self.round;
        let slot = match self.slots.get_mut(entry.key.as_str()) {
            Some(slot) if Some(entry.version) <= slot.known => {
                // It is there all the same, should a resync be under way.
                slot.round = round;
                return;
            }
            Some(slot) => slot,
            None => Slot::insert(&mut self.slots, &entry.key),
        };
        slot.round = round;
        slot.there(entry, &mut self.queue, &mut self.holes);
    }

    /// Takes in that a key's entry is gone.
    pub(super) fn delete(&mut self, key: &str) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.gone(&mut self.queue, &mut self.holes);
            self.close_holes();
        }
    }

    /// Takes in that neither a key's entry nor those below it can be seen any more.
    pub(super) fn hide(&mut self, top: Key<'_>) {
        let hidden = |slot: &&mut Slot| Scope::Subtree.covers(top, Key::from_checked(&slot.key));
        for slot in self.slots.values_mut().filter(hidden) {
            // It may be seen again as it was.
            slot.known = None;
            slot.gone(&mut self.queue, &mut self.holes);
        }
        self.close_holes();
    }

    /// Begins a resync and gives its number.
    pub(super) fn begin_resync(&mut self) -> u64 {
        self.round += 1;
        self.round
    }

    /// Takes in an entry of a resync, which is the truth even where its version went back.
    pub(super) fn resync(&mut self, entry: Entry) {
        let slot = match self.slots.get_mut(entry.key.as_str()) {
            Some(slot) => slot,
            None => Slot::insert(&mut self.slots, &entry.key),
        };
        slot.round = self.round;
        slot.there(entry, &mut self.queue, &mut self.holes);
    }

    /// Ends the resync of that number, unless another has begun since: what was not part of it is gone, and `Synced`
    /// follows what is pending now.
    pub(super) fn finish_resync(&mut self, round: u64) -> bool {
        if round != self.round {
            return false;
        }
        for slot in self.slots.values_mut().filter(|slot| slot.round != round) {
            // The server's data may have begun another life, in which versions are small again.
            slot.known = None;
            slot.gone(&mut self.queue, &mut self.holes);
        }
        self.synced = Some(self.queue.len());
        self.close_holes();
        true
    }

    /// Whether there is something to tell.
    pub(super) fn has_news(&self) -> bool {
        self.queue.len() > self.holes || self.synced.is_some()
    }

    /// Adds up to `max` events to `batch`.
    pub(super) fn drain(&mut self, max: usize, batch: &mut Vec<Event>) {
        while batch.len() < max
            && let Some(event) = self.next()
        {
            batch.push(event);
        }
        self.give_back();
    }

    /// At most how many events are pending, for sizing a batch.
    pub(super) fn pending(&self) -> usize {
        self.queue.len() - self.holes + usize::from(self.synced.is_some())
    }

    fn next(&mut self) -> Option<Event> {
        loop {
            if self.synced == Some(0) {
                self.synced = None;
                return Some(Event::Synced);
            }
            let key = self.queue.pop_front()?;
            self.synced = self.synced.map(|before| before - 1);
            let hash_map::Entry::Occupied(mut found) = self.slots.entry(key) else { continue };
            let slot = found.get_mut();
            slot.queued = false;
            match slot.pending.take() {
                Some(Change::Put(entry)) => {
                    let new = slot.told.replace(Delivered::of(&entry)).is_none();
                    return Some(Event::Put { entry, new });
                }
                Some(Change::Delete) => {
                    let slot = found.remove();
                    if let Some(told) = slot.told {
                        return Some(Event::Delete { last: told.entry(&slot.key) });
                    }
                }
                None => {
                    self.holes -= 1;
                    if slot.told.is_none() {
                        found.remove();
                    }
                }
            }
        }
    }

    /// Takes keys with nothing pending out of the queue once they are the most of it, so that keys that come and go
    /// unseen don't pile up.
    fn close_holes(&mut self) {
        if self.holes <= SMALL || self.holes <= self.queue.len() / 2 {
            return;
        }
        let (mut at, mut holes_before_synced) = (0, 0);
        let synced = self.synced.unwrap_or(0);
        let slots = &mut self.slots;
        self.queue.retain(|key| {
            let before_synced = at < synced;
            at += 1;
            let Some(slot) = slots.get_mut(key) else { return false };
            if slot.pending.is_some() {
                return true;
            }
            slot.queued = false;
            if slot.told.is_none() {
                slots.remove(key);
            }
            holes_before_synced += usize::from(before_synced);
            false
        });
        self.holes = 0;
        self.synced = self.synced.map(|before| before - holes_before_synced);
        self.give_back();
    }

    /// Gives memory back once three quarters of it are unused.
    fn give_back(&mut self) {
        if self.queue.capacity() > SMALL && self.queue.len() < self.queue.capacity() / 4 {
            self.queue.shrink_to(self.queue.len() * 2);
        }
        if self.slots.capacity() > SMALL && self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to(self.slots.len() * 2);
        }
    }
}

impl Slot {
    fn insert<'a>(slots: &'a mut HashMap<Arc<str>, Slot>, key: &str) -> &'a mut Slot {
        let key: Arc<str> = key.into();
        slots.entry(key.clone()).or_insert(Slot {
            key,
            told: None,
            pending: None,
            queued: false,
            known: None,
            round: 0,
        })
    }

    fn pend(&mut self, change: Change, queue: &mut VecDeque<Arc<str>>, holes: &mut usize) {
        if !self.queued {
            self.queued = true;
            queue.push_back(self.key.clone());
        } else if self.pending.is_none() {
            *holes -= 1;
        }
        self.pending = Some(change);
    }

    fn pend_nothing(&mut self, holes: &mut usize) {
        if self.pending.take().is_some() {
            *holes += 1;
        }
    }

    /// What was delivered already is not delivered again.
    fn there(&mut self, entry: Entry, queue: &mut VecDeque<Arc<str>>, holes: &mut usize) {
        self.known = Some(entry.version);
        if self.told.as_ref().is_some_and(|told| told.is(&entry)) {
            self.pend_nothing(holes);
        } else {
            self.pend(Change::Put(entry), queue, holes);
        }
    }

    /// A key that was never delivered needs no event of its end.
    fn gone(&mut self, queue: &mut VecDeque<Arc<str>>, holes: &mut usize) {
        if self.told.is_some() {
            self.pend(Change::Delete, queue, holes);
        } else {
            self.pend_nothing(holes);
        }
    }
}

impl Delivered {
    fn of(entry: &Entry) -> Self {
        let Entry { value, version, created, ephemeral, .. } = entry;
        Delivered { value: value.clone(), version: *version, created: *created, ephemeral: *ephemeral }
    }

    fn is(&self, entry: &Entry) -> bool {
        self.version == entry.version
            && self.created == entry.created
            && self.ephemeral == entry.ephemeral
            && self.value == entry.value
    }

    fn entry(self, key: &str) -> Entry {
        Entry::new(key, self.value, self.version, self.created, self.ephemeral)
    }
}

#[cfg(test)]
impl Buffer {
    /// How many keys are remembered, and how many stand in the queue.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.slots.len(), self.queue.len())
    }

    /// For how many keys there is room.
    pub(super) fn room(&self) -> (usize, usize) {
        (self.slots.capacity(), self.queue.capacity())
    }
}
