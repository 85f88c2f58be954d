//! The ephemeral entries that this host has put: recreated when their session was lost (contract 4.4).

mod check;
mod declared;
mod renewal;
mod reports;
mod watching;

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicBool, Ordering},
};

use registry_api::{Committed, Error, Result, Txn};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

pub use self::reports::{EphemeralEvent, Ephemerals};
use self::{
    declared::{DeclaredEntries, Writing},
    reports::Reports,
};
use super::{Inner, Registry};
use crate::supervised;

/// What is kept of the ephemeral entries of one registry.
pub(super) struct Upkeep {
    declared: DeclaredEntries,
    reports: Reports,
    /// Whether anybody has asked for the reports.
    asked: AtomicBool,
    /// Where the registry was opened: what looks after the entries runs there.
    runtime: Handle,
    /// Who recreates the entries, from the first one on.
    renewal: Mutex<Option<AbortOnDropHandle<()>>>,
    registry: Weak<Inner>,
}

impl Upkeep {
    pub(super) fn new(backend: &str, runtime: Handle, registry: Weak<Inner>) -> Arc<Self> {
        Arc::new(Upkeep {
            declared: DeclaredEntries::default(),
            reports: Reports::new(backend),
            asked: AtomicBool::new(false),
            runtime,
            renewal: Mutex::new(None),
            registry,
        })
    }

    /// Sends a Txn, and remembers what comes of the ephemeral entries in it; `recreates` says which of its puts, by
    /// their numbers, are to be recreated when somebody deletes them.
    pub(super) async fn remembering(
        self: &Arc<Self>,
        inner: &Inner,
        txn: Txn<'_>,
        sent: impl Future<Output = Result<Committed>>,
        recreates: impl Fn(usize) -> bool,
    ) -> Result<Committed> {
        let writing = self.declared.begin(&txn, || inner.session.id());
        let committed = sent.await;
        if let Some(writing) = writing {
            self.remember(inner, txn, writing, committed.as_ref(), recreates);
        }
        committed
    }

    fn remember(
        self: &Arc<Self>,
        inner: &Inner,
        txn: Txn<'_>,
        writing: Writing<'_>,
        committed: Result<&Committed, &Error>,
        recreates: impl Fn(usize) -> bool,
    ) {
        let committed = match committed {
            Ok(committed) => committed,
            Err(error) => return writing.failed(error.outcome()),
        };
        let put_in = writing.session();
        writing.applied(txn.operations, committed, recreates, &self.asked, |key| self.watch(key));
        self.renewal().get_or_insert_with(|| {
            let upkeep = Arc::clone(self);
            let renewing = supervised("recreating ephemeral entries", move || Arc::clone(&upkeep).renew());
            AbortOnDropHandle::new(self.runtime.spawn(renewing))
        });
        if inner.session.id() != put_in {
            // Its session may have been lost, and another opened, before it was remembered.
            let upkeep = Arc::clone(self);
            self.runtime.spawn(async move { supervised("looking at ephemeral entries", || upkeep.renew_all()).await });
        }
    }

    /// Ends every task, as the registry does.
    pub(super) fn end(&self) {
        self.declared.clear();
        self.renewal().take();
    }

    fn renewal(&self) -> std::sync::MutexGuard<'_, Option<AbortOnDropHandle<()>>> {
        self.renewal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// What becomes, without this registry's doing, of the ephemeral entries that it has put.
    ///
    /// # Behavior
    ///
    /// When a session was lost and another has followed, every ephemeral entry whose put had succeeded is recreated,
    /// unless this registry has deleted it since, or put it as persistent. That happens whether this stream is asked
    /// for or not. It is written only if there is no such entry, or one that an earlier session of this registry still
    /// owns. A put that failed, was dropped or timed out is not recreated.
    ///
    /// From the first time that it is asked for, each of the entries is watched. One that somebody else has taken over
    /// is reported at once. One that was deleted is reported as soon as it is certain that it wasn't deleted with its
    /// session. Both are then given up. [`recreate_if_deleted`](super::Put::recreate_if_deleted) has an entry recreated
    /// after a deletion, too. The work is done on the runtime that the registry was opened on.
    pub fn ephemerals(&self) -> Ephemerals {
        let upkeep = &self.0.upkeep;
        let events = upkeep.reports.stream();
        upkeep.asked.store(true, Ordering::SeqCst);
        upkeep.declared.watch_all(|key| upkeep.watch(key));
        events
    }
}
