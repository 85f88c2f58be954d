//! All that there are of one service.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use crate::{Identity, Service, ServiceUrl, UrlError};

/// Something below a service that can't be read as a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableUrl {
    /// Its key.
    pub key: String,
    /// What is wrong with it.
    pub error: UrlError,
}

/// What was read of one entry.
pub(super) type Read = Result<Arc<ServiceUrl>, Arc<UnreadableUrl>>;

/// All providers of a service, or all that there are in another role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSet {
    urls: Vec<Arc<ServiceUrl>>,
    unreadable: Vec<Arc<UnreadableUrl>>,
    stale: bool,
}

impl ServiceSet {
    /// Those of a service among what was read.
    pub(super) fn of<'r>(read: impl IntoIterator<Item = &'r Read>, service: &Service) -> Self {
        let (mut by_identity, mut unreadable) = (BTreeMap::<Identity, Arc<ServiceUrl>>::new(), Vec::new());
        for read in read {
            match read {
                Ok(url) if service.includes(url) => match by_identity.entry(url.identity()) {
                    btree_map::Entry::Vacant(new) => {
                        new.insert(Arc::clone(url));
                    }
                    // One that was started again, before what it had registered is gone.
                    btree_map::Entry::Occupied(mut known) if known.get().timestamp_ms() < url.timestamp_ms() => {
                        known.insert(Arc::clone(url));
                    }
                    btree_map::Entry::Occupied(_) => {}
                },
                Ok(_) => {}
                Err(found) => unreadable.push(Arc::clone(found)),
            }
        }
        ServiceSet { urls: by_identity.into_values().collect(), unreadable, stale: false }
    }

    /// The same set, of which nobody is known to be there any more.
    pub(super) fn gone_stale(&self, now: &ServiceSet) -> Self {
        ServiceSet { urls: self.urls.clone(), unreadable: now.unreadable.clone(), stale: true }
    }

    /// Those who are there, one of each [identity](ServiceUrl::identity), sorted by that.
    pub fn urls(&self) -> &[Arc<ServiceUrl>] {
        &self.urls
    }

    /// What can't be read among them, whichever group and version it may be of.
    pub fn unreadable(&self) -> &[Arc<UnreadableUrl>] {
        &self.unreadable
    }

    /// Whether nobody is there any more, and these are the last ones, kept by `registry.discovery.empty-protection`.
    pub fn is_stale(&self) -> bool {
        self.stale
    }
}

/// Reads an entry's name.
pub(super) fn read(folder: &str, leaf: &str) -> Read {
    let unreadable = |error| Arc::new(UnreadableUrl { key: format!("{folder}/{leaf}"), error });
    ServiceUrl::from_leaf(leaf).map(Arc::new).map_err(unreadable)
}
