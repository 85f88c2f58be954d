//! A watch's consumer that keeps what it was told.

use std::collections::BTreeMap;

use registry_host::{Entry, Event, Registry, Scope, Watch};

use crate::waiting::{SOON, within};

/// What a watch has told so far.
pub struct Mirror {
    watch: Watch,
    /// The entries by their keys.
    pub state: BTreeMap<String, Entry>,
    /// How often `Synced` came.
    pub synced: usize,
}

impl Mirror {
    /// Watches a subtree, up to the first `Synced`.
    ///
    /// # Panics
    ///
    /// If that does not come.
    pub async fn of(registry: &Registry, key: &str) -> Self {
        Mirror::covering(registry, key, Scope::Subtree).await
    }

    /// Watches a key, up to the first `Synced`.
    ///
    /// # Panics
    ///
    /// If that does not come.
    pub async fn covering(registry: &Registry, key: &str, scope: Scope) -> Self {
        let watch = registry.watch(key, scope).await.expect("the watch opens");
        let mut mirror = Mirror { watch, state: BTreeMap::new(), synced: 0 };
        mirror.until("synced", |mirror| mirror.synced == 1).await;
        mirror
    }

    /// Takes in events until the condition holds; gives those that came.
    ///
    /// # Panics
    ///
    /// If the watch ends or fails before that, or does not tell it in time.
    pub async fn until(&mut self, what: &str, mut met: impl FnMut(&Self) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        while !met(self) {
            let next = within(what, SOON * 2, self.watch.next()).await;
            let event = next.unwrap_or_else(|| panic!("the watch ended before: {what}")).expect(what);
            self.take(&event);
            events.push(event);
        }
        events
    }

    /// Whether the key is there with this value.
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.state.get(key).is_some_and(|entry| entry.value == value)
    }

    /// The watch itself.
    pub fn watch(&mut self) -> &mut Watch {
        &mut self.watch
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Put { entry, new } => {
                let told = self.state.insert(entry.key.clone(), entry.clone());
                assert_eq!(*new, told.is_none(), "new of {}", entry.key);
                let before = told.map(|told| told.version);
                assert!(before < Some(entry.version), "{} went from {before:?} to {:?}", entry.key, entry.version);
            }
            Event::Delete { last } => {
                assert_eq!(self.state.remove(&last.key).as_ref(), Some(last), "the last entry told");
            }
            _ => self.synced += 1,
        }
    }
}
