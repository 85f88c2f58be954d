//! Watching one ephemeral entry, for a host that wants to hear what others do to it.

use std::sync::Arc;

use registry_api::{ErrorKind, Event, Scope, SessionId, SessionState};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Upkeep,
    check::{Checked, LONGEST, backoff},
    declared::Watching,
};
use crate::{
    registry::{States, Watch},
    supervised,
};

impl Upkeep {
    /// Watches an entry in the background, until it is given up or the registry is gone.
    pub(super) fn watch(self: &Arc<Self>, key: String) -> Watching {
        let upkeep = Arc::clone(self);
        let watching = async move { supervised("watching an ephemeral entry", || upkeep.watch_over(&key)).await };
        AbortOnDropHandle::new(self.runtime.spawn(watching))
    }

    async fn watch_over(self: &Arc<Self>, key: &str) {
        let Some(mut states) = self.registry().map(|registry| registry.session().states()) else { return };
        // Its state as it is now is no news: the watch begins with the entry's own.
        states.next().await;
        let mut backoff = backoff();
        loop {
            let Some(registry) = self.registry() else { return };
            let opened = registry.watch(key, Scope::Node).await;
            drop(registry);
            match opened {
                Ok(watch) => {
                    backoff.reset();
                    if self.hear(key, watch, &mut states).await.is_none() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Closed => return,
                // Another's may stand there, which this user may not read: a look finds out, and reports it.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    if self.look_to_the_end(key, None).await.is_none() {
                        return;
                    }
                }
                Err(error) => tracing::debug!(key, %error, "an ephemeral entry is not watched yet"),
            }
            sleep(backoff.next_pause()).await;
        }
    }

    /// Hears what happens to the entry; `None` once there is nothing to look after any more, else the watch has ended.
    async fn hear(self: &Arc<Self>, key: &str, mut watch: Watch, states: &mut States) -> Option<()> {
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
                self.set_right(key, states).await?;
            }
        }
    }

    /// Looks until the entry is as it should be; `None` once there is nothing to look after any more.
    async fn set_right(self: &Arc<Self>, key: &str, states: &mut States) -> Option<()> {
        let mut missed = None;
        while let Checked::Missing(session) = self.look_to_the_end(key, missed).await? {
            let timeout = self.registry()?.session().timeout();
            missed = tokio::select! {
                // By then the session is known to live.
                () = sleep(timeout / 2 + LONGEST) => Some(session),
                // It may not: that the entry was missing before says nothing any more.
                state = states.next() => match state {
                    Some(SessionState::Closed) | None => return None,
                    Some(_) => None,
                },
            };
        }
        Some(())
    }

    /// Looks, to the end also if the watch ends: if the entry is given up while it is being recreated, it has to go
    /// again.
    async fn look_to_the_end(self: &Arc<Self>, key: &str, missed: Option<SessionId>) -> Option<Checked> {
        let (upkeep, key) = (Arc::clone(self), key.to_owned());
        match self.runtime.spawn(async move { upkeep.check(&key, missed).await }).await {
            Ok(found) => found,
            // The supervisor of this starts again.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is going.
            Err(_) => None,
        }
    }
}
