//! A server's entries in the registry, and whether they are still its own.

use std::time::Duration;

use registry_host::{Error, ErrorKind, Registry, Result, SessionId, Txn, Version};

use super::{Stop, looking::Ownership};
use crate::{
    Heartbeat, Incarnation, Member, Server,
    address::{Registered, remove_if_empty},
    compat::dolphinscheduler::layout::mark_key,
    era::Era,
    record::{RECORDS, Record, folder},
    witness,
};

/// How often in a row others may be faster.
const TRIES: usize = 5;

/// How many former processes of a server are notified that they are replaced: each costs an operation of the Txn. Each
/// has notified those before it.
const MAX_FORMER: usize = 4;

/// What a server has put, as it knows it.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) registry: Registry,
    pub(super) server: Server,
    pub(super) incarnation: Incarnation,
    pub(super) mark: String,
    /// Told apart from the data that are there once these were deleted.
    pub(super) era: Era,
    pub(super) record: At,
    pub(super) nodes: Vec<At>,
    /// What tells that the session lives, should the nodes be deleted.
    pub(super) witness: String,
    /// The session that they were last seen or put in.
    pub(super) session: SessionId,
}

#[derive(Debug)]
pub(super) struct At {
    pub(super) key: String,
    /// The version that it was last known at; `None` if it went with its session.
    pub(super) version: Option<Version>,
}

/// What a server does with its own dead mark when it registers.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    /// It begins an incarnation: the mark was meant for another.
    Clear,
    /// It goes on living, unless there is a mark.
    Heed,
}

impl Entries {
    /// Puts the entries, whatever stands there; `held` has the master's lock checked.
    pub(super) async fn put(
        registry: &Registry,
        server: &Server,
        incarnation: Incarnation,
        heartbeat: &Heartbeat,
        held: Option<&registry_host::Guard>,
        timeout: Duration,
    ) -> Result<Self> {
        let put = Self::put_once(registry, server, incarnation, heartbeat, held, timeout, Mark::Clear);
        put.await?.map_err(|stop| Error::new(ErrorKind::ConditionFailed, stop.to_string()))
    }

    /// Puts them again after they were deleted; says if the server is to stop instead.
    pub(super) async fn put_again(&mut self, heartbeat: &Heartbeat) -> Result<Option<Stop>> {
        let timeout = self.registry.operation_timeout();
        let put = Self::put_once(&self.registry, &self.server, self.incarnation, heartbeat, None, timeout, Mark::Heed);
        match put.await? {
            Ok(entries) => *self = entries,
            Err(stop) => return Ok(Some(stop)),
        }
        Ok(None)
    }

    async fn put_once(
        registry: &Registry,
        server: &Server,
        incarnation: Incarnation,
        heartbeat: &Heartbeat,
        held: Option<&registry_host::Guard>,
        timeout: Duration,
        on_mark: Mark,
    ) -> Result<std::result::Result<Self, Stop>> {
        let (mark, keys) = (mark_key(server.role(), server.address()), server.keys());
        let record = Record::new(server.role(), server.address(), keys.clone(), incarnation);
        let (record_key, record_value, value) = (record.key(), record.write(), heartbeat.write());
        let folder = folder(server.role(), server.address());
        let (witness, told) = (witness::key(server.role(), server.address()), witness::value(incarnation));
        for _ in 0..TRIES {
            let (era, version) = Era::begun(registry).await?;
            let registered = Registered::look(registry, folder.clone()).await?;
            let former = former(&registered, incarnation);
            let session = registry.session().id();
            let mut txn = registry.txn();
            txn.timeout(timeout).check_version(RECORDS, version);
            if on_mark == Mark::Heed {
                if registry.exists(&mark).await? {
                    return Ok(Err(Stop::DeclaredDead));
                }
                match own_record(&registered, incarnation, &keys[0]) {
                    Ok(Some(version)) => txn.check_version(&record_key, version),
                    Ok(None) => txn.check_absent(&record_key),
                    Err(stop) => return Ok(Err(stop)),
                };
                txn.check_absent(&mark);
            }
            let record = txn.put(&record_key, &record_value).handle();
            txn.put(&folder, "");
            // Nobody else has registered since the look. That a former process beats is no reason to look again.
            registered.check(&mut txn);
            if let Some(held) = held {
                txn.check_held(held);
            }
            let nodes: Vec<_> = keys.iter().map(|key| txn.put(key, &value).ephemeral().handle()).collect();
            // It checks its record with each beat: one that is just on its way is refused.
            for (key, version, value) in &former {
                txn.check_version(key, *version).put(key, value);
            }
            txn.put(&witness, &told).ephemeral();
            if on_mark == Mark::Clear {
                txn.delete(&mark);
            }
            let committed = match txn.commit().await {
                Ok(committed) => committed,
                Err(error) if error.kind() == ErrorKind::ConditionFailed && held.is_none_or(|held| !held.is_lost()) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let put = |key, put| At { key, version: Some(committed.version_of(put)) };
            let record = put(record_key, record);
            let nodes = keys.into_iter().zip(nodes).map(|(key, node)| put(key, node)).collect();
            let (registry, server) = (registry.clone(), server.clone());
            return Ok(Ok(Entries { registry, server, incarnation, mark, era, record, nodes, witness, session }));
        }
        Err(restless(server))
    }

    /// The keys of the ephemeral entries.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.key.as_str()).chain([self.witness.as_str()])
    }

    /// Writes a heartbeat, if the entries are still the server's own and nobody has declared it dead; else says what
    /// has become of them.
    pub(super) async fn beat(&mut self, heartbeat: &Heartbeat) -> Result<Ownership> {
        let value = heartbeat.write();
        for _ in 0..TRIES {
            let session = self.registry.session().id();
            match self.write(&value).await {
                Ok(versions) => {
                    self.session = session;
                    self.nodes.iter_mut().zip(versions).for_each(|(node, version)| node.version = Some(version));
                    return Ok(Ownership::Own);
                }
                Err(error) if matches!(error.kind(), ErrorKind::ConditionFailed | ErrorKind::VersionRace) => {}
                Err(error) => return Err(error),
            }
            // Somebody has changed them: it may have been this registry, in the next session.
            match self.look().await? {
                Ownership::Own => {}
                found => return Ok(found),
            }
        }
        Err(restless(&self.server))
    }

    async fn write(&self, value: &[u8]) -> Result<Vec<Version>> {
        let mut txn = self.registry.txn();
        txn.check_absent(&self.mark);
        self.check_record(&mut txn);
        let puts: Vec<_> = self
            .nodes
            .iter()
            .map(|node| {
                node.check(&mut txn);
                txn.put(&node.key, value).ephemeral().handle()
            })
            .collect();
        let committed = txn.commit().await?;
        Ok(puts.into_iter().map(|put| committed.version_of(put)).collect())
    }

    /// Nobody who has registered since has told this server that it is replaced: its entries are its own.
    pub(super) fn check_record(&self, txn: &mut Txn) {
        match self.record.version {
            Some(version) => txn.check_version(&self.record.key, version),
            None => txn.check_present(&self.record.key),
        };
    }

    /// Removes the entries that are the server's own, so that they don't come back with the next session either.
    pub(super) async fn release(&mut self) -> Result<()> {
        for _ in 0..TRIES {
            match self.release_once().await {
                // Somebody has registered, or they have just been recreated in the next session.
                Err(error) if error.kind() == ErrorKind::ConditionFailed => {}
                released => return released,
            }
        }
        Err(restless(&self.server))
    }

    async fn release_once(&self) -> Result<()> {
        let registered = Registered::look(&self.registry, folder(self.server.role(), self.server.address())).await?;
        let (mut txn, mut owns) = (self.registry.txn(), false);
        registered.check(&mut txn);
        for key in self.keys() {
            match self.registry.get(key).await? {
                None => txn.check_absent(key),
                Some(entry)
                    if Member::of(&entry).and_then(|member| member.incarnation()) == Some(self.incarnation)
                        || witness::tells_of(&entry, self.incarnation) =>
                {
                    txn.check_version(key, entry.version)
                }
                Some(_) => continue,
            };
            // Also one that is missing: nor is it recreated then.
            txn.delete(key);
            owns = true;
        }
        if owns { txn.commit().await.map(drop) } else { Ok(()) }
    }

    /// Removes the entries and the record of this incarnation: there is nothing to be taken over.
    pub(super) async fn leave(&mut self) -> Result<Option<Stop>> {
        for _ in 0..TRIES {
            match self.remove().await {
                Ok(()) => {
                    let folder = folder(self.server.role(), self.server.address());
                    if let Err(error) = remove_if_empty(&self.registry, &folder).await {
                        tracing::debug!(server = %self.server, %error, "an empty folder is left behind");
                    }
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::ConditionFailed => {}
                Err(error) => return Err(error),
            }
            match self.look().await? {
                Ownership::Own => {}
                Ownership::Stop(stop) => return Ok(Some(stop)),
                // All is gone that there was to be removed.
                Ownership::Emptied(_) => return self.release().await.map(|()| None),
            }
        }
        Err(restless(&self.server))
    }

    async fn remove(&self) -> Result<()> {
        // A later registration has changed the record, so that what tells of the session is this incarnation's
        // own.
        let mut txn = self.registry.txn();
        self.check_record(&mut txn);
        txn.delete(&self.record.key).delete(&self.witness);
        for node in &self.nodes {
            node.check(&mut txn);
            txn.delete(&node.key);
        }
        txn.commit().await.map(drop)
    }
}

impl At {
    /// The Txn is refused if it is not there as it was last known.
    fn check(&self, txn: &mut Txn) {
        match self.version {
            Some(version) => txn.check_version(&self.key, version),
            None => txn.check_absent(&self.key),
        };
    }
}

/// The version of an incarnation's record, which goes on; or why it does not.
fn own_record(
    registered: &Registered,
    incarnation: Incarnation,
    key: &str,
) -> std::result::Result<Option<Version>, Stop> {
    let mut own = None;
    for entry in &registered.records {
        match Record::of(entry) {
            Some(record) if record.incarnation() == incarnation => match record {
                Record { replaced_by: Some(by), .. } => {
                    return Err(Stop::Replaced { key: key.to_owned(), by: Some(by) });
                }
                Record { taken_over: Some(_), .. } => return Err(Stop::FailedOver),
                _ => own = Some(entry.version),
            },
            // It has registered since: nobody has told it that it is replaced.
            Some(record) if record.replaced_by.is_none() && record.taken_over.is_none() => {
                return Err(Stop::Replaced { key: key.to_owned(), by: Some(record.incarnation()) });
            }
            _ => {}
        }
    }
    Ok(own)
}

/// The records of those who don't know yet that they are replaced: key, version, and the value that says so. One that
/// leaves no record can't be told.
fn former(registered: &Registered, incarnation: Incarnation) -> Vec<(String, Version, Vec<u8>)> {
    let records = registered.records.iter().filter_map(|entry| {
        // An attempt before this one may have been successful after all.
        let record = Record::of(entry).filter(|record| record.incarnation() != incarnation)?;
        // A take-over tells it itself, and the master that takes over must find the record as it is.
        if record.replaced_by.is_some() || record.taken_over.is_some() {
            return None;
        }
        let replaced = Record { replaced_by: Some(incarnation), ..record };
        Some((entry.key.clone(), entry.version, replaced.write()))
    });
    records.take(MAX_FORMER).collect()
}

fn restless(server: &Server) -> Error {
    let message = format!("the entries of {server} are changed all the time");
    Error::new(ErrorKind::ConditionFailed, message).set_retryable(true)
}
