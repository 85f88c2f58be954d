//! Looking after one ephemeral entry.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use registry_api::{
    Check, ErrorKind, Event, Key, Mode, Operation as Write, Result, Scope, SessionId, SessionState, Txn,
};
use tokio::{task::AbortHandle, time::sleep};

use super::{EphemeralEvent, Upkeep, book::Known};
use crate::{
    layers::Operation,
    registry::{Registry, States, Watch},
};

impl Upkeep {
    /// Looks after an entry in the background, until it is given up or the registry is gone.
    pub(in crate::registry) fn tend(self: &Arc<Self>, key: String) -> AbortHandle {
        let upkeep = Arc::clone(self);
        self.runtime.spawn(async move { upkeep.watch_over(&key).await }).abort_handle()
    }

    async fn watch_over(&self, key: &str) {
        let Some(mut states) = self.registry().map(|registry| registry.session().states()) else { return };
        // Its state as it is now is no news: the watch begins with the entry's own.
        states.next().await;
        let mut pauses = pauses();
        loop {
            let Some(registry) = self.registry() else { return };
            let opened = registry.watch(key, Scope::Node).await;
            drop(registry);
            match opened {
                Ok(watch) => {
                    pauses = self::pauses();
                    if self.hear(key, watch, &mut states).await.is_none() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Closed => return,
                Err(error) => tracing::debug!(key, %error, "an ephemeral entry is not watched yet"),
            }
            sleep(pauses.next().unwrap_or(LONGEST)).await;
        }
    }

    /// Hears what happens to the entry; nothing once there is nothing to look after any more, else the watch has ended.
    async fn hear(&self, key: &str, mut watch: Watch, states: &mut States) -> Option<()> {
        let mut owner = None;
        loop {
            tokio::select! {
                event = watch.next() => match event {
                    Some(Ok(Event::Put { entry, .. })) => owner = entry.ephemeral,
                    Some(Ok(Event::Delete { .. })) => owner = None,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Some(()),
                },
                state = states.next() => match state {
                    Some(SessionState::Connected) => {}
                    Some(SessionState::Closed) | None => return None,
                    Some(_) => continue,
                },
            }
            if owner != Some(self.registry()?.0.session.id()) {
                self.look(key, states).await?;
            }
        }
    }

    /// Looks at the entry, and does what is needed until it is as it should be; nothing once there is nothing to look after any more.
    async fn look(&self, key: &str, states: &mut States) -> Option<()> {
        let mut pauses = pauses();
        let mut missed = None;
        loop {
            let (registry, known) = (self.registry()?, self.book.known(key)?);
            match self.set_right(&registry, key, &known, &mut missed).await {
                Ok(Found::Right) => return Some(()),
                Ok(Found::GivenUp) => return None,
                Ok(Found::Missing) => {
                    // By then the session is known to live, or not to.
                    let timeout = registry.session().timeout();
                    drop(registry);
                    tokio::select! {
                        () = sleep(timeout / 2 + LONGEST) => {}
                        state = states.next() => if matches!(state, Some(SessionState::Closed) | None) { return None },
                    }
                    continue;
                }
                // Somebody was faster: what is there now?
                Err(error) if error.kind() == ErrorKind::ConditionFailed => {}
                Err(error) if error.kind() == ErrorKind::Closed => return None,
                Err(error) if error.is_retryable() => {
                    tracing::debug!(key, %error, "an ephemeral entry is not looked after yet");
                }
                Err(error) => {
                    if self.book.give_up(key, known.version) {
                        self.reports.tell(EphemeralEvent::Refused { key: key.to_owned(), error });
                    }
                    return None;
                }
            }
            drop(registry);
            sleep(pauses.next().unwrap_or(LONGEST)).await;
        }
    }

    /// One look. `missed` is the session in which the entry was already seen to be missing.
    async fn set_right(
        &self,
        registry: &Registry,
        key: &str,
        known: &Known,
        missed: &mut Option<SessionId>,
    ) -> Result<Found> {
        let inner = &*registry.0;
        let at = Key::from_checked(key);
        let found = registry.get(key).await?;
        // The answer may have been waited for until another session was open.
        let session = inner.session.id();
        let check = match found {
            Some(entry) if entry.ephemeral == Some(session) => return Ok(Found::Right),
            Some(entry) if entry.ephemeral.is_some_and(|owner| inner.session.was(owner)) => {
                Check::Version(at, entry.version)
            }
            Some(entry) => {
                // Else it is an answer from before our own put.
                if self.book.give_up(key, entry.version) {
                    self.reports.tell(EphemeralEvent::TakenOver { by: entry });
                    return Ok(Found::GivenUp);
                }
                return Ok(Found::Right);
            }
            None if known.session == session && !known.kept => {
                // It may have gone with a session of which it is not known here yet that it is over.
                if *missed != Some(session) {
                    *missed = Some(session);
                    return Ok(Found::Missing);
                }
                if self.book.give_up(key, known.version) {
                    self.reports.tell(EphemeralEvent::Deleted { key: key.to_owned() });
                    return Ok(Found::GivenUp);
                }
                return Ok(Found::Right);
            }
            None => Check::Absent(at),
        };
        let put = Write::Put { key: at, value: &known.value, mode: Mode::Ephemeral };
        let committed = inner.send(Operation::Put, Some(at), Txn::new(&[check], &[put]), None).await?;
        let version = inner.answer(Operation::Put, at, committed.version(0))?;
        if !self.book.renewed(key, session, version) {
            // Its host has deleted it, or put another, while this was on its way.
            let check = Check::Version(at, version);
            inner.send(Operation::Delete, Some(at), Txn::new(&[check], &[Write::Delete(at)]), None).await?;
            return Ok(Found::GivenUp);
        }
        if known.session == session {
            self.reports.tell(EphemeralEvent::Deleted { key: key.to_owned() });
        }
        self.reports.tell(EphemeralEvent::Renewed { key: key.to_owned(), version });
        Ok(Found::Right)
    }

    fn registry(&self) -> Option<Registry> {
        self.registry.upgrade().map(Registry)
    }
}

/// What came of a look.
enum Found {
    /// The entry is there, and ours.
    Right,
    /// It is not there, although the session is thought to live.
    Missing,
    /// There is nothing to look after any more.
    GivenUp,
}

const LONGEST: Duration = Duration::from_secs(2);

/// Pauses that grow and are never quite the same, so that many who lost their session at once don't come back at once.
fn pauses() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .build()
}
