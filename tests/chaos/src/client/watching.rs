//! Watches, told of event by event and kept as a mirror of what they cover.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use registry_chaos::history::{Action, Answer, Event as HistoryEvent, Leaf, Scope as HistoryScope};
use registry_conformance::pace::is_within;
use registry_host::{Entry, Event, Key, Result, Scope, Watch};
use tokio::{task::AbortHandle, time::sleep};

use super::calls::{Calls, leaf};

/// How long the last event may take.
const QUIET: Duration = Duration::from_secs(20);

/// A watch and what it has told so far; dropping it ends the watch.
pub(crate) struct Watching {
    watch: u32,
    key: String,
    scope: Scope,
    mirror: Arc<Mirror>,
    following: AbortHandle,
}

type Mirror = Mutex<BTreeMap<String, Entry>>;

impl Watching {
    /// Begins to watch, again until it succeeds.
    pub(crate) fn begin(calls: &Arc<Calls>, watch: u32, key: &str, scope: Scope) -> Self {
        let mirror = Arc::new(Mirror::default());
        let follower = follow(Arc::clone(calls), watch, key.to_owned(), scope, Arc::clone(&mirror));
        let following = tokio::spawn(follower).abort_handle();
        Watching { watch, key: key.to_owned(), scope, mirror, following }
    }

    /// Waits until the watch has told of all that is read, once nobody writes any more; tells what it is then, equal or
    /// not.
    pub(crate) async fn settle(&self, calls: &Calls) {
        let began = Instant::now();
        loop {
            let listed = calls.registry.list(&self.key).await;
            let told = told(&self.mirror).values().cloned().collect::<Vec<_>>();
            if listed.is_ok_and(|listed| self.covered(listed) == told) || !is_within(QUIET, began).await {
                let tree = told.iter().map(leaf).collect();
                return calls.log.tell(HistoryEvent::Mirror { watch: self.watch, tree });
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn covered(&self, mut listed: Vec<Entry>) -> Vec<Entry> {
        let key = Key::from_checked(&self.key);
        listed.retain(|entry| self.scope.covers(key, entry.key()));
        listed
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn follow(calls: Arc<Calls>, watch: u32, key: String, scope: Scope, mirror: Arc<Mirror>) {
    let mut events = loop {
        match begin(&calls, watch, &key, scope).await {
            Ok(events) => break events,
            // Under a fault it may take more than one attempt.
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    };
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => take(&calls, watch, event, &mirror),
            Err(error) => return calls.log.wrong(format!("watch {watch} of {key} has ended (5.4): {error}")),
        }
    }
    // It is ended before the registry is closed.
    calls.log.wrong(format!("watch {watch} of {key} has ended (5.4)"));
}

async fn begin(calls: &Calls, watch: u32, key: &str, scope: Scope) -> Result<Watch> {
    let covered = match scope {
        Scope::Node => HistoryScope::Node,
        Scope::Children => HistoryScope::Children,
        Scope::Subtree => HistoryScope::Subtree,
    };
    let action = Action::Watch { watch, key: key.to_owned(), scope: covered };
    calls.log.call(action, calls.limit(), calls.registry.watch(key, scope), |_| Answer::Done).await
}

fn take(calls: &Calls, watch: u32, event: Event, mirror: &Mirror) {
    let log = &calls.log;
    match event {
        Event::Put { entry, new } => {
            log.tell(HistoryEvent::Told { watch, key: entry.key.clone(), version: Some(entry.version.get()), new });
            let before = told(mirror).insert(entry.key.clone(), entry.clone());
            if new == before.is_some() {
                log.wrong(format!("watch {watch} told of {entry:?} as new: {new} after {before:?} (5.2)"));
            }
        }
        Event::Delete { last } => {
            log.tell(HistoryEvent::Told { watch, key: last.key.clone(), version: None, new: false });
            let before = told(mirror).remove(&last.key);
            if before.as_ref() != Some(&last) {
                log.wrong(format!("watch {watch} told of {last:?} as the last after {before:?} (5.2)"));
            }
        }
        Event::Synced => log.tell(HistoryEvent::Synced { watch }),
        unknown => log.wrong(format!("watch {watch} told of {unknown:?}")),
    }
}

fn told(mirror: &Mirror) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
    mirror.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the tree as it is read, once it can be read.
pub(crate) async fn tell_tree(calls: &Calls, key: &str) {
    let began = Instant::now();
    loop {
        match calls.registry.list(key).await {
            Ok(listed) => {
                let tree: Vec<Leaf> = listed.iter().map(leaf).collect();
                return calls.log.tell(HistoryEvent::Tree { tree });
            }
            Err(error) if !is_within(QUIET, began).await => {
                return calls.log.failed_undisturbed("the tree can't be read", &error).await;
            }
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}
