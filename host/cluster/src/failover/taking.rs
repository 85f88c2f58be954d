//! Taking over for one server: written down, done, crossed out.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use registry_host::{Backoff, Entry, Error, ErrorKind, Guard, Registry, Result, Version, panic_message};
use tokio::time::sleep;

use super::{Departed, Shared, TakeOver, due::which};
use crate::{
    Member, MembershipState, Role,
    address::{Registered, remove_if_empty},
    compat::dolphinscheduler::layout::{mark_key, mark_name},
    counts,
    record::{Record, TakenOver, folder, now},
    witness,
};

/// How often in a row others may be faster.
const TRIES: usize = 10;

/// The pauses before a take-over is again written down as done.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl<T: TakeOver> Shared<T> {
    /// Takes over for the incarnation of a record, unless its server lives or the incarnation has ended.
    pub(super) async fn take_over(&self, key: &str, guard: &Guard) -> Result<()> {
        let Some((departed, version)) = self.begin(key, guard).await? else { return Ok(()) };
        let Departed { role, address, .. } = &departed;
        tracing::info!(%role, address, token = guard.token().get(), "takes over for a server that is gone");
        let mut standing = self.standing.clone();
        let taken = tokio::select! {
            biased;
            // One that has lost the lock already doesn't begin.
            error = guard.lost() => return Err(error),
            _ = standing.wait_for(|standing| !matches!(standing, MembershipState::Serving)) => {
                return Err(Error::new(ErrorKind::SessionLost, "this master is to stop"));
            }
            // The host's own code: a panic in it must not end the failover of this master.
            taken = AssertUnwindSafe(async { self.host.take_over(&departed, guard).await }).catch_unwind() => taken,
        };
        let failed = match taken {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(panic) => Some(format!("it panicked: {}", panic_message(&*panic)).into()),
        };
        counts::take_over(*role, failed.is_none());
        if let Some(error) = failed {
            let message = format!("the host could not take over for the {role} {address}");
            return Err(Error::new(ErrorKind::Other, message).with_cause(&*error).set_retryable(true));
        }
        self.finish(key, version, guard).await?;
        if let Err(error) = remove_if_empty(self.cluster.registry(), &folder(*role, address)).await {
            tracing::debug!(%role, address, %error, "an empty folder is left behind");
        }
        tracing::info!(%role, address, token = guard.token().get(), "has taken over for a server that is gone");
        Ok(())
    }

    /// Writes down that it is begun, and the dead mark; `None` if there is nothing to take over. Gives the record's
    /// version.
    async fn begin(&self, key: &str, guard: &Guard) -> Result<Option<(Departed, Version)>> {
        let registry = self.cluster.registry();
        let (own_record, own_node) = self.own_keys();
        for _ in 0..TRIES {
            let Some(entry) = registry.get(key).await? else { return Ok(None) };
            let Some(mut record) = Record::of(&entry) else { return Ok(None) };
            let witness = witness::key(record.role, &record.address);
            let mut txn = registry.txn();
            txn.check_held(guard).check_version(key, entry.version);
            // It may be there in other groups.
            let registered = Registered::look(registry, folder(record.role, &record.address)).await?;
            registered.check(&mut txn);
            // What is missing here may be missing because all is deleted.
            txn.check_present(&own_record).check_present(&own_node);
            let mut restarted = is_lived_anew(&registered, &entry) || self.is_elsewhere(&record);
            for node in &record.keys {
                let there = match registry.get(node).await {
                    // Another process's, if its incarnation says so; else it may be this very incarnation's, which is
                    // then left to who may read it.
                    Err(error) if error.kind() == ErrorKind::PermissionDenied && record.replaced_by.is_some() => {
                        if registry.exists(node).await? {
                            restarted = true;
                            continue;
                        }
                        None
                    }
                    there => there?,
                };
                match there {
                    None => _ = txn.check_absent(node),
                    // An entry that can't be read is nobody's else.
                    Some(there) if life_of(&there) == record.incarnation() => return Ok(None),
                    // One that has not told who it is yet may be the same; what it tells brings this about again.
                    Some(there) if Member::of(&there).is_some_and(|there| there.is_silent()) => return Ok(None),
                    // Another's: it may beat meanwhile, and this incarnation does not come back to it.
                    Some(_) => restarted = true,
                }
            }
            if !restarted && record.taken_over.is_none() {
                match registry.get(&witness).await? {
                    Some(entry) if witness::tells_of(&entry, record.incarnation()) => return Ok(None),
                    Some(entry) => txn.check_version(&witness, entry.version),
                    None => txn.check_absent(&witness),
                };
            }
            let by = self.server.address().to_owned();
            record.taken_over = Some(TakenOver { by, token: guard.token().get(), at: now() });
            let (value, mark) = (record.write(), mark_key(record.role, &record.address));
            let name = mark_name(record.role, &record.address);
            let put = txn.put(key, &value).handle();
            if !restarted {
                txn.put(&mark, &name);
            }
            match txn.commit().await {
                Ok(committed) => {
                    let (role, incarnation) = (record.role, record.incarnation());
                    let departed = Departed { role, address: record.address.clone(), incarnation, restarted };
                    return Ok(Some((departed, committed.version_of(put))));
                }
                // The lock is lost, or somebody has beaten or come back.
                Err(error) if error.kind() == ErrorKind::ConditionFailed && !guard.is_lost() => {
                    for own in [&own_record, &own_node] {
                        if registry.get(own).await?.is_none() {
                            let message =
                                "this master's own entries are gone, so it is not known which others are gone";
                            return Err(Error::new(ErrorKind::ConditionFailed, message)
                                .or_key(own)
                                .set_retryable(true));
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let message = "the server's entries are changed all the time";
        Err(Error::new(ErrorKind::ConditionFailed, message).or_key(key).set_retryable(true))
    }

    /// This master's record, and where it is registered.
    fn own_keys(&self) -> (String, String) {
        let keys = self.server.keys();
        let record = Record::new(self.server.role(), self.server.address(), Vec::new(), self.incarnation);
        (record.key(), keys.into_iter().next().unwrap_or_default())
    }

    /// Whether another incarnation is seen at the address, which may leave no record.
    fn is_elsewhere(&self, former: &Record) -> bool {
        let members = self.cluster.members(which(former.role)).now();
        members.iter().any(|member| {
            member.address == former.address && member.incarnation().unwrap_or_default() != former.incarnation()
        })
    }

    /// Crosses the incarnation out, again until it is known to be so or the lock is lost.
    async fn finish(&self, key: &str, version: Version, guard: &Guard) -> Result<()> {
        let registry = self.cluster.registry();
        let crossing = async {
            let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
            loop {
                let error =
                    match registry.txn().check_held(guard).check_version(key, version).delete(key).commit().await {
                        Ok(_) => return Ok(()),
                        Err(error) if error.kind() == ErrorKind::ConditionFailed => match registry.get(key).await {
                            // An attempt before this one may have done it.
                            Ok(None) => return Ok(()),
                            Ok(Some(_)) => return Err(error),
                            Err(error) => error,
                        },
                        Err(error) => error,
                    };
                if !error.is_retryable() {
                    return Err(error);
                }
                sleep(backoff.next_pause()).await;
            }
        };
        tokio::select! {
            crossed = crossing => crossed,
            error = guard.lost() => Err(error),
        }
    }

    /// Gives those who leave no record of themselves one, so that they can be taken over for; the first of the masters
    /// that keep records does.
    pub(super) async fn write_down(&self, role: Role) -> Result<()> {
        if !self.is_first() {
            return Ok(());
        }
        let mut unknown: BTreeMap<String, Record> = BTreeMap::new();
        for member in self.cluster.members(which(role)).now() {
            // One whose record is gone was taken over for, and comes for a moment with another session. One that has
            // not told who it is yet has nothing to be taken over either.
            if !member.is_foreign() || member.is_silent() {
                continue;
            }
            let node = key_of(&member);
            let incarnation = member.incarnation().unwrap_or_default();
            let record = Record::new(role, &member.address, Vec::new(), incarnation);
            let key = record.key();
            if !self.lives.has(&key) {
                unknown.entry(key).or_insert(record).keys.push(node);
            }
        }
        for (key, record) in unknown {
            self.write_one_down(self.cluster.registry(), &key, &record).await?;
        }
        Ok(())
    }

    async fn write_one_down(&self, registry: &Registry, key: &str, record: &Record) -> Result<()> {
        let value = record.write();
        let mut txn = registry.txn();
        txn.check_absent(key);
        for node in &record.keys {
            match registry.get(node).await? {
                Some(there) if life_of(&there) == record.incarnation() => {
                    txn.check_version(node, there.version);
                }
                // It has changed or gone since; the view will say so.
                _ => return Ok(()),
            }
        }
        let address = folder(record.role, &record.address);
        match txn.put(key, &value).put(&address, "").commit().await {
            // It has just beaten, or writes its own record.
            Err(error) if error.kind() == ErrorKind::ConditionFailed => Ok(()),
            written => written.map(drop),
        }
    }
}

/// Whether another incarnation has begun at the address since, and is not over.
fn is_lived_anew(registered: &Registered, former: &Entry) -> bool {
    registered.records.iter().any(|entry| entry.created > former.created && Record::of(entry).is_some())
}

fn life_of(entry: &Entry) -> crate::Incarnation {
    Member::of(entry).and_then(|member| member.incarnation()).unwrap_or_default()
}

fn key_of(member: &Member) -> String {
    use crate::compat::dolphinscheduler::layout::NODES;
    let Member { role, group, address, .. } = member;
    match group {
        Some(group) => format!("{NODES}/{role}/{group}/{address}"),
        None => format!("{NODES}/{role}/{address}"),
    }
}
