//! Leadership: a lock with a value that observers read and watch (contract 6.8).

use std::collections::BTreeMap;

use registry_api::{Entry, ErrorKind, Event, FencingToken, Result, Scope};

use super::{Registry, Watch};

/// Who leads: the holder's entry in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leader {
    /// The leader's queue entry; its value is what the leader campaigned with.
    pub entry: Entry,
}

impl Leader {
    /// The fencing token of the leadership.
    pub fn token(&self) -> FencingToken {
        self.entry.created.into()
    }

    /// The value that the leader campaigned with.
    pub fn value(&self) -> &[u8] {
        &self.entry.value
    }
}

impl Registry {
    /// Reads who leads a key; `None` when nobody does.
    ///
    /// # Errors
    ///
    /// As [`list`](Registry::list).
    pub async fn leader(&self, key: &str) -> Result<Option<Leader>> {
        let queue = match self.list(key).await {
            Ok(queue) => queue,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(first(queue.iter().filter(|entry| queues(key, entry))).cloned().map(|entry| Leader { entry }))
    }

    /// Watches who leads a key.
    ///
    /// # Errors
    ///
    /// As [`watch`](Registry::watch).
    pub async fn observe(&self, key: &str) -> Result<Observer> {
        let watch = self.watch(key, Scope::Children).await?;
        Ok(Observer { key: key.to_owned(), watch, queue: BTreeMap::new(), synced: false, told: None })
    }
}

/// Tells who leads, first as it is and then whenever it changes; leaders that came and went between two looks may be
/// passed over.
#[must_use = "an observer tells nothing until it is asked"]
#[derive(Debug)]
pub struct Observer {
    key: String,
    watch: Watch,
    queue: BTreeMap<String, Entry>,
    synced: bool,
    /// The last token that was reported; `None` before the first, `Some(None)` for nobody.
    told: Option<Option<FencingToken>>,
}

impl Observer {
    /// The next leader, or `None` inside for nobody; `None` outside at the end of the watch.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Option<Leader>>> {
        loop {
            if self.synced {
                let leader = first(self.queue.values());
                let token = leader.map(|entry| entry.created.into());
                if self.told != Some(token) {
                    self.told = Some(token);
                    return Some(Ok(leader.cloned().map(|entry| Leader { entry })));
                }
            }
            match self.watch.next().await? {
                Ok(Event::Put { entry, .. }) => {
                    if queues(&self.key, &entry) {
                        self.queue.insert(entry.key.clone(), entry);
                    }
                }
                Ok(Event::Delete { last }) => {
                    self.queue.remove(&last.key);
                }
                Ok(_) => self.synced = true,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Whether an entry is one of the lock's queue: an ephemeral directly below its key.
fn queues(key: &str, entry: &Entry) -> bool {
    entry.is_ephemeral() && entry.key().parent().is_some_and(|parent| parent.as_str() == key)
}

fn first<'a>(queue: impl Iterator<Item = &'a Entry>) -> Option<&'a Entry> {
    queue.min_by_key(|entry| entry.created)
}
