//! All that is registered, of all services and applications, for people to look at.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use registry_host::{Entry, Error, Event, Result, Scope, Watch};

use crate::{Discovery, Role, ServiceUrl, UrlError, layout::Layout};

/// One entry below a service or an application.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// The interface; an application's instance is of none.
    pub interface: Option<String>,
    /// The application, as far as it says one.
    pub application: Option<String>,
    /// Where it is; `None` if it can't be read.
    pub address: Option<String>,
    /// As what it is registered; `None` for an application's instance.
    pub role: Option<Role>,
    /// What it says of itself, or why it can't be read; `None` for an application's instance.
    pub url: Option<std::result::Result<Arc<ServiceUrl>, UrlError>>,
    /// Whether it goes with the session of whoever has registered it.
    pub ephemeral: bool,
}

impl Listed {
    /// Whether it is of an interface or an application of this name.
    pub fn is_of(&self, name: &str) -> bool {
        [&self.interface, &self.application].into_iter().flatten().any(|of| of == name)
    }

    fn of(layout: &Layout, entry: &Entry) -> Option<Self> {
        let ephemeral = entry.ephemeral.is_some();
        if let Some((interface, role, leaf)) = layout.place(&entry.key) {
            let url = ServiceUrl::from_leaf(leaf).map(Arc::new);
            let read = url.as_ref().ok();
            return Some(Listed {
                key: entry.key.clone(),
                interface: Some(interface),
                application: read.and_then(|url| url.application().map(str::to_owned)),
                address: read.map(|url| url.address()),
                role: Some(role),
                url: Some(url),
                ephemeral,
            });
        }
        let (application, address) = layout.instance(&entry.key)?;
        Some(Listed {
            key: entry.key.clone(),
            interface: None,
            application: Some(application.to_owned()),
            address: Some(address.to_owned()),
            role: None,
            url: None,
            ephemeral,
        })
    }
}

/// Something that has changed among all that is registered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ListedChange {
    /// It is there that wasn't.
    Joined(Listed),
    /// It is another's by now, or was written again.
    Changed(Listed),
    /// It is gone.
    Left(Listed),
    /// All that was there has been told.
    Synced,
}

impl Discovery {
    /// All that is registered of all services, and the instances of all applications, sorted by their keys.
    ///
    /// # Errors
    ///
    /// As [`Registry::list`](registry_host::Registry::list).
    pub async fn listed(&self) -> Result<Vec<Listed>> {
        let (registry, layout) = (self.registry(), &self.0.layout);
        let mut listed = Vec::new();
        for root in layout.roots() {
            let entries = registry.list(root).await?;
            listed.extend(entries.iter().filter_map(|entry| Listed::of(layout, entry)));
        }
        Ok(listed)
    }

    /// All that is registered, and then what changes.
    ///
    /// # Errors
    ///
    /// As [`Registry::watch`](registry_host::Registry::watch).
    pub async fn listed_changes(&self) -> Result<ListedChanges> {
        let mut watches = Vec::new();
        for root in self.0.layout.roots() {
            watches.push(self.registry().watch(root, Scope::Subtree).await?);
        }
        let unsynced = watches.len();
        Ok(ListedChanges { layout: self.0.layout.clone(), watches: stream::select_all(watches), unsynced })
    }
}

/// Changes among all that is registered; they end with the registry.
#[must_use = "changes are told to whoever asks"]
pub struct ListedChanges {
    layout: Layout,
    watches: stream::SelectAll<Watch>,
    /// How many watches have not told all that was there.
    unsynced: usize,
}

impl ListedChanges {
    /// The next change; `None` once the registry is closed.
    ///
    /// # Errors
    ///
    /// What ended a watch: it does not go on.
    pub async fn next(&mut self) -> Option<std::result::Result<ListedChange, Error>> {
        loop {
            let event = match self.watches.next().await? {
                Ok(event) => event,
                Err(error) => return Some(Err(error)),
            };
            let of = |entry: &Entry| Listed::of(&self.layout, entry);
            let change = match &event {
                Event::Put { entry, new: true } => of(entry).map(ListedChange::Joined),
                Event::Put { entry, .. } => of(entry).map(ListedChange::Changed),
                Event::Delete { last } => of(last).map(ListedChange::Left),
                Event::Synced if self.unsynced > 0 => {
                    self.unsynced -= 1;
                    (self.unsynced == 0).then_some(ListedChange::Synced)
                }
                _ => None,
            };
            if let Some(change) = change {
                return Some(Ok(change));
            }
        }
    }
}

impl std::fmt::Debug for ListedChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListedChanges").finish_non_exhaustive()
    }
}
