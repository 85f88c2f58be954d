//! Moving the session's keys to a fresh lease after a change of leader.
//!
//! A leader that stood still for longer than a lease's timeout takes that for time in which nobody renewed it. When it
//! goes on, it asks its successor to revoke the lease, which the successor does, even if it was renewed there
//! meanwhile: every etcd does so that was tried. But a leader only revokes leases that it has known as the leader, and
//! not before a timeout has passed since it last heard of them. So:
//!
//! - A lease that is asked for once a later term was seen is of that term, or a later one: no leader of an earlier term
//!   knows it. When that leader hears of it, it has already heard that it leads no more, and keeps no time for leases.
//! - A key that is put again keeps what makes it that entry: its value and when it was created. So locks and their
//!   tokens, queues and ephemerals stay what they are; only the version grows.
//! - Keepalives count for nothing from the first answer of a later term until all keys are moved. So the session is
//!   told to be lost, by its own clock, before the former leader can have a lease revoked that keys hang on.
//!
//! Keys whose put is on its way meanwhile may come to hang on the old lease. Such a put is told to be applied, and such
//! an entry is shown to this client, only after it was moved too. Then the old lease is ended, so that no put can come
//! later: what is still on its way is told so, and put on the fresh lease.

use std::{convert::Infallible, time::Duration};

use registry_plugin::{Effect, Result};
use tokio::{
    select,
    time::{sleep, timeout},
};

use super::{Lease, Session, keep::patience};
use crate::error::silent;

/// How many old leases there may be. Each costs one branch for every key; an answer's depth has a limit, too.
const MOST_OLD: usize = 16;

/// A move that is not finished.
#[derive(Default)]
struct Move {
    /// The leases that keys were left on.
    from: Vec<i64>,
    /// The fresh lease, and the term that was seen before it was asked for.
    to: Option<(Lease, u64)>,
}

impl Session {
    /// Moves the keys each time that the leader has changed, for as long as the session lives.
    pub(super) async fn follow_leaders(&self, granted: Duration) -> Infallible {
        let (mut moving, mut backoff) = (Move::default(), self.endpoints.retry().backoff());
        loop {
            let done = select! {
                () = self.leases.unsettled() => {
                    if moving.to.is_none() && self.need_not_move(granted).await {
                        continue;
                    }
                    self.relocate(&mut moving).await
                }
                () = sleep(patience(granted)) => self.tidy().await,
            };
            match done {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    tracing::debug!(%error, "the session's keys are not moved to another lease yet");
                    sleep(backoff.next_pause().min(patience(granted))).await;
                }
            }
        }
    }

    /// Whether the leader before is known to be none any more; the lease is then as good as before.
    async fn need_not_move(&self, granted: Duration) -> bool {
        let term = self.leases.term();
        let follow = self.all_follow(term, patience(granted) / 2).await;
        if follow {
            self.leases.settle(term);
            // It counts from the next keepalive on.
            self.doubt.notify_one();
        }
        follow
    }

    /// A step of a move; a server that does not answer soon is left for the next.
    pub(super) async fn soon<T>(&self, step: impl Future<Output = Result<T>>) -> Result<T> {
        let number = self.endpoints.current().0;
        timeout(patience(self.timeout()), step).await.unwrap_or_else(|_| {
            self.endpoints.failed(number);
            Err(silent(Effect::Repeatable))
        })
    }

    async fn relocate(&self, moving: &mut Move) -> Result<()> {
        let term = self.leases.term();
        if moving.to.as_ref().is_none_or(|(_, good_for)| *good_for < term) {
            if self.leases.old().len() >= MOST_OLD {
                self.gather(&self.attached.all()).await?;
                self.revoke_old().await?;
                moving.from.clear();
            }
            let fresh = self.soon(self.grant()).await?;
            moving.from.push(self.lease());
            self.leases.switch(fresh.id);
            let lease = format_args!("{:x}", fresh.id);
            tracing::info!(term, lease, "etcd has another leader, the session's entries go over to a fresh lease");
            moving.to = Some((fresh, term));
        }
        let missing = self.gather(&self.attached.all()).await?;
        if !missing.is_empty() && self.has_lost_any(&moving.from).await? {
            // What hung on it has gone with it.
            self.reporter.lost();
            return Ok(());
        }
        if let Move { to: Some((fresh, term)), .. } = std::mem::take(moving) {
            self.leases.settle(term);
            self.reporter.alive(fresh.sent);
        }
        // A put that was given up may still reach the servers, and would have its entry hang on the old lease again.
        self.revoke_old().await
    }

    /// Ends old leases that could not be ended at once, and forgets keys that others have deleted.
    async fn tidy(&self) -> Result<()> {
        if !self.leases.old().is_empty() && self.leases.is_settled() {
            self.gather(&self.attached.all()).await?;
            self.revoke_old().await?;
        }
        if self.attached.are_many() {
            self.gather(&self.attached.all()).await?;
            self.attached.looked_at();
        }
        Ok(())
    }

    /// Nothing can be attached to them then: a caller that tries is told that they are gone, and asks for the
    /// current one.
    async fn revoke_old(&self) -> Result<()> {
        for old in self.leases.old() {
            self.soon(self.revoke(old)).await?;
            self.leases.forget(old);
        }
        Ok(())
    }

    /// Whether one of these leases is there no more.
    async fn has_lost_any(&self, leases: &[i64]) -> Result<bool> {
        for lease in leases {
            let left = self.endpoints.call(Effect::Repeatable, |connection| {
                let mut client = connection.lease.clone();
                async move { client.time_to_live(*lease, None).await }
            });
            if self.soon(left).await?.ttl() < 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
