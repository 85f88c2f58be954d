//! The address of servers, one after the other: their records stand below its folder.

use std::cmp::Reverse;

use registry_host::{Entry, ErrorKind, Registry, Result, Txn, Version};

/// Removes a folder if no record is left in it: hosts that get another address with each start would leave ever more.
pub(crate) async fn remove_if_empty(registry: &Registry, folder: &str) -> Result<()> {
    match registry.delete(folder).await {
        Err(error) if error.kind() != ErrorKind::HasChildren => Err(error),
        _ => Ok(()),
    }
}

/// Who had registered at an address when it was looked at.
///
/// A server's own entries are no proof of that: on ZooKeeper nothing that a Txn can check tells one for certain from
/// another that was put in its place (contract 3.7).
pub(crate) struct Registered {
    folder: String,
    /// The folder's version, and a record without which it could be another folder; `None` if there was none.
    seen: Option<(Version, String)>,
    /// What stands in the folder, the newest first.
    pub(crate) records: Vec<Entry>,
}

impl Registered {
    pub(crate) async fn look(registry: &Registry, folder: String) -> Result<Self> {
        let nobody = |folder| Registered { folder, seen: None, records: Vec::new() };
        // Before the records: if they are newer than this, the Txn is refused.
        let Some(Entry { version, .. }) = registry.get(&folder).await? else { return Ok(nobody(folder)) };
        let mut records = registry.list(&folder).await?;
        // Neither the folder itself nor what stands below a record for a moment.
        records.retain(|entry| entry.key.rsplit_once('/').is_some_and(|(above, _)| above == folder));
        records.sort_unstable_by_key(|entry| Reverse(entry.created));
        let Some(newest) = records.first() else {
            // The last one to go removes it, or could not.
            remove_if_empty(registry, &folder).await?;
            return Ok(nobody(folder));
        };
        let seen = Some((version, newest.key.clone()));
        Ok(Registered { folder, seen, records })
    }

    /// The Txn is refused if anybody has registered since.
    pub(crate) fn check(&self, txn: &mut Txn) {
        match &self.seen {
            Some((version, record)) => txn.check_version(&self.folder, *version).check_present(record),
            None => txn.check_absent(&self.folder),
        };
    }
}
