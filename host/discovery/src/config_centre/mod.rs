//! The config centre: rules and properties that processes read and follow.

mod entry;
mod rule;

use registry_host::{Error, ErrorKind, Event, Key, Registry, Result, Scope, Version, Watch};

pub use self::{entry::ConfigEntry, rule::RuleKind};
use crate::Discovery;

/// The group where none is named.
pub const DEFAULT_GROUP: &str = "dubbo";

/// What is configured for all processes, at `/<registry.discovery.config-root>/<group>/<key>`.
///
/// On ZooKeeper this is where Dubbo's processes look. On etcd and in memory they have no config centre: there it is an
/// extension, which nobody else reads.
#[derive(Clone, Debug)]
pub struct ConfigCentre {
    registry: Registry,
    root: String,
}

/// What a publication is conditional on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    None,
    Absent,
    Version(Version),
}

impl Discovery {
    /// The config centre on the same registry.
    pub fn config_centre(&self) -> ConfigCentre {
        ConfigCentre { registry: self.registry().clone(), root: self.0.layout.config().to_owned() }
    }
}

impl ConfigCentre {
    /// What is there; `None` if there is nothing.
    ///
    /// # Errors
    ///
    /// `InvalidKey` for a group or key that is no segment of a key; else as [`Registry::get`].
    pub async fn get(&self, group: &str, key: &str) -> Result<Option<ConfigEntry>> {
        let at = self.key(group, key)?;
        Ok(self.registry.get(&at).await?.map(ConfigEntry::of))
    }

    /// Publishes, whatever is there; gives the version.
    ///
    /// # Errors
    ///
    /// As [`get`](ConfigCentre::get), and as [`Registry::put`].
    pub async fn publish(&self, group: &str, key: &str, content: &str) -> Result<Version> {
        self.write(group, key, content, Condition::None).await
    }

    /// Publishes if there is nothing yet.
    ///
    /// # Errors
    ///
    /// `ConditionFailed` if there is something; else as [`publish`](ConfigCentre::publish).
    pub async fn publish_if_absent(&self, group: &str, key: &str, content: &str) -> Result<Version> {
        self.write(group, key, content, Condition::Absent).await
    }

    /// Publishes if what is there is at this version.
    ///
    /// # Errors
    ///
    /// `ConditionFailed` if it is at another, or isn't there; else as [`publish`](ConfigCentre::publish).
    pub async fn publish_if_version(&self, group: &str, key: &str, content: &str, version: Version) -> Result<Version> {
        self.write(group, key, content, Condition::Version(version)).await
    }

    async fn write(&self, group: &str, key: &str, content: &str, condition: Condition) -> Result<Version> {
        let at = self.key(group, key)?;
        let put = self.registry.put(&at, content);
        match condition {
            Condition::None => put.await,
            Condition::Absent => put.if_absent().await,
            Condition::Version(version) => put.if_version(version).await,
        }
    }

    /// Removes what is there; whether there was something.
    ///
    /// # Errors
    ///
    /// As [`get`](ConfigCentre::get), and as [`Registry::delete`].
    pub async fn remove(&self, group: &str, key: &str) -> Result<bool> {
        let at = self.key(group, key)?;
        Ok(self.registry.delete(&at).await? > 0)
    }

    /// Follows a key: what is there first, if anything is, then every change. It need not be there.
    ///
    /// # Errors
    ///
    /// As [`get`](ConfigCentre::get), and as [`Registry::watch`].
    pub async fn listen(&self, group: &str, key: &str) -> Result<ConfigListener> {
        let at = self.key(group, key)?;
        Ok(ConfigListener { watch: self.registry.watch(&at, Scope::Node).await? })
    }

    /// The key of the registry that it stands at.
    ///
    /// # Errors
    ///
    /// As [`check`](ConfigCentre::check).
    pub fn key(&self, group: &str, key: &str) -> Result<String> {
        Self::check(group, key)?;
        Ok(format!("{}/{group}/{key}", self.root))
    }

    /// Checks a group and a key, without looking at anything.
    ///
    /// # Errors
    ///
    /// `InvalidKey` for one that is no segment of a key.
    pub fn check(group: &str, key: &str) -> Result<()> {
        for (what, segment) in [("group", group), ("key", key)] {
            let refused = |problem: &str| {
                let message = format!("the {what} {segment:?} {problem}; accepted: a name without '/', and not '..'");
                Error::new(ErrorKind::InvalidKey, message)
            };
            if segment.contains('/') {
                return Err(refused("has a '/' in it"));
            }
            Key::new(&format!("/{segment}")).map_err(|invalid| refused(invalid.reason()))?;
            if segment.is_empty() {
                return Err(refused("is empty"));
            }
        }
        Ok(())
    }
}

/// What has happened to a key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConfigChange {
    /// It is there that wasn't.
    Added(ConfigEntry),
    /// It says something else.
    Changed(ConfigEntry),
    /// It is gone; this is what it said last.
    Deleted(ConfigEntry),
    /// What was there, if anything was, has been told.
    Synced,
}

/// The changes of one key; they end with the registry.
#[derive(Debug)]
#[must_use = "changes are told to whoever asks"]
pub struct ConfigListener {
    watch: Watch,
}

impl ConfigListener {
    /// The next change; `None` once the registry is closed.
    ///
    /// # Errors
    ///
    /// What ended the watch: it does not go on.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<ConfigChange>> {
        let event = match self.watch.next().await? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match event {
            Event::Put { entry, new: true } => ConfigChange::Added(ConfigEntry::of(entry)),
            Event::Put { entry, .. } => ConfigChange::Changed(ConfigEntry::of(entry)),
            Event::Delete { last } => ConfigChange::Deleted(ConfigEntry::of(last)),
            _ => ConfigChange::Synced,
        }))
    }
}
