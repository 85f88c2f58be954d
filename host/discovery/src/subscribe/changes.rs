//! What a subscriber is told.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::stream;
use tokio::sync::watch;

use super::{
    ServiceSet,
    watched::{Told, Watched},
};
use crate::{Service, ServiceUrl};

/// What has changed among those of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// These are there; what follows are changes of it.
    All(Arc<ServiceSet>),
    /// One is there that wasn't.
    Joined(Arc<ServiceUrl>),
    /// One says something else of itself than before.
    Changed(Arc<ServiceUrl>),
    /// One is gone; this is what it said last.
    Left(Arc<ServiceUrl>),
    /// All are gone, and are kept as `registry.discovery.empty-protection` says; or some are there again.
    Stale(bool),
}

/// Those of a service, as they change: a [`Stream`] that ends with the discovery.
#[must_use = "changes are told to whoever asks"]
pub struct Subscription {
    service: Service,
    changes: Pin<Box<dyn Stream<Item = Change> + Send>>,
    sets: View,
}

impl Subscription {
    pub(super) fn new(watched: Arc<Watched>, service: Service, protects: bool) -> Self {
        let sets = View { told: watched.told(), _watched: watched, service: service.clone(), protects, now: None };
        let reader = Reader { sets: sets.clone(), known: None, pending: VecDeque::new() };
        let changes = stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) });
        Subscription { service, changes: Box::pin(changes), sets }
    }

    /// What it is about.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The next change; `None` once the discovery is closed.
    ///
    /// # Behavior
    ///
    /// The first is [`All`](Change::All), once the registry has told who is there. Of several changes of one provider
    /// that nobody has asked for the last counts.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Change> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The whole set once it is known, and whenever it has changed since this was last asked for; `None` once the
    /// discovery is closed.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next_set(&mut self) -> Option<Arc<ServiceSet>> {
        self.sets.next().await
    }

    /// The set that [`next_set`](Subscription::next_set) has given last.
    pub fn set(&self) -> Option<Arc<ServiceSet>> {
        self.sets.now.clone()
    }
}

impl Stream for Subscription {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Change>> {
        self.changes.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("service", &self.service).finish_non_exhaustive()
    }
}

/// The sets of one reader.
#[derive(Clone)]
struct View {
    _watched: Arc<Watched>,
    told: watch::Receiver<Told>,
    service: Service,
    /// Whether the last ones are kept when all are gone.
    protects: bool,
    now: Option<Arc<ServiceSet>>,
}

impl View {
    /// The next set that differs from the last one.
    async fn next(&mut self) -> Option<Arc<ServiceSet>> {
        loop {
            let told = self.told.borrow_and_update().clone();
            if let Some(read) = told {
                let set = self.judged(ServiceSet::of(read.values(), &self.service));
                if self.now.as_deref() != Some(&set) {
                    let set = Arc::new(set);
                    self.now = Some(Arc::clone(&set));
                    return Some(set);
                }
            }
            self.told.changed().await.ok()?;
        }
    }

    fn judged(&self, set: ServiceSet) -> ServiceSet {
        match &self.now {
            Some(last) if self.protects && set.urls().is_empty() && !last.urls().is_empty() => {
                if !last.is_stale() {
                    tracing::warn!(service = %self.service, providers = last.urls().len(),
                        "all are gone; the last ones are kept, as registry.discovery.empty-protection says");
                }
                last.gone_stale(&set)
            }
            _ => set,
        }
    }
}

/// What one reader was told.
struct Reader {
    sets: View,
    known: Option<Arc<ServiceSet>>,
    pending: VecDeque<Change>,
}

impl Reader {
    async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.pending.pop_front() {
                return Some(change);
            }
            let set = self.sets.next().await?;
            match self.known.replace(Arc::clone(&set)) {
                None => return Some(Change::All(set)),
                Some(before) => self.pending.extend(differences(&before, &set)),
            }
        }
    }
}

/// What makes one set of another; both are sorted by identity.
fn differences(before: &ServiceSet, now: &ServiceSet) -> Vec<Change> {
    let (mut left, mut joined) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (before.urls().iter().peekable(), now.urls().iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.identity().cmp(&new.identity()),
        };
        match order {
            std::cmp::Ordering::Less => left.extend(old.next().cloned().map(Change::Left)),
            std::cmp::Ordering::Greater => joined.extend(new.next().cloned().map(Change::Joined)),
            std::cmp::Ordering::Equal => {
                let (old, new) = (old.next(), new.next().cloned());
                joined.extend(new.filter(|new| old != Some(new)).map(Change::Changed));
            }
        }
    }
    // Those who come are told first: a service that moves is never without providers in between.
    joined.extend(left);
    if before.is_stale() != now.is_stale() {
        joined.push(Change::Stale(now.is_stale()));
    }
    joined
}
