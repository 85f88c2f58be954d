//! The records on the registry: nothing else here touches them.

use std::collections::BTreeMap;

use registry_host::{Entry, Error, ErrorKind, Guard, Registry, Result, Scope, Version, Watch};

use crate::record::{Record, Refused, TASKS, TaskId, Unreadable, WorkerRef, now};

/// How often in a row others may be faster.
const TRIES: usize = 20;

/// The records of all tasks.
#[derive(Clone, Debug)]
pub struct Store {
    registry: Registry,
}

/// A record, and the version of its entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// How the task stands.
    pub record: Record,
    /// What a change is conditional on.
    pub version: Version,
}

/// What must hold for a worker to accept a task: that it still is who it was.
#[derive(Clone, Debug, Default)]
pub struct Fence(pub Vec<(String, Option<Version>)>);

/// What comes of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// It was written.
    Written(Stored),
    /// There is nothing to be written.
    AsItWas(Stored),
}

impl Store {
    /// The records on a registry.
    pub fn new(registry: Registry) -> Self {
        Store { registry }
    }

    /// Where they are.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// As [`Registry::get`]; `ConditionFailed` if the record can't be read.
    pub async fn get(&self, id: &TaskId) -> Result<Option<Stored>> {
        let Some(entry) = self.registry.get(&id.key()).await? else { return Ok(None) };
        match Record::read(&entry.key, &entry.value) {
            Some(Ok(record)) => Ok(Some(Stored { record, version: entry.version })),
            Some(Err(Unreadable { why, .. })) => Err(unreadable(&entry.key, why)),
            None => Ok(None),
        }
    }

    /// Reads all.
    ///
    /// # Errors
    ///
    /// As [`Registry::list`].
    pub async fn list(&self) -> Result<Vec<std::result::Result<Stored, Unreadable>>> {
        let entries = self.registry.list(TASKS).await?;
        Ok(entries.iter().filter_map(read).collect())
    }

    /// Watches all, or one.
    ///
    /// # Errors
    ///
    /// As [`Registry::watch`].
    pub async fn watch(&self, id: Option<&TaskId>) -> Result<Watch> {
        match id {
            Some(id) => self.registry.watch(&id.key(), Scope::Node).await,
            None => self.registry.watch(TASKS, Scope::Subtree).await,
        }
    }

    /// Writes a new record; `None` if there is one of that id.
    ///
    /// # Errors
    ///
    /// As [`Registry::put`].
    pub async fn create(&self, record: Record) -> Result<Option<Stored>> {
        let written = self.registry.put(&record.id.key(), record.write()).if_absent().await;
        conditional(written.map(|version| Stored { record, version }))
    }

    /// Writes a record in place of one that is at this version; `None` if it isn't any more.
    ///
    /// # Errors
    ///
    /// As [`Registry::put`].
    pub async fn replace(&self, record: Record, version: Version) -> Result<Option<Stored>> {
        let written = self.registry.put(&record.id.key(), record.write()).if_version(version).await;
        conditional(written.map(|version| Stored { record, version }))
    }

    /// The same, only while a lock is held.
    ///
    /// # Errors
    ///
    /// As [`replace`](Store::replace); the guard's own error if it is lost.
    pub async fn replace_under(&self, record: Record, version: Version, guard: &Guard) -> Result<Option<Stored>> {
        let (key, value) = (record.id.key(), record.write());
        let mut txn = self.registry.txn();
        let put = txn.check_held(guard).check_version(&key, version).put(&key, &value).handle();
        let committed = conditional(txn.commit().await)?;
        if committed.is_none() && guard.is_lost() {
            return Err(Error::new(ErrorKind::LockLost, "the lock of the take-over is lost").set_retryable(true));
        }
        Ok(committed.map(|committed| Stored { record, version: committed.version_of(put) }))
    }

    /// Writes that a worker has accepted a task that was sent to it; `None` if the record is another by now, or the
    /// worker is no more who it was. Only then may it start the command.
    ///
    /// # Errors
    ///
    /// As [`Registry::put`]; it may have been written if the outcome is unknown.
    pub async fn accept(
        &self,
        record: &Record,
        version: Version,
        worker: &WorkerRef,
        fence: &Fence,
    ) -> Result<Option<Stored>> {
        let Ok(record) = record.accepted(worker, now()) else { return Ok(None) };
        let (key, value) = (record.id.key(), record.write());
        let mut txn = self.registry.txn();
        txn.check_version(&key, version);
        for (key, version) in &fence.0 {
            match version {
                Some(version) => txn.check_version(key, *version),
                None => txn.check_present(key),
            };
        }
        let put = txn.put(&key, &value).handle();
        let committed = conditional(txn.commit().await)?;
        Ok(committed.map(|committed| Stored { record, version: committed.version_of(put) }))
    }

    /// Changes a record, again if others are faster; what is known of it already need not be read.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is none; `ConditionFailed` with the reason why it can't be changed so; else as
    /// [`Registry::put`].
    pub async fn change(
        &self,
        id: &TaskId,
        mut known: Option<Stored>,
        mut change: impl FnMut(&Record) -> std::result::Result<Option<Record>, Refused>,
    ) -> Result<Changed> {
        for _ in 0..TRIES {
            let is_fresh = known.is_none();
            let stored = match known.take() {
                Some(stored) => stored,
                None => self.get(id).await?.ok_or_else(|| no_such_task(id))?,
            };
            let record = match change(&stored.record) {
                Ok(Some(record)) => record,
                // What is known may be old.
                _ if !is_fresh => continue,
                Ok(None) => return Ok(Changed::AsItWas(stored)),
                Err(Refused(why)) => return Err(Error::new(ErrorKind::ConditionFailed, why).or_key(id.key())),
            };
            if let Some(stored) = self.replace(record, stored.version).await? {
                return Ok(Changed::Written(stored));
            }
        }
        let message = format!("the record of the task {id} is changed all the time");
        Err(Error::new(ErrorKind::ConditionFailed, message).or_key(id.key()).set_retryable(true))
    }

    /// Removes a record that is at this version; `false` if it isn't any more.
    ///
    /// # Errors
    ///
    /// As [`Registry::delete`].
    pub async fn remove(&self, id: &TaskId, version: Version) -> Result<bool> {
        let key = id.key();
        let deletion = self.registry.txn().check_version(&key, version).delete(&key).commit();
        Ok(conditional(deletion.await)?.is_some())
    }
}

impl Changed {
    /// The record as it is now.
    pub fn stored(self) -> Stored {
        match self {
            Changed::Written(stored) | Changed::AsItWas(stored) => stored,
        }
    }
}

/// All records that a watch has told of, by the key's last segment.
pub type Records = BTreeMap<String, std::result::Result<Stored, Unreadable>>;

/// The record that an entry holds; `None` for a folder.
pub fn read(entry: &Entry) -> Option<std::result::Result<Stored, Unreadable>> {
    let read = Record::read(&entry.key, &entry.value)?;
    Some(read.map(|record| Stored { record, version: entry.version }))
}

/// There is no such task.
pub fn no_such_task(id: &TaskId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no task {id}")).or_key(id.key())
}

fn unreadable(key: &str, why: String) -> Error {
    Error::new(ErrorKind::ConditionFailed, why).or_key(key).with_key_in_message()
}

/// `None` if a condition failed.
fn conditional<T>(written: Result<T>) -> Result<Option<T>> {
    match written {
        Ok(written) => Ok(Some(written)),
        Err(error) if error.kind() == ErrorKind::ConditionFailed => Ok(None),
        Err(error) => Err(error),
    }
}
