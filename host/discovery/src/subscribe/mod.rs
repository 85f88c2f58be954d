//! Who is there, as the registry tells it.

mod changes;
mod set;
mod watched;

use std::sync::Arc;

use registry_host::{ErrorKind, Result, Scope};

use self::watched::Mirrored;
pub(crate) use self::watched::Watched;
pub use self::{
    changes::{Change, Subscription},
    set::{ServiceSet, UnreadableUrl},
};
use crate::{Discovery, Role, Service, ServiceUrl};

impl Discovery {
    /// Follows the providers of a service: all of them first, then what changes.
    ///
    /// # Behavior
    ///
    /// It never gives up: what can't be watched is tried again, after pauses from 0.1 s to 10 s that are logged, and
    /// the last set stays meanwhile. All subscriptions to one interface share a watch. Two URLs of the same
    /// [identity](ServiceUrl::identity) are one provider, of which the younger counts. A URL that can't be read is
    /// passed over, and [named](ServiceSet::unreadable). A slow reader costs no more than the set. Subscribing
    /// registers no consumer; for that there is [`register`](Discovery::register).
    ///
    /// # Errors
    ///
    /// `InvalidKey` if the interface can't be one, `Closed`.
    pub async fn subscribe(&self, service: &Service) -> Result<Subscription> {
        self.subscribe_to(Role::Provider, service).await
    }

    /// The same for another role.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Discovery::subscribe).
    pub async fn subscribe_to(&self, role: Role, service: &Service) -> Result<Subscription> {
        let folder = self.0.layout.folder(&service.interface, role)?;
        let _working = self.0.working().await?;
        let watched = self.watch(role, &service.interface, folder);
        Ok(Subscription::new(watched, service.clone(), self.options().empty_protection))
    }

    fn watch(&self, role: Role, interface: &str, folder: String) -> Arc<Watched> {
        let inner = &*self.0;
        let mut all = inner.lock(&inner.watched);
        all.retain(|_, watched| watched.strong_count() > 0);
        let at = (role, interface.to_owned());
        if let Some(watched) = all.get(&at).and_then(|watched| watched.upgrade()) {
            return watched;
        }
        let mirrored = Arc::new(Mirrored::new(folder.clone()));
        let watching = {
            let _entered = inner.runtime.enter();
            inner.registry.mirror("watching a service", folder, Scope::Children, Arc::clone(&mirrored))
        };
        let watched = Arc::new(Watched::new(mirrored, watching));
        all.insert(at, Arc::downgrade(&watched));
        watched
    }

    /// The providers of a service that are there now.
    ///
    /// # Errors
    ///
    /// As [`Registry::children`](registry_host::Registry::children), but that it is empty if there are none.
    pub async fn lookup(&self, service: &Service) -> Result<Vec<Arc<ServiceUrl>>> {
        Ok(self.look_up(Role::Provider, service).await?.urls().to_vec())
    }

    /// Who is there now in any role, with what can't be read.
    ///
    /// # Errors
    ///
    /// As [`lookup`](Discovery::lookup).
    pub async fn look_up(&self, role: Role, service: &Service) -> Result<ServiceSet> {
        let folder = self.0.layout.folder(&service.interface, role)?;
        let _working = self.0.working().await?;
        // Names are all that is needed: values say nothing.
        let leaves = match self.0.registry.children(&folder).await {
            Ok(leaves) => leaves,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let read: Vec<_> = leaves.iter().map(|leaf| set::read(&folder, leaf)).collect();
        Ok(ServiceSet::of(&read, service))
    }
}
