//! Checks an entry against what was put, and does what follows from it.

use std::{slice, time::Duration};

use registry_api::{Backoff, Check, ErrorKind, Key, Mode, Operation as Write, Result, SessionId, Txn, Version};
use tokio::time::sleep;

use super::{EphemeralEvent, Upkeep, declared::Known};
use crate::{layers::Operation, registry::Registry};

impl Upkeep {
    /// Checks an entry and does what is needed, again until there is an answer; `None` once there is nothing to look
    /// after any more. `missed` is the session in which the entry was already seen to be missing, a while ago.
    pub(super) async fn check(&self, key: &str, missed: Option<SessionId>) -> Option<Checked> {
        // Two of ours, both with the old entry in mind, would write it twice where versions are not exact.
        let turn = self.declared.turn(key)?;
        let _turn = turn.lock().await;
        let mut backoff = backoff();
        loop {
            let (registry, known) = (self.registry()?, self.declared.known(key)?);
            match self.check_once(&registry, key, &known, missed).await {
                Ok(Some(Checked::Stray(version))) => {
                    drop(registry);
                    self.take_back(key, version).await;
                    return None;
                }
                Ok(found) => return found,
                // Somebody was faster: what is there now?
                Err(error) if matches!(error.kind(), ErrorKind::ConditionFailed | ErrorKind::VersionRace) => {}
                Err(error) if error.kind() == ErrorKind::Closed => return None,
                Err(error) if error.is_retryable() => {
                    tracing::debug!(key, %error, "an ephemeral entry is not looked after yet");
                }
                Err(error) => {
                    if self.declared.give_up(key, known.version) {
                        self.reports.tell(EphemeralEvent::Refused { key: key.to_owned(), error });
                    }
                    return None;
                }
            }
            drop(registry);
            sleep(backoff.next_pause()).await;
        }
    }

    async fn check_once(
        &self,
        registry: &Registry,
        key: &str,
        known: &Known,
        missed: Option<SessionId>,
    ) -> Result<Option<Checked>> {
        let inner = &*registry.0;
        let at = Key::from_checked(key);
        let found = registry.get(key).await?;
        // The answer may have been waited for until another session was open.
        let session = inner.session.id();
        let check = match found {
            Some(entry) if entry.ephemeral == Some(session) => return Ok(Some(Checked::Right)),
            Some(entry) if entry.ephemeral.is_some_and(|owner| inner.session.was(owner)) => {
                Check::Version(at, entry.version)
            }
            Some(entry) => {
                // Else it is an answer from before our own put.
                if self.declared.give_up(key, entry.version) {
                    self.reports.tell(EphemeralEvent::TakenOver { by: entry });
                    return Ok(None);
                }
                return Ok(Some(Checked::Right));
            }
            None if known.session == session && !known.recreates => {
                // It may have gone with a session that has ended, which is not known here yet.
                if missed != Some(session) {
                    return Ok(Some(Checked::Missing(session)));
                }
                if self.declared.give_up(key, known.version) {
                    self.reports.tell(EphemeralEvent::Deleted { key: key.to_owned() });
                    return Ok(None);
                }
                return Ok(Some(Checked::Right));
            }
            None => Check::Absent(at),
        };
        let put = Write::Put { key: at, value: &known.value, mode: Mode::Ephemeral };
        let committed = inner.send(Operation::Put, Some(at), Txn::new(&[check], &[put]), None).await?;
        let version = inner.answer(Operation::Put, at, committed.version(0))?;
        if !self.declared.renewed(key, session, version) {
            // Its host has deleted it, or put another, while this was on its way.
            return Ok(Some(Checked::Stray(version)));
        }
        if known.session == session {
            self.reports.tell(EphemeralEvent::Deleted { key: key.to_owned() });
        }
        self.reports.tell(EphemeralEvent::Renewed { key: key.to_owned(), version });
        Ok(Some(Checked::Right))
    }

    /// Deletes what was put of an entry that nobody knows of any more, again until there is an answer or no registry.
    async fn take_back(&self, key: &str, version: Version) {
        let key = Key::from_checked(key);
        // An entry that was replaced is left to its new owner.
        let (check, delete) = (Check::Version(key, version), Write::Delete(key));
        let mut backoff = backoff();
        while let Some(registry) = self.registry() {
            let txn = Txn::new(slice::from_ref(&check), slice::from_ref(&delete));
            match registry.0.send(Operation::Delete, Some(key), txn, None).await {
                Err(error) if error.is_retryable() => {
                    tracing::debug!(key = key.as_str(), %error, "an ephemeral entry is not taken back yet");
                }
                // One that is another by now stands there for good reason.
                Err(error) if !matches!(error.kind(), ErrorKind::ConditionFailed | ErrorKind::Closed) => {
                    tracing::warn!(key = key.as_str(), %error, "an ephemeral entry that was deleted stays until the session ends");
                    return;
                }
                _ => return,
            }
            // A registry that its host has dropped ends.
            drop(registry);
            sleep(backoff.next_pause()).await;
        }
    }

    pub(super) fn registry(&self) -> Option<Registry> {
        self.registry.upgrade().map(Registry)
    }
}

/// The result of a check.
pub(super) enum Checked {
    /// The entry is there, and ours.
    Right,
    /// It is not there, although the session that put it is thought to live.
    Missing(SessionId),
    /// It has been put at that version, and its host wants it no longer.
    Stray(Version),
}

/// The longest pause between two attempts.
pub(super) const LONGEST: Duration = Duration::from_secs(2);

/// The pauses between two attempts.
pub(super) fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(20), LONGEST)
}
