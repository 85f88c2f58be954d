//! The attempts that a worker has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::record::TaskId;
use crate::run::{Running, Stop};

pub(super) type Key = (TaskId, u32);

/// The attempts that a worker has, from the moment a master offers them until their results are kept.
#[derive(Default)]
pub(super) struct Table(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    attempts: HashMap<Key, Held>,
    /// Why no other attempt is taken.
    closed: Option<String>,
}

struct Held {
    attempt: Arc<Attempt>,
    /// Its owner is the table; it removes itself when it is done.
    _task: AbortOnDropHandle<()>,
}

/// One attempt.
pub(super) struct Attempt {
    stage: watch::Sender<Stage>,
    stop: watch::Sender<Option<Stop>>,
}

/// How far an attempt is.
#[derive(Clone)]
pub(super) enum Stage {
    /// It is not known yet whether this worker may run it.
    Accepting,
    /// It may not.
    Refused(String),
    /// It may, and waits for a slot.
    Accepted,
    /// Its command was started.
    Started(Arc<Running>),
    /// It was stopped before its command was started.
    NeverStarted,
}

/// What came of an offer.
pub(super) enum Offered {
    /// The worker has it; its stage tells whether it is accepted.
    Has(Arc<Attempt>),
    /// The worker doesn't take it.
    Refused(String),
}

impl Table {
    /// Takes an attempt that is not there yet, unless there are so many already, and begins to work at it.
    pub(super) fn offer<F>(&self, key: Key, most: usize, work: impl FnOnce(Arc<Attempt>) -> F) -> Offered
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut inner = self.lock();
        if let Some(held) = inner.attempts.get(&key) {
            return Offered::Has(Arc::clone(&held.attempt));
        }
        if let Some(why) = &inner.closed {
            return Offered::Refused(why.clone());
        }
        let count = inner.attempts.len();
        if count >= most {
            return Offered::Refused(format!("it has {count} tasks, and takes {most} at most"));
        }
        let attempt = Arc::new(Attempt { stage: watch::Sender::new(Stage::Accepting), stop: watch::Sender::new(None) });
        let task = AbortOnDropHandle::new(tokio::spawn(work(Arc::clone(&attempt))));
        inner.attempts.insert(key, Held { attempt: Arc::clone(&attempt), _task: task });
        Offered::Has(attempt)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Attempt>> {
        self.lock().attempts.get(key).map(|held| Arc::clone(&held.attempt))
    }

    /// The last attempt of a task that is there.
    pub(super) fn last(&self, id: &TaskId) -> Option<u32> {
        self.lock().attempts.keys().filter(|(of, _)| of == id).map(|(_, attempt)| *attempt).max()
    }

    pub(super) fn remove(&self, key: &Key) {
        self.lock().attempts.remove(key);
    }

    /// Takes nothing more, for this reason.
    pub(super) fn close(&self, why: &str) {
        self.lock().closed.get_or_insert_with(|| why.to_owned());
    }

    /// Begins to end all.
    pub(super) fn stop_all(&self, stop: Stop) {
        for held in self.lock().attempts.values() {
            held.attempt.stop(stop);
        }
    }

    /// Begins to end those that wait for a slot.
    pub(super) fn stop_waiting(&self, stop: Stop) {
        for held in self.lock().attempts.values().filter(|held| !held.attempt.is_started()) {
            held.attempt.stop(stop);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().attempts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().attempts.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    pub(super) fn come_to(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// Waits until it is known whether it may run here; why not, if it may not.
    pub(super) async fn accepted(&self) -> Result<(), String> {
        let mut stage = self.stage.subscribe();
        let known = stage.wait_for(|stage| !matches!(stage, Stage::Accepting)).await;
        match known.as_deref() {
            Ok(Stage::Refused(why)) => Err(why.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err("the worker ends".to_owned()),
        }
    }

    /// Begins to end it, or allows less time if that has begun.
    pub(super) fn stop(&self, stop: Stop) {
        self.stop.send_replace(Some(stop));
    }

    /// How it is to be ended, whenever that changes.
    pub(super) fn stops(&self) -> watch::Receiver<Option<Stop>> {
        self.stop.subscribe()
    }

    /// Waits until its command was started, or is known never to be.
    pub(super) async fn started(&self) -> Option<Arc<Running>> {
        let mut stage = self.stage.subscribe();
        let known = stage.wait_for(|stage| !matches!(stage, Stage::Accepting | Stage::Accepted)).await;
        match known.as_deref() {
            Ok(Stage::Started(running)) => Some(Arc::clone(running)),
            _ => None,
        }
    }

    fn is_started(&self) -> bool {
        matches!(&*self.stage.borrow(), Stage::Started(_))
    }
}
