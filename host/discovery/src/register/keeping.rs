//! Looking after what was registered.
//!
//! The registry itself recreates entries after a lost session. What it can't, it reports and gives up; here that is
//! tried again, each for itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use registry_host::{Backoff, EphemeralEvent, Ephemerals, Error, ErrorKind, Registry, Result, supervised};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use super::{Registered, RegistrationState, Registrations};

/// The pauses before something that could not be registered again is tried once more.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);

/// Who looks after them; ends with this.
pub(crate) struct Keeper {
    _keeping: AbortOnDropHandle<()>,
}

impl Keeper {
    pub(crate) fn begin(registry: &Registry, registrations: &Arc<Registrations>) -> Self {
        metrics::describe_gauge!("registry_discovery_registrations", "What this process has registered as services");
        metrics::describe_counter!(
            "registry_discovery_lost_total",
            "Registrations that others had taken or that could not be registered again, and were tried again"
        );
        // Asked for before anything is registered, so that nothing that becomes of it is missed.
        let first = Mutex::new(Some(registry.ephemerals()));
        let (registry, registrations) = (registry.clone(), Arc::clone(registrations));
        let keeping = supervised("looking after registrations", move || {
            let asked = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let events = asked.unwrap_or_else(|| registry.ephemerals());
            keep(registry.clone(), Arc::clone(&registrations), events)
        });
        Keeper { _keeping: AbortOnDropHandle::new(tokio::spawn(keeping)) }
    }
}

async fn keep(registry: Registry, registrations: Arc<Registrations>, mut events: Ephemerals) {
    let mut trying = JoinSet::new();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            Some(_) = trying.join_next() => continue,
        };
        let (key, error) = match event {
            None => return,
            Some(EphemeralEvent::Renewed { key, .. }) => {
                if let Some(registered) = registrations.of_key(&key) {
                    registered.tell(RegistrationState::Registered);
                }
                continue;
            }
            Some(EphemeralEvent::TakenOver { by }) => (by.key.clone(), taken(&by.key)),
            Some(EphemeralEvent::Refused { key, error }) => (key, error),
            // One that was deleted is recreated.
            Some(_) => continue,
        };
        if let Some(registered) = registrations.of_key(&key) {
            metrics::counter!("registry_discovery_lost_total").increment(1);
            lost(&registered, error);
            let registry = registry.clone();
            trying.spawn(async move { try_again(&registry, &registered).await });
        }
    }
}

/// Tries until it is registered again, or was unregistered.
async fn try_again(registry: &Registry, registered: &Registered) {
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        sleep(backoff.next_pause()).await;
        let _turn = registered.turn.lock().await;
        if matches!(*registered.state.borrow(), RegistrationState::Unregistered) {
            return;
        }
        match put(registry, &registered.key).await {
            Ok(true) => {
                tracing::info!(key = registered.key, "registered again");
                return registered.tell(RegistrationState::Registered);
            }
            Ok(false) => lost(registered, taken(&registered.key)),
            Err(error) if error.kind() == ErrorKind::Closed => return,
            Err(error) => lost(registered, error),
        }
    }
}

/// Puts it, unless another's stands there; whether it did.
async fn put(registry: &Registry, key: &str) -> Result<bool> {
    let put = registry.put(key, "").ephemeral().recreate_if_deleted();
    match registry.get(key).await? {
        None => put.if_absent(),
        // It was put before without an answer.
        Some(entry) if entry.ephemeral == Some(registry.session().id()) => put.if_version(entry.version),
        Some(_) => return Ok(false),
    }
    .await
    .map(|_| true)
}

fn lost(registered: &Registered, error: Error) {
    let known = match &*registered.state.borrow() {
        RegistrationState::Missing(known) => known.to_string() == error.to_string(),
        _ => false,
    };
    if !known {
        tracing::warn!(key = registered.key, %error, "not registered any more, tries again");
        registered.tell(RegistrationState::Missing(error));
    }
}

fn taken(key: &str) -> Error {
    Error::new(ErrorKind::ConditionFailed, "another process has registered the same").or_key(key)
}
