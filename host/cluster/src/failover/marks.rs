//! Dead marks that nobody needs any more.
//!
//! A mark tells a server that comes back to stop. One whose server never comes back, as its next one has another port,
//! would stay for ever. An entry has no time, so when a mark was first seen is written down, by the one master that
//! looks after them.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use registry_host::{ErrorKind, Result};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::Shared;
use crate::{
    MemberFilter, MembershipState,
    compat::dolphinscheduler::layout::{DEAD_SERVERS, marked},
    record::now,
};

/// Since when marks have been there.
const SINCE: &str = "/cluster/dead-marks";

/// How many marks are looked after at most; the others' turn comes when these are gone.
const MOST: usize = 5_000;

/// How many looks there are while a mark gets too old, and the longest and the shortest pause between two.
const LOOKS: u32 = 10;
const SELDOM: Duration = Duration::from_secs(3600);
const OFTEN: Duration = Duration::from_millis(50);

/// A mark that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    version: u64,
    /// In ms since 1970, by the clock of who saw it.
    since: i64,
}

/// Removes marks that are older than `registry.cluster.dead-mark-retention`, for as long as this master is the first of
/// all.
pub(super) async fn watch<T: Send + Sync + 'static>(shared: Arc<Shared<T>>) {
    let retention = shared.cluster.options().dead_mark_retention;
    if retention.is_zero() {
        return;
    }
    let pause = (retention / LOOKS).clamp(OFTEN, SELDOM);
    let mut standing = shared.standing.clone();
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            _ = standing.wait_for(|standing| matches!(standing, MembershipState::Stopped(_))) => return,
        }
        if !shared.is_serving() || !shared.is_first() {
            continue;
        }
        match shared.remove_old_marks(retention).await {
            Err(error) if error.kind() == ErrorKind::Closed => return,
            // It is looked at again anyway.
            Err(error) => tracing::info!(%error, "old dead marks are not removed yet"),
            Ok(()) => {}
        }
    }
}

impl<T> Shared<T> {
    async fn remove_old_marks(&self, retention: Duration) -> Result<()> {
        let registry = self.cluster.registry();
        let marks = match registry.list(DEAD_SERVERS).await {
            Ok(marks) => marks,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let written = registry.get(SINCE).await?;
        // What can't be read begins again.
        let before: BTreeMap<String, Seen> =
            written.as_ref().and_then(|entry| serde_json::from_slice(&entry.value).ok()).unwrap_or_default();
        let (mut seen, mut old) = (BTreeMap::new(), Vec::new());
        let there = self.cluster.members(MemberFilter::All).now();
        let there: HashSet<_> = there.iter().map(|member| (member.role, member.address.as_str())).collect();
        let moment = now();
        for mark in &marks {
            let Some(name) = mark.key.strip_prefix(DEAD_SERVERS).and_then(|name| name.strip_prefix('/')) else {
                continue;
            };
            let Some((role, address)) = marked(name) else { continue };
            let known = before.get(name).copied().filter(|known| known.version == mark.version.get());
            let known = known.unwrap_or(Seen { version: mark.version.get(), since: moment });
            let age = Duration::from_millis(moment.saturating_sub(known.since).try_into().unwrap_or_default());
            // One that is there has not heeded it yet.
            if age >= retention && !there.contains(&(role, address.as_str())) {
                old.push((mark, role, address));
            } else if seen.len() < MOST {
                seen.insert(name.to_owned(), known);
            }
        }
        for (mark, role, address) in old {
            match registry.txn().check_version(&mark.key, mark.version).delete(&mark.key).commit().await {
                // It was put again, or is gone.
                Err(error) if error.kind() == ErrorKind::ConditionFailed => {}
                Err(error) => return Err(error),
                Ok(_) => tracing::info!(%role, address, "an old dead mark is removed"),
            }
        }
        if seen == before {
            return Ok(());
        }
        let value = serde_json::to_vec(&seen).unwrap_or_default();
        let mut txn = registry.txn();
        match &written {
            Some(entry) => txn.check_version(SINCE, entry.version),
            None => txn.check_absent(SINCE),
        };
        if seen.is_empty() {
            txn.delete(SINCE);
        } else {
            txn.put(SINCE, &value);
        }
        match txn.commit().await {
            // Another takes itself for the first, too.
            Err(error) if matches!(error.kind(), ErrorKind::ConditionFailed | ErrorKind::VersionRace) => Ok(()),
            put => put.map(drop),
        }
    }
}
