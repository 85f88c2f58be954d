//! Making entries again once another session is open.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use registry_api::SessionState;

use super::Upkeep;

/// How many entries are looked at at once.
const AT_ONCE: usize = 32;

impl Upkeep {
    /// Looks at what earlier sessions had put whenever another one is open, until the registry is closed.
    pub(super) async fn renew(self: Arc<Self>) {
        let Some(mut states) = self.registry().map(|registry| registry.session().states()) else { return };
        loop {
            match states.next().await {
                Some(SessionState::Connected) => self.renew_all().await,
                Some(SessionState::Closed) | None => return,
                Some(_) => {}
            }
        }
    }

    /// Looks at what other sessions than the present one had put.
    pub(super) async fn renew_all(&self) {
        let Some(session) = self.registry().map(|registry| registry.session().id()) else { return };
        let looks = stream::iter(self.declared.not_of(session));
        looks
            .for_each_concurrent(AT_ONCE, |key| async move {
                // What has become of it is reported.
                let _ = self.check(&key, None).await;
            })
            .await;
    }
}
