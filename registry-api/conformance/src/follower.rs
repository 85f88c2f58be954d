//! A reader of a watch that holds every event against contract 5.2 and 5.3.

use std::{collections::BTreeMap, time::Duration};

use registry_host::{Entry, Event, Registry, Scope, Version, Watch};

use crate::verdict::{Failure, SOON, Verdict, holds, same, there, within};

/// A reader of a watch: what it was told so far, as a consumer would keep it.
pub(crate) struct Follower {
    watch: Watch,
    key: String,
    scope: Scope,
    /// What is there, as told.
    pub(crate) state: BTreeMap<String, Entry>,
    /// The highest version told of each key.
    versions: BTreeMap<String, Version>,
    /// How many events came.
    pub(crate) events: usize,
}

impl Follower {
    /// Opens a watch and reads up to its `Synced`.
    pub(crate) async fn synced(registry: &Registry, key: &str, scope: Scope) -> Verdict<Self> {
        let mut follower = Self::unread(registry, key, scope).await?;
        follower.until_synced().await?;
        Ok(follower)
    }

    /// Opens a watch and reads nothing yet.
    pub(crate) async fn unread(registry: &Registry, key: &str, scope: Scope) -> Verdict<Self> {
        let watch = registry.watch(key, scope).await?;
        let (state, versions) = (BTreeMap::new(), BTreeMap::new());
        Ok(Follower { watch, key: key.to_owned(), scope, state, versions, events: 0 })
    }

    /// Reads up to `Synced`: every event before it is a `Put` of a key that is new.
    pub(crate) async fn until_synced(&mut self) -> Verdict {
        loop {
            match self.next().await? {
                Event::Synced => return Ok(()),
                Event::Put { new: true, .. } => {}
                event => return Err(Failure::new(format_args!("expected new Puts and then Synced, came {event:?}"))),
            }
        }
    }

    /// Reads one event and holds it against what was told before.
    pub(crate) async fn next(&mut self) -> Verdict<Event> {
        self.next_within(SOON).await
    }

    pub(crate) async fn next_within(&mut self, limit: Duration) -> Verdict<Event> {
        let next = within(format!("an event of the watch on {}", self.key), limit, self.watch.next()).await?;
        let event = there("another event", next)??;
        self.events += 1;
        self.take(&event)?;
        Ok(event)
    }

    /// Reads until what was told satisfies the condition.
    pub(crate) async fn until(&mut self, what: &str, mut met: impl FnMut(&BTreeMap<String, Entry>) -> bool) -> Verdict {
        let reading = async {
            while !met(&self.state) {
                self.next().await?;
            }
            Ok(())
        };
        within(what, SOON * 3, reading).await?
    }

    /// Reads until what was told is what is listed.
    pub(crate) async fn until_same(&mut self, what: &str, expected: &[Entry]) -> Verdict {
        self.until(what, |state| state.values().eq(expected)).await
    }

    /// The next event is a `Put` of that key.
    pub(crate) async fn put(&mut self, key: &str) -> Verdict<(Entry, bool)> {
        match self.next().await? {
            Event::Put { entry, new } if entry.key == key => Ok((entry, new)),
            event => Err(Failure::new(format_args!("expected a Put of {key}, came {event:?}"))),
        }
    }

    /// The next event is a `Delete` of that key.
    pub(crate) async fn delete(&mut self, key: &str) -> Verdict<Entry> {
        match self.next().await? {
            Event::Delete { last } if last.key == key => Ok(last),
            event => Err(Failure::new(format_args!("expected a Delete of {key}, came {event:?}"))),
        }
    }

    fn take(&mut self, event: &Event) -> Verdict {
        match event {
            Event::Put { entry, new } => {
                holds(format_args!("{} is covered by the watch", entry.key), self.covers(&entry.key))?;
                let version = self.versions.insert(entry.key.clone(), entry.version);
                holds(
                    format_args!("the versions of {} grow: {version:?}, then {}", entry.key, entry.version),
                    version.is_none_or(|before| before < entry.version),
                )?;
                let told = self.state.insert(entry.key.clone(), entry.clone());
                same(format_args!("new of {}", entry.key), *new, told.is_none())?;
            }
            Event::Delete { last } => {
                let told = self.state.remove(&last.key);
                same(format_args!("the last entry told of {}", last.key), Some(last), told.as_ref())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn covers(&self, key: &str) -> bool {
        let below = |above: &str| match above {
            "/" => key.strip_prefix('/'),
            above => key.strip_prefix(above).and_then(|rest| rest.strip_prefix('/')),
        };
        match self.scope {
            Scope::Node => key == self.key,
            Scope::Children => below(&self.key).is_some_and(|name| !name.contains('/')),
            Scope::Subtree => key == self.key || below(&self.key).is_some(),
        }
    }
}
