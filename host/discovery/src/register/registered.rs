//! One registration, and all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use registry_host::{Backoff, Error, ErrorKind, Outcome, Registry, Result};
use tokio::{
    sync::{Mutex as Turn, watch},
    time::sleep,
};

use super::RegistrationState;
use crate::{Identity, Role, ServiceUrl};

/// The pauses between two attempts to remove what was unregistered.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// What was registered.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) url: ServiceUrl,
    pub(crate) role: Role,
    /// Exactly what was written, by which it is removed.
    pub(crate) key: String,
    /// `None` until it was written once.
    pub(crate) state: watch::Sender<RegistrationState>,
    written: std::sync::atomic::AtomicBool,
    /// Whoever writes it, or removes it, has this meanwhile.
    pub(crate) turn: Turn<()>,
}

impl Registered {
    pub(crate) fn new(url: ServiceUrl, role: Role, key: String) -> Self {
        let nothing = Error::new(ErrorKind::NotFound, "it is not written yet");
        let (state, written) = (watch::Sender::new(RegistrationState::Missing(nothing)), Default::default());
        Registered { url, role, key, state, written, turn: Turn::default() }
    }

    pub(crate) fn tell(&self, state: RegistrationState) {
        if let RegistrationState::Registered = state {
            self.written.store(true, std::sync::atomic::Ordering::Release);
        }
        // Once it was unregistered it stays so.
        self.state.send_if_modified(|now| {
            let ended = matches!(now, RegistrationState::Unregistered);
            let same = matches!((&*now, &state), (RegistrationState::Registered, RegistrationState::Registered));
            if !ended {
                *now = state;
            }
            !ended && !same
        });
    }

    /// Whether it has ever been written.
    pub(crate) fn is_complete(&self) -> bool {
        self.written.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Removes it, if it is this process's own.
    pub(crate) async fn remove(&self, registry: &Registry) -> Result<()> {
        let _turn = self.turn.lock().await;
        let before = self.state.send_replace(RegistrationState::Unregistered);
        if let RegistrationState::Missing(error) = &before
            && error.kind() == ErrorKind::ConditionFailed
        {
            // It is another's by now.
            return Ok(());
        }
        // What is not there either is deleted, or it would come back with the next session.
        registry.delete(&self.key).await.map(drop)
    }

    /// Removes it, again until there is an answer or no registry.
    pub(crate) async fn remove_at_last(&self, registry: &Registry) {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        loop {
            match self.remove(registry).await {
                Err(error) if error.is_retryable() || error.outcome() == Outcome::Unknown => {
                    let pause = backoff.next_pause();
                    tracing::warn!(key = self.key, %error, ?pause, "not unregistered yet, tries again");
                    sleep(pause).await;
                }
                Err(error) if error.kind() != ErrorKind::Closed => {
                    tracing::warn!(key = self.key, %error, "can't be unregistered, goes with the session");
                    return;
                }
                _ => return,
            }
        }
    }
}

/// All that this process has registered.
#[derive(Debug, Default)]
pub(crate) struct Registrations(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_identity: HashMap<(Role, Identity), Arc<Registered>>,
    by_key: HashMap<String, Arc<Registered>>,
}

impl Registrations {
    /// # Errors
    ///
    /// `ConditionFailed` if there is one of the same identity, or of the same key.
    pub(crate) fn add(&self, registered: Registered) -> Result<Arc<Registered>> {
        let (registered, mut known) = (Arc::new(registered), self.lock());
        let identity = (registered.role, registered.url.identity());
        if known.by_identity.contains_key(&identity) || known.by_key.contains_key(&registered.key) {
            let (role, url) = (registered.role, &registered.url);
            let message = format!(
                "the address {} is registered already, by this process, as a {role} of {}",
                url.address(),
                url.service()
            );
            return Err(Error::new(ErrorKind::ConditionFailed, message).set_outcome(Outcome::NotApplied));
        }
        known.by_key.insert(registered.key.clone(), Arc::clone(&registered));
        known.by_identity.insert(identity, Arc::clone(&registered));
        known.measure();
        Ok(registered)
    }

    /// The one of a key.
    pub(crate) fn of_key(&self, key: &str) -> Option<Arc<Registered>> {
        self.lock().by_key.get(key).cloned()
    }

    /// Takes one out.
    pub(crate) fn take(&self, role: Role, identity: &Identity) -> Option<Arc<Registered>> {
        let mut known = self.lock();
        let registered = known.by_identity.remove(&(role, identity.clone()))?;
        known.by_key.remove(&registered.key);
        known.measure();
        Some(registered)
    }

    /// Takes this one out; whether it was there.
    pub(crate) fn forget(&self, registered: &Arc<Registered>) -> bool {
        let is_known = self.of_key(&registered.key).is_some_and(|known| Arc::ptr_eq(&known, registered));
        is_known && self.take(registered.role, &registered.url.identity()).is_some()
    }

    /// Takes all out that goes with the process.
    pub(crate) fn take_dynamic(&self) -> Vec<Arc<Registered>> {
        let mut known = self.lock();
        let taken: Vec<_> = known.by_key.extract_if(|_, registered| registered.url.is_dynamic()).collect();
        known.by_identity.retain(|_, registered| !registered.url.is_dynamic());
        known.measure();
        taken.into_iter().map(|(_, registered)| registered).collect()
    }

    /// Takes all out whose session ends.
    pub(crate) fn clear(&self) {
        for registered in self.take_dynamic() {
            registered.state.send_replace(RegistrationState::Unregistered);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn measure(&self) {
        metrics::gauge!("registry_discovery_registrations").set(self.by_key.len() as f64);
    }
}
