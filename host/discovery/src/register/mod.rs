//! What this process has registered.

mod keeping;
mod registered;

use std::sync::Arc;

use registry_host::{Error, ErrorKind, Outcome, Result};
use tokio::sync::watch;

pub(crate) use self::{
    keeping::Keeper,
    registered::{Registered, Registrations},
};
use crate::{Discovery, Role, ServiceUrl, UrlError};

/// How a registration stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RegistrationState {
    /// It is there, as far as is known: without a session it may be gone, and comes back with the next one.
    Registered,
    /// It is not there, for this reason; it is tried again.
    Missing(Error),
    /// It was unregistered.
    Unregistered,
}

/// One provider, consumer or rule that this process has registered.
///
/// Dropping it unregisters it in the background, unless it is persistent.
#[derive(Debug)]
#[must_use = "dropping it unregisters it"]
pub struct Registration {
    discovery: Discovery,
    registered: Arc<Registered>,
}

impl Discovery {
    /// Registers a provider, a consumer or a rule, as [`Role::of`] says.
    ///
    /// # Behavior
    ///
    /// It goes with the session, and is registered again with the next one, or when somebody has deleted it. With
    /// `dynamic=false` it is persistent. What is missing above it is created, and stays; a consumer creates the folder
    /// of the providers, too. The parameters are written as they are, and sorted.
    ///
    /// # Errors
    ///
    /// `InvalidKey` names the field that is wrong: an empty `path`, a provider without `methods`, an unknown `category`
    /// or `side`, a URL that others could not read, or one that is too long to be a key. `ConditionFailed` if this
    /// process has registered it already. Else as [`Registry::put`](registry_host::Registry::put).
    ///
    /// # Cancellation
    ///
    /// What was registered already is removed in the background.
    pub async fn register(&self, url: ServiceUrl) -> Result<Registration> {
        let role = Role::of(&url)?;
        if role == Role::Provider && url.methods().next().is_none() {
            return Err(UrlError::new("methods", "is missing; accepted: names with commas between").into());
        }
        let key = self.0.layout.key(&url, role)?;
        let _working = self.0.working().await?;
        let registered = self.0.registrations.add(Registered::new(url, role, key))?;
        // From here on it is removed if this is dropped.
        let registration = Registration { discovery: self.clone(), registered };
        if let Err(error) = self.put(&registration.registered).await {
            if error.outcome() == Outcome::NotApplied {
                // What stands there, if anything does, is another's.
                self.0.registrations.forget(&registration.registered);
            }
            return Err(error);
        }
        registration.registered.tell(RegistrationState::Registered);
        Ok(registration)
    }

    async fn put(&self, registered: &Registered) -> Result<()> {
        let registry = &self.0.registry;
        if registered.role == Role::Consumer {
            let providers = self.0.layout.folder(registered.url.interface(), Role::Provider)?;
            if !registry.exists(&providers).await? {
                match registry.put(&providers, "").if_absent().await {
                    Err(error) if error.kind() != ErrorKind::ConditionFailed => return Err(error),
                    _ => {}
                }
            }
        }
        let _turn = registered.turn.lock().await;
        let put = registry.put(&registered.key, "");
        match registered.url.is_dynamic() {
            true => put.ephemeral().recreate_if_deleted().await.map(drop),
            false => put.await.map(drop),
        }
    }

    /// Unregisters what this process has registered: what has the same [identity](ServiceUrl::identity), whatever else
    /// its URL says.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is none. `Timeout` and `Unavailable`: it is tried again in the background.
    pub async fn unregister(&self, url: &ServiceUrl) -> Result<()> {
        let role = Role::of(url)?;
        let _working = self.0.working().await?;
        let Some(registered) = self.0.registrations.take(role, &url.identity()) else {
            let message = format!("this process has registered no {role} of {} at {}", url.service(), url.address());
            return Err(Error::new(ErrorKind::NotFound, message).set_outcome(Outcome::NotApplied));
        };
        self.remove(registered).await
    }

    async fn remove(&self, registered: Arc<Registered>) -> Result<()> {
        let removed = registered.remove(&self.0.registry).await;
        if removed.is_err() {
            let registry = self.0.registry.clone();
            self.0.runtime.spawn(async move { registered.remove_at_last(&registry).await });
        }
        removed
    }
}

impl Registration {
    /// What was registered.
    pub fn url(&self) -> &ServiceUrl {
        &self.registered.url
    }

    /// As what it was registered.
    pub fn role(&self) -> Role {
        self.registered.role
    }

    /// The key that it stands at.
    pub fn key(&self) -> &str {
        &self.registered.key
    }

    /// How it stands.
    pub fn state(&self) -> RegistrationState {
        self.registered.state.borrow().clone()
    }

    /// Told of how it stands, whenever that changes.
    pub fn states(&self) -> watch::Receiver<RegistrationState> {
        self.registered.state.subscribe()
    }

    /// Unregisters it.
    ///
    /// # Errors
    ///
    /// As [`Discovery::unregister`].
    pub async fn unregister(self) -> Result<()> {
        let _working = self.discovery.0.working().await?;
        if !self.discovery.0.registrations.forget(&self.registered) {
            return Ok(());
        }
        self.discovery.remove(Arc::clone(&self.registered)).await
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let was_written = !matches!(*self.registered.state.borrow(), RegistrationState::Unregistered);
        if !self.registered.url.is_dynamic() && was_written && self.registered.is_complete() {
            return;
        }
        if self.discovery.0.registrations.forget(&self.registered) {
            let (registry, registered) = (self.discovery.0.registry.clone(), Arc::clone(&self.registered));
            self.discovery.0.runtime.spawn(async move { registered.remove_at_last(&registry).await });
        }
    }
}
