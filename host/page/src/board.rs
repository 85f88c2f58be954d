//! What is known of the registry, as far as the page shows it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use registry_discovery::Listed;
use registry_host::{Entry, Event, Revision, SessionState, Version, plugin::Metadata};
use registry_tasks::{
    record::Record,
    store::{Records, read},
};
use tokio::sync::watch;

use crate::operations::{Operation, Watches};

/// How many events are remembered.
const EVENTS: usize = 500;

/// How many measurements of a server are remembered: five minutes of one every five seconds.
const MEASUREMENTS: usize = 60;

/// How much of a value is kept, in bytes.
const LONGEST_VALUE: usize = 256;

/// What is known at the moment.
#[derive(Default)]
pub(crate) struct Board {
    known: Mutex<Known>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
pub(crate) struct Known {
    /// How many entries there are.
    pub(crate) entries: usize,
    /// The ephemeral entries, by key.
    pub(crate) owned: BTreeMap<String, Owned>,
    pub(crate) tasks: Records,
    /// The last events, the newest first.
    pub(crate) events: VecDeque<Happened>,
    /// The session of this process, and since when, in ms since 1970.
    pub(crate) session: Option<(SessionState, i64)>,
    /// The server in use, and how long it took to answer, in ms.
    pub(crate) server: Option<(String, f64)>,
    /// Why the registry can't be watched at the moment.
    pub(crate) broken: Option<String>,
    /// What this process asks of the registry, and what its watches have told.
    pub(crate) operations: Vec<Operation>,
    pub(crate) watches: Watches,
    /// How long after a read has shown a change the page's watch has told of it, in ms, at the last look.
    pub(crate) lag: Option<f64>,
    /// What is registered of services, by key; `None` on a page without them.
    pub(crate) services: Option<BTreeMap<String, Listed>>,
    /// What servers reported of their machines, by role and address.
    pub(crate) measured: HashMap<String, VecDeque<Measured>>,
}

/// An ephemeral entry.
pub(crate) struct Owned {
    pub(crate) session: String,
    pub(crate) version: Version,
    pub(crate) created: Revision,
    /// The lock in whose queue it stands.
    pub(crate) lock: Option<String>,
    pub(crate) value: String,
}

/// Something that happened.
pub(crate) struct Happened {
    /// When this process heard of it, in ms since 1970.
    pub(crate) at: i64,
    pub(crate) what: &'static str,
    pub(crate) key: String,
    pub(crate) more: String,
}

/// What a server reported of its machine.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) cpu: f64,
    pub(crate) memory: f64,
    pub(crate) load: f64,
}

impl Board {
    /// What is known. Nothing may be waited for meanwhile.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known, and tells so.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known());
        self.changed.send_replace(());
    }

    /// Tells of changes to come.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

impl Known {
    /// Takes in what a watch on everything tells; `tells` is whether it is news, or was there before.
    pub(crate) fn take(&mut self, event: &Event, plugin: &Metadata, tells: bool, at: i64) {
        match event {
            Event::Put { entry, new } => {
                self.entries += usize::from(*new);
                self.put(entry, plugin);
                if tells {
                    let what = if *new { "created" } else { "changed" };
                    self.tell(what, &entry.key, format!("version {}", entry.version), at);
                }
            }
            Event::Delete { last } => {
                self.entries = self.entries.saturating_sub(1);
                self.owned.remove(&last.key);
                if read(last).is_some() {
                    self.tasks.remove(last.key().name());
                }
                self.tell("deleted", &last.key, String::new(), at);
            }
            _ => {}
        }
    }

    fn put(&mut self, entry: &Entry, plugin: &Metadata) {
        if let Some(record) = read(entry) {
            self.tasks.insert(entry.key().name().to_owned(), record);
            return;
        }
        let Some(session) = entry.ephemeral else {
            self.owned.remove(&entry.key);
            return;
        };
        let lock = plugin.is_queue_entry(entry).then(|| entry.key().parent().map(|lock| lock.as_str().to_owned()));
        let owned = Owned {
            session: session.to_string(),
            version: entry.version,
            created: entry.created,
            lock: lock.flatten(),
            value: text(&entry.value, LONGEST_VALUE),
        };
        self.owned.insert(entry.key.clone(), owned);
    }

    /// Adds an event, and forgets the oldest.
    pub(crate) fn tell(&mut self, what: &'static str, key: &str, more: String, at: i64) {
        self.events.push_front(Happened { at, what, key: key.to_owned(), more });
        self.events.truncate(EVENTS);
    }

    /// Adds a measurement of a server.
    pub(crate) fn measure(&mut self, server: String, measured: Measured) {
        let all = self.measured.entry(server).or_default();
        if all.len() == MEASUREMENTS {
            all.pop_front();
        }
        all.push_back(measured);
    }

    /// Forgets all entries: a new watch is about to tell what is there.
    pub(crate) fn forget_entries(&mut self) {
        self.entries = 0;
        self.owned.clear();
        self.tasks.clear();
    }

    /// The queue of each lock, its holder first.
    pub(crate) fn locks(&self) -> BTreeMap<&str, Vec<&Owned>> {
        let mut locks: BTreeMap<&str, Vec<&Owned>> = BTreeMap::new();
        for owned in self.owned.values() {
            if let Some(lock) = &owned.lock {
                locks.entry(lock).or_default().push(owned);
            }
        }
        locks.values_mut().for_each(|queue| queue.sort_by_key(|owned| owned.created));
        locks
    }

    /// The keys that each session owns.
    pub(crate) fn sessions(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut sessions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, owned) in &self.owned {
            sessions.entry(&owned.session).or_default().push(key);
        }
        sessions
    }

    /// The entry of a session that was changed last, as a beat is.
    pub(crate) fn changed_last(&self) -> Option<(String, Version)> {
        let last = self.owned.iter().max_by_key(|(_, owned)| owned.version)?;
        Some((last.0.clone(), last.1.version))
    }

    /// The records that can be read.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.tasks.values().filter_map(|stored| Some(&stored.as_ref().ok()?.record))
    }
}

/// A value as text of at most so many bytes, whatever is in it.
pub(crate) fn text(value: &[u8], most: usize) -> String {
    let shown = String::from_utf8_lossy(&value[..value.len().min(most)]).into_owned();
    if value.len() > most { format!("{shown}… ({} bytes)", value.len()) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_are_forgotten() {
        let mut known = Known::default();
        for number in 0..EVENTS as i64 + 3 {
            known.tell("created", "/a", String::new(), number);
        }
        assert_eq!((known.events.len(), known.events.front().map(|event| event.at)), (EVENTS, Some(502)));
    }

    #[test]
    fn a_value_is_text_of_bounded_length() {
        assert_eq!(text(b"a\xff", 9), "a\u{fffd}");
        assert_eq!(text(&[b'x'; 1 << 20], 3), "xxx… (1048576 bytes)");
    }
}
