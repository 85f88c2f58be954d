//! What the watches have told of, so that a put can be timed to its event.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::measure::Failure;

/// The newest version of each key that a watch has told of; the same for both sides.
#[derive(Default)]
pub(crate) struct WatchedVersions(Mutex<HashMap<String, watch::Sender<u64>>>);

impl WatchedVersions {
    fn of(&self, key: &str) -> watch::Sender<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get(key) {
            Some(sender) => sender.clone(),
            None => told.entry(key.to_owned()).or_default().clone(),
        }
    }

    /// A watch tells of a version.
    pub(crate) fn tell(&self, key: &str, version: u64) {
        self.of(key).send_replace(version);
    }

    /// Waits until a version of the key, or a later one, was told of.
    pub(crate) async fn wait(&self, key: &str, version: u64) -> Result<(), Failure> {
        self.of(key).subscribe().wait_for(|told| *told >= version).await?;
        Ok(())
    }
}
