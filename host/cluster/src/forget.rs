//! Clearing what is left of servers that are dead.

use std::collections::BTreeSet;

use registry_host::{Error, ErrorKind, Result};

use crate::{
    Cluster, MemberFilter, Role,
    address::{Registered, remove_if_empty},
    compat::dolphinscheduler::layout::{mark_key, marked},
    record::{RECORDS, folder},
    witness,
};

/// How many records go in one Txn, beside the mark.
const AT_ONCE: usize = 24;

/// How often in a row others may be faster.
const TRIES: usize = 10;

/// What was cleared of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// Whether it had a dead mark.
    pub mark: bool,
    /// The number of incarnations that nobody had taken over for.
    pub lives: usize,
}

impl Cluster {
    /// Clears what is left of a server that is dead: its dead mark, and the records of its incarnations. Nobody takes
    /// over for them any more.
    ///
    /// # Behavior
    ///
    /// Each step is checked in its Txn: what another process at the address registers meanwhile stays.
    ///
    /// # Errors
    ///
    /// `ConditionFailed` if a server of that role is registered at the address, or its session lives; else as
    /// [`Registry::txn`](registry_host::Registry::txn).
    pub async fn forget(&self, role: Role, address: &str) -> Result<Forgotten> {
        let mut forgotten = Forgotten::default();
        for _ in 0..TRIES {
            match self.forget_some(role, address, &mut forgotten).await {
                Ok(true) => {}
                Ok(false) => return Ok(forgotten),
                // Somebody has registered, marked or taken over.
                Err(error) if error.kind() == ErrorKind::ConditionFailed && !error.failed_checks().is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        let message = format!("what is left of the {role} {address} is changed all the time");
        Err(Error::new(ErrorKind::ConditionFailed, message).set_retryable(true))
    }

    /// Forgets what goes in one Txn; says whether there was anything.
    async fn forget_some(&self, role: Role, address: &str, forgotten: &mut Forgotten) -> Result<bool> {
        let registry = self.registry();
        if let Some(why) = self.why_alive(role, address).await? {
            let message = format!("the {role} {address} lives: {why}; stop it, or mark it as dead, first");
            return Err(Error::new(ErrorKind::ConditionFailed, message));
        }
        let (mark, witness) = (mark_key(role, address), witness::key(role, address));
        let folder = folder(role, address);
        let registered = Registered::look(registry, folder.clone()).await?;
        let marked = registry.get(&mark).await?;
        let records: Vec<_> = registered.records.iter().take(AT_ONCE).collect();
        if marked.is_none() && records.is_empty() {
            return Ok(false);
        }
        let mut txn = registry.txn();
        registered.check(&mut txn);
        txn.check_absent(&witness);
        for record in &records {
            txn.check_version(&record.key, record.version).delete(&record.key);
        }
        if let Some(marked) = &marked {
            txn.check_version(&mark, marked.version).delete(&mark);
        }
        txn.commit().await?;
        forgotten.lives += records.len();
        forgotten.mark |= marked.is_some();
        if let Err(error) = remove_if_empty(registry, &folder).await {
            tracing::debug!(%role, address, %error, "an empty folder is left behind");
        }
        Ok(true)
    }

    async fn why_alive(&self, role: Role, address: &str) -> Result<Option<String>> {
        let which = if role == Role::Master { MemberFilter::Masters } else { MemberFilter::Workers };
        let there = self.members(which).now();
        let mut there = there.iter().filter(|member| member.address == address);
        if let Some(member) = there.next() {
            let within = member.group.as_ref().map(|group| format!(" in the group {group}"));
            return Ok(Some(format!("it is registered{}", within.unwrap_or_default())));
        }
        let session = self.registry().get(&witness::key(role, address)).await?;
        Ok(session.and_then(|entry| entry.ephemeral).map(|session| format!("its session {session} has not ended")))
    }

    /// Those who are not registered, but have left a dead mark or the record of an incarnation, sorted.
    ///
    /// # Errors
    ///
    /// As [`Registry::children`](registry_host::Registry::children).
    pub async fn gone(&self) -> Result<Vec<(Role, String)>> {
        let mut gone: BTreeSet<_> = self.marked_dead().await?.into_iter().collect();
        match self.registry().children(RECORDS).await {
            Ok(names) => gone.extend(names.iter().filter_map(|name| marked(name))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let there = self.members(MemberFilter::All).now();
        gone.retain(|(role, address)| !there.iter().any(|member| (member.role, &member.address) == (*role, address)));
        Ok(gone.into_iter().collect())
    }
}
