//! What has become of a server's entries, and who has done it.

use std::time::Duration;

use registry_host::{Entry, ErrorKind, Result, SessionId};
use tokio::time::sleep;

use super::{Entries, Stop};
use crate::{
    Member,
    era::Era,
    record::{RECORDS, Record},
    witness,
};

/// How long a deletion of a tree, entry by entry, may take before it is judged what is gone and what isn't.
const DELETES_FOR: Duration = Duration::from_secs(1);

/// What came of a look.
pub(super) enum Ownership {
    /// The entries are the server's own.
    Own,
    /// They are not.
    Stop(Stop),
    /// They were deleted together with more than what is the server's; this is gone, or another than before. Nobody is
    /// known to have taken over.
    Emptied(String),
}

/// What is missing of a server's own.
enum Missing {
    /// The record of its incarnation.
    Record,
    /// One of its entries, although the session lives that it was put in.
    Node(usize),
}

/// What a first look tells.
enum Seen {
    Own,
    Stop(Stop),
    Missing(Missing),
}

impl Entries {
    /// Looks whether the entries are still the server's own.
    pub(super) async fn look(&mut self) -> Result<Ownership> {
        let mut seen = self.see().await?;
        if matches!(seen, Seen::Missing(_)) {
            // A deletion of everything may have begun with these.
            sleep(DELETES_FOR).await;
            seen = self.see().await?;
        }
        Ok(match seen {
            Seen::Own => {
                self.put_witness().await?;
                Ownership::Own
            }
            Seen::Stop(stop) => Ownership::Stop(stop),
            Seen::Missing(Missing::Record) => self.without_record().await?,
            Seen::Missing(Missing::Node(at)) => self.without_node(at).await?,
        })
    }

    async fn see(&mut self) -> Result<Seen> {
        // Also a mark that this user may not read.
        if self.registry.exists(&self.mark).await? {
            return Ok(Seen::Stop(Stop::DeclaredDead));
        }
        let record = self.registry.get(&self.record.key).await?;
        let has_record = record.is_some();
        if let Some(entry) = record {
            match Record::of(&entry) {
                Some(Record { replaced_by: Some(by), .. }) => {
                    return Ok(Seen::Stop(Stop::Replaced { key: self.nodes[0].key.clone(), by: Some(by) }));
                }
                Some(Record { taken_over: None, .. }) => self.record.version = Some(entry.version),
                _ => return Ok(Seen::Stop(Stop::FailedOver)),
            }
        }
        let mut missing = None;
        for at in 0..self.nodes.len() {
            let key = self.nodes[at].key.clone();
            // One that is missing is gone for good only if the session that it was put in lives after that was seen.
            let session = self.registry.session().id();
            let found = match self.registry.get(&key).await {
                // Its own it could read.
                Err(error) if error.kind() == ErrorKind::PermissionDenied && self.registry.exists(&key).await? => {
                    return Ok(Seen::Stop(Stop::Replaced { key, by: None }));
                }
                found => found?,
            };
            let version = match found {
                Some(entry) => {
                    let member = Member::of(&entry);
                    if member.as_ref().and_then(Member::incarnation) != Some(self.incarnation) {
                        return Ok(Seen::Stop(Stop::Replaced {
                            key,
                            by: member.and_then(|member| member.incarnation()),
                        }));
                    }
                    Some(entry.version)
                }
                // Without the record it makes no difference.
                None if !has_record || session != self.session => None,
                None if missing.is_some() => continue,
                None if self.lives(session).await? => {
                    // The version that it was known at tells how old it was.
                    missing = Some(at);
                    continue;
                }
                None => None,
            };
            self.nodes[at].version = version;
        }
        Ok(match missing {
            _ if !has_record => Seen::Missing(Missing::Record),
            Some(at) => Seen::Missing(Missing::Node(at)),
            None => Seen::Own,
        })
    }

    /// Whether the data were deleted, or somebody has taken over for the server and has removed the record.
    async fn without_record(&self) -> Result<Ownership> {
        if Era::read(&self.registry).await?.as_ref() != Some(&self.era) {
            return Ok(Ownership::Emptied(RECORDS.to_owned()));
        }
        // Nobody takes over for a server whose session lives, unless another lives at its address, which would own
        // this.
        let session = self.registry.session().id();
        let witness = self.registry.get(&self.witness).await?;
        let is_own =
            |entry: &Entry| witness::tells_of(entry, self.incarnation) && entry.ephemeral == Some(self.session);
        Ok(match witness {
            Some(entry) if session == self.session && is_own(&entry) => Ownership::Emptied(self.record.key.clone()),
            _ => Ownership::Stop(Stop::FailedOver),
        })
    }

    /// Whether the folder of an entry that was deleted has gone, too.
    async fn without_node(&self, at: usize) -> Result<Ownership> {
        let node = &self.nodes[at];
        let folder = node.key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder_is_new = match self.registry.get(folder).await? {
            None => true,
            // Others may have registered again by now.
            Some(entry) => node.version.is_some_and(|version| entry.created > version.into()),
        };
        Ok(match folder_is_new {
            true => Ownership::Emptied(folder.to_owned()),
            false => Ownership::Stop(Stop::EntryGone { key: node.key.clone() }),
        })
    }

    /// Whether a session still lives: it does if something can be put in it.
    async fn lives(&self, session: SessionId) -> Result<bool> {
        let probe = format!("{}/session", self.record.key);
        self.registry.txn().check_present(&self.record.key).put(&probe, "").ephemeral().commit().await?;
        let lives = self.registry.session().id() == session;
        self.registry.delete(&probe).await?;
        Ok(lives)
    }

    /// Puts what tells that the session lives, if somebody has deleted it.
    async fn put_witness(&self) -> Result<()> {
        if self.registry.session().id() != self.session || self.registry.get(&self.witness).await?.is_some() {
            // With another session it comes back by itself.
            return Ok(());
        }
        let value = witness::value(self.incarnation);
        let mut txn = self.registry.txn();
        self.check_record(&mut txn);
        match txn.check_absent(&self.witness).put(&self.witness, &value).ephemeral().commit().await {
            Err(error) if error.kind() != ErrorKind::ConditionFailed => Err(error),
            // A faster one is seen with the next beat.
            _ => Ok(()),
        }
    }
}
