//! Reading: get, children, list (contract 2).

use registry_api::{Check, Entry, ErrorKind, Key, Result, Txn};

use super::{Registry, is_reserved};
use crate::layers::Operation;

impl Registry {
    /// Reads one entry; `None` when there is none.
    ///
    /// # Errors
    ///
    /// `InvalidKey`, `PermissionDenied`, `Timeout`, `Unavailable`, `Closed`.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let key = self.entry_key(Operation::Get, key)?;
        let inner = &*self.0;
        let at_hand = || inner.connection.get_at_hand(key.as_str().into());
        let found = match inner.layers.at_hand(Operation::Get, key, at_hand) {
            Some(found) => {
                // A loop that always gets an answer at once would else starve the tasks beside this one.
                tokio::task::coop::consume_budget().await;
                found?
            }
            None => {
                let asked = inner.connection.get(key.as_str().into(), inner.timeout.into());
                // In a box, so that an answer at hand need not make room for it.
                Box::pin(inner.layers.run(Operation::Get, Some(key), Some(inner.timeout), asked)).await?
            }
        };
        // The key is known here, so that it needn't cross.
        Ok(found.into_option().map(|raw| raw.named(key.as_str())))
    }

    /// Whether there is an entry, also if this user may not read it.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` if the user may not even know that; `InvalidKey`, `Timeout`, `Unavailable`, `Closed`.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        match self.get(key).await {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let key = self.entry_key(Operation::Get, key)?;
                let absent = [Check::Absent(key)];
                match self.0.send(Operation::Get, Some(key), Txn::new(&absent, &[]), None).await {
                    Ok(_) => Ok(false),
                    Err(error) if error.kind() == ErrorKind::ConditionFailed => Ok(true),
                    Err(error) => Err(error),
                }
            }
            found => found.map(|found| found.is_some()),
        }
    }

    /// Names the direct children, sorted by bytes. The root's are asked for with `/`.
    ///
    /// # Errors
    ///
    /// `NotFound` if neither the key nor a descendant exists; `InvalidKey`, `PermissionDenied`, `Timeout`,
    /// `Unavailable`, `Closed`.
    pub async fn children(&self, key: &str) -> Result<Vec<String>> {
        let key = self.key(Operation::Children, key)?;
        let inner = &*self.0;
        let asked = inner.connection.children(key.as_str().into(), inner.timeout.into());
        let names = inner.layers.run(Operation::Children, Some(key), Some(inner.timeout), asked).await?;
        let hides = inner.hides_below(key);
        let hidden = |name: &String| hides && is_reserved(Key::from_checked(&key.child(name)));
        Ok(names.into_iter().map(String::from).filter(|name| !hidden(name)).collect())
    }

    /// Reads the key's own entry and all below it, sorted by bytes; none if there is nothing.
    ///
    /// # Behavior
    ///
    /// Entries below the key that this user may not read are passed over, and a warning names each once.
    ///
    /// # Errors
    ///
    /// `InvalidKey` also for the root; `PermissionDenied` if the key itself may not be read; `Timeout`, `Unavailable`,
    /// `Closed`.
    pub async fn list(&self, key: &str) -> Result<Vec<Entry>> {
        let key = self.entry_key(Operation::List, key)?;
        let inner = &*self.0;
        let asked = inner.connection.list(key.as_str().into(), inner.timeout.into());
        let listed = inner.layers.run(Operation::List, Some(key), Some(inner.timeout), asked).await?;
        Ok(listed.into_iter().map(Entry::from).collect())
    }
}
