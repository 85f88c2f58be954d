//! A server's entries in the registry, and whether they are still its own.

use std::time::Duration;

use registry_host::{Error, ErrorKind, Registry, Result, SessionId, TxnBuilder};

use super::Stop;
use crate::{
    Heartbeat, Life, Member, Server,
    address::{Registered, folder, remove_if_empty},
    keys::mark_key,
    presence::is_there,
    record::Record,
};

/// How often in a row others may be faster.
const TRIES: usize = 5;

/// How many former processes of a server are told that they are replaced: each costs an operation of the Txn. Each has told those
/// before it.
const MAX_FORMER: usize = 4;

/// What a server has put, as it knows it.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) registry: Registry,
    pub(super) server: Server,
    pub(super) life: Life,
    mark: String,
    record: At,
    nodes: Vec<At>,
    /// The session that they were last seen or put in.
    session: SessionId,
}

#[derive(Debug)]
struct At {
    key: String,
    /// The version that it was last known at; nothing if it went with its session.
    version: Option<u64>,
}

/// What came of a look.
enum Found {
    /// The entries are the server's own.
    Own,
    /// They are not.
    Stop(Stop),
}

impl Entries {
    /// Puts the entries, whatever stands there; `held` has the master's lock checked.
    pub(super) async fn put(
        registry: &Registry,
        server: &Server,
        life: Life,
        heartbeat: &Heartbeat,
        held: Option<&registry_host::Guard>,
        timeout: Duration,
    ) -> Result<Self> {
        let (mark, keys) = (mark_key(server.role(), server.address()), server.keys());
        let record = Record::new(server.role(), server.address(), keys.clone(), life);
        let (record_key, record_value, value) = (record.key(), record.write(), heartbeat.write());
        let folder = folder(server.role(), server.address());
        for _ in 0..TRIES {
            let registered = Registered::look(registry, folder.clone()).await?;
            let former = former(&registered, life);
            let session = registry.session().id();
            let txn = registry.txn().timeout(timeout).delete(&mark).put(&record_key, &record_value).put(&folder, "");
            // Nobody else has registered since the look. That a former process beats is no reason to look again.
            let mut txn = registered.check(txn);
            if let Some(held) = held {
                txn = txn.check_held(held);
            }
            for key in &keys {
                txn = txn.put_ephemeral(key, &value);
            }
            // It checks its record with each beat: one that is just on its way is refused.
            for (key, version, value) in &former {
                txn = txn.check_version(key, *version).put(key, value);
            }
            let committed = match txn.commit().await {
                Ok(committed) => committed,
                Err(error) if error.kind() == ErrorKind::ConditionFailed && held.is_none_or(|held| !held.is_lost()) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let nodes = keys.iter().enumerate();
            let nodes = nodes.map(|(at, key)| At { key: key.clone(), version: committed.version(3 + at) }).collect();
            let record = At { version: committed.version(1), key: record_key };
            let (registry, server) = (registry.clone(), server.clone());
            return Ok(Entries { registry, server, life, mark, record, nodes, session });
        }
        Err(restless(server))
    }

    /// The entries' keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.key.as_str())
    }

    /// Writes a heartbeat, if the entries are still the server's own and nobody has declared it dead; else says why it is to stop.
    pub(super) async fn beat(&mut self, heartbeat: &Heartbeat) -> Result<Option<Stop>> {
        let value = heartbeat.write();
        for _ in 0..TRIES {
            let session = self.registry.session().id();
            match self.write(&value).await {
                Ok(versions) => {
                    self.session = session;
                    self.nodes.iter_mut().zip(versions).for_each(|(node, version)| node.version = version);
                    return Ok(None);
                }
                Err(error) if matches!(error.kind(), ErrorKind::ConditionFailed | ErrorKind::VersionRace) => {}
                Err(error) => return Err(error),
            }
            // Somebody has changed them: it may have been this registry, in the next session.
            if let Found::Stop(stop) = self.look().await? {
                return Ok(Some(stop));
            }
        }
        Err(restless(&self.server))
    }

    /// Whether the server is to stop, without writing.
    pub(super) async fn check(&mut self) -> Result<Option<Stop>> {
        match self.look().await? {
            Found::Own => Ok(None),
            Found::Stop(stop) => Ok(Some(stop)),
        }
    }

    async fn write(&self, value: &[u8]) -> Result<Vec<Option<u64>>> {
        let mut txn = self.check_record(self.registry.txn().check_absent(&self.mark));
        for node in &self.nodes {
            txn = match node.version {
                Some(version) => txn.check_version(&node.key, version),
                None => txn.check_absent(&node.key),
            };
            txn = txn.put_ephemeral(&node.key, value);
        }
        let committed = txn.commit().await?;
        Ok((0..self.nodes.len()).map(|at| committed.version(at)).collect())
    }

    async fn look(&mut self) -> Result<Found> {
        // Also a mark that this user may not read.
        if is_there(&self.registry, &self.mark).await? {
            return Ok(Found::Stop(Stop::DeclaredDead));
        }
        match self.registry.get(&self.record.key).await? {
            Some(entry) => match Record::of(&entry) {
                Some(Record { replaced_by: Some(by), .. }) => {
                    return Ok(Found::Stop(Stop::Replaced { key: self.nodes[0].key.clone(), by: Some(by) }));
                }
                Some(Record { taken_over: None, .. }) => self.record.version = Some(entry.version),
                _ => return Ok(Found::Stop(Stop::FailedOver)),
            },
            None => return Ok(Found::Stop(Stop::FailedOver)),
        }
        for at in 0..self.nodes.len() {
            let key = self.nodes[at].key.clone();
            // One that is missing is gone for good only if the session that it was put in lives after that was seen.
            let session = self.registry.session().id();
            let found = match self.registry.get(&key).await {
                // Its own it could read.
                Err(error) if error.kind() == ErrorKind::PermissionDenied && is_there(&self.registry, &key).await? => {
                    return Ok(Found::Stop(Stop::Replaced { key, by: None }));
                }
                found => found?,
            };
            self.nodes[at].version = match found {
                Some(entry) => {
                    let member = Member::of(&entry);
                    if member.as_ref().and_then(Member::life) != Some(self.life) {
                        return Ok(Found::Stop(Stop::Replaced { key, by: member.and_then(|member| member.life()) }));
                    }
                    Some(entry.version)
                }
                None if session != self.session => None,
                None if self.lives(session).await? => return Ok(Found::Stop(Stop::EntryGone { key })),
                None => None,
            };
        }
        Ok(Found::Own)
    }

    /// Whether a session still lives: it does if something can be put in it.
    async fn lives(&self, session: SessionId) -> Result<bool> {
        let probe = format!("{}/session", self.record.key);
        self.registry.txn().check_present(&self.record.key).put_ephemeral(&probe, "").commit().await?;
        let lives = self.registry.session().id() == session;
        self.registry.delete(&probe).await?;
        Ok(lives)
    }

    /// Nobody who has registered since has told this server that it is replaced: its entries are its own.
    fn check_record<'a>(&'a self, txn: TxnBuilder<'a>) -> TxnBuilder<'a> {
        match self.record.version {
            Some(version) => txn.check_version(&self.record.key, version),
            None => txn.check_present(&self.record.key),
        }
    }

    /// Removes the entries that are the server's own, so that they don't come back with the next session either.
    pub(super) async fn release(&mut self) -> Result<()> {
        for _ in 0..TRIES {
            match self.release_once().await {
                // Somebody has registered, or they have just been made anew in the next session.
                Err(error) if error.kind() == ErrorKind::ConditionFailed => {}
                released => return released,
            }
        }
        Err(restless(&self.server))
    }

    async fn release_once(&self) -> Result<()> {
        let registered = Registered::look(&self.registry, folder(self.server.role(), self.server.address())).await?;
        let (mut txn, mut owns) = (registered.check(self.registry.txn()), false);
        for node in &self.nodes {
            txn = match self.registry.get(&node.key).await? {
                None => txn.check_absent(&node.key),
                Some(entry) if Member::of(&entry).and_then(|member| member.life()) == Some(self.life) => {
                    txn.check_version(&node.key, entry.version)
                }
                Some(_) => continue,
            };
            // Also one that is missing: nor is it made anew then.
            (txn, owns) = (txn.delete(&node.key), true);
        }
        if owns { txn.commit().await.map(drop) } else { Ok(()) }
    }

    /// Removes the entries and the record of this life: there is nothing to be taken over.
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
            if let Found::Stop(stop) = self.look().await? {
                return Ok(Some(stop));
            }
        }
        Err(restless(&self.server))
    }

    async fn remove(&self) -> Result<()> {
        let mut txn = self.check_record(self.registry.txn()).delete(&self.record.key);
        for node in &self.nodes {
            txn = match node.version {
                Some(version) => txn.check_version(&node.key, version),
                None => txn.check_absent(&node.key),
            };
            txn = txn.delete(&node.key);
        }
        txn.commit().await.map(drop)
    }
}

/// The records of those who don't know yet that they are replaced: key, version, and the value that says so. One that leaves no
/// record can't be told.
fn former(registered: &Registered, life: Life) -> Vec<(String, u64, Vec<u8>)> {
    let records = registered.records.iter().filter_map(|entry| {
        // An attempt before this one may have been successful after all.
        let record = Record::of(entry).filter(|record| record.life() != life)?;
        // One that is taken over for is told by that, and whoever takes over has to find the record as it is.
        if record.replaced_by.is_some() || record.taken_over.is_some() {
            return None;
        }
        let replaced = Record { replaced_by: Some(life), ..record };
        Some((entry.key.clone(), entry.version, replaced.write()))
    });
    records.take(MAX_FORMER).collect()
}

fn restless(server: &Server) -> Error {
    let message = format!("the entries of {server} are changed all the time");
    Error::new(ErrorKind::ConditionFailed, message).with_retryable(true)
}
