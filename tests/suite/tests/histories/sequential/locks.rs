//! The locks of a history: who has them, and who had.

use std::{collections::BTreeMap, time::Duration};

use registry_host::{Entry, Error, ErrorKind, Guard, Held, Registry};
use registry_suite::{SOON, unique, within};
use tokio::time::{Instant, sleep};

/// How long is waited for a lock that others hold.
const MOMENT: Duration = Duration::from_millis(15);

/// Between two looks at a queue.
const PAUSE: Duration = Duration::from_millis(2);

/// The locks of one history.
pub(crate) struct Locks {
    top: String,
    /// With the client that holds it.
    guards: BTreeMap<usize, (usize, Guard)>,
    /// All that were ever had, in their order.
    held: BTreeMap<usize, Vec<Held>>,
}

impl Locks {
    /// Locks that nobody has used.
    pub(crate) fn new() -> Self {
        Locks { top: unique("/locks"), guards: BTreeMap::new(), held: BTreeMap::new() }
    }

    /// The key above all of them.
    pub(crate) fn top(&self) -> &str {
        &self.top
    }

    /// A holder as data, of those that there were; an entry that never was for one that there was not.
    pub(crate) fn held(&self, lock: usize, number: Option<u64>) -> Held {
        let held = number.and_then(|number| self.held.get(&lock)?.get(usize::try_from(number).ok()?));
        held.cloned().unwrap_or_else(|| Held::new(format!("{}/1-0", self.key(lock)), 1.into()))
    }

    /// Asks for a lock; tells whether it was acquired.
    pub(crate) async fn ask(
        &mut self,
        client: usize,
        registry: &Registry,
        lock: usize,
        wait: bool,
    ) -> Result<bool, String> {
        let key = self.key(lock);
        // A free one is acquired within any limit, unless the machine is slow.
        let limit = if self.guards.contains_key(&lock) { MOMENT } else { SOON };
        let asked = if wait { registry.lock(&key).within(limit).await } else { registry.try_lock(&key).await };
        let guard = match asked {
            Ok(guard) => guard,
            Err(error) if error.kind() == ErrorKind::NotAcquired => return Ok(false),
            Err(error) => return Err(format!("{error:?}")),
        };
        let held = self.held.entry(lock).or_default();
        if held.last().is_some_and(|before| before.token >= guard.token()) {
            return Err(format!("{:?} comes after {:?}", guard.held(), held.last()));
        }
        held.push(guard.held().clone());
        match self.guards.insert(lock, (client, guard)) {
            None => Ok(true),
            Some(before) => Err(format!("the lock was acquired while {before:?} held it")),
        }
    }

    /// Has the holder leave a lock, and waits until that is done only with `release`.
    pub(crate) async fn leave(&mut self, lock: usize, release: bool) -> Result<(), Error> {
        match self.guards.remove(&lock) {
            Some((_, guard)) if release => guard.release().await,
            _ => Ok(()),
        }
    }

    /// Looks that a client's guards tell that it has closed.
    pub(crate) async fn end(&mut self, client: usize) {
        for (_, (_, guard)) in self.guards.extract_if(.., |_, (holder, _)| *holder == client) {
            let lost = within("a guard is lost once its registry is closed", SOON, guard.lost()).await;
            assert_eq!(lost.kind(), ErrorKind::Closed, "{lost:?}");
        }
    }

    /// Waits until all that stands in the queues is what the guards say.
    pub(crate) async fn settle(&self, registry: &Registry) -> Result<(), String> {
        self.settle_by(registry, Instant::now() + SOON).await
    }

    /// Looks that it is so at once.
    pub(crate) async fn look(&self, registry: &Registry) -> Result<(), String> {
        self.settle_by(registry, Instant::now()).await
    }

    async fn settle_by(&self, registry: &Registry, deadline: Instant) -> Result<(), String> {
        loop {
            let mut listed = registry.list(&self.top).await.map_err(|error| format!("{error:?}"))?;
            listed.retain(Entry::is_ephemeral);
            let mut there: Vec<_> =
                listed.into_iter().map(|entry| Held::new(entry.key, entry.created.into())).collect();
            let mut guards: Vec<_> = self.guards.values().map(|(_, guard)| guard.held().clone()).collect();
            there.sort_unstable_by(|one, other| one.entry.cmp(&other.entry));
            guards.sort_unstable_by(|one, other| one.entry.cmp(&other.entry));
            if there == guards {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(format!("expected {guards:?} in the queues, came {there:?}"));
            }
            sleep(PAUSE).await;
        }
    }

    fn key(&self, lock: usize) -> String {
        format!("{}/{lock}", self.top)
    }
}
