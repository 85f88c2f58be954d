//! Looking out for those who have gone, one task for each role.

use std::{sync::Arc, time::Duration};

use registry_host::{Backoff, ErrorKind, Guard, Result};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{Shared, TakeOver, due::Missed};
use crate::{MembershipState, Role};

/// The pauses after something failed.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// What may change which incarnations are due.
struct Signs {
    members: watch::Receiver<u64>,
    lives: watch::Receiver<u64>,
    standing: watch::Receiver<MembershipState>,
}

impl Signs {
    /// Waits for one, or for a moment.
    async fn next(&mut self, at: Option<Instant>) {
        tokio::select! {
            // None of the senders ends before this waiter.
            _ = self.members.changed() => {}
            _ = self.lives.changed() => {}
            _ = self.standing.changed() => {}
            () = sleep_until(at.unwrap_or_else(Instant::now)), if at.is_some() => {}
        }
    }
}

/// Takes over for those of a role who have gone, until the server is to stop.
pub(super) async fn watch<T: TakeOver>(shared: Arc<Shared<T>>, role: Role) {
    let mut signs = Signs {
        members: shared.cluster.board().moved(),
        lives: shared.lives.changed(),
        standing: shared.standing.clone(),
    };
    let mut missed = Missed::new();
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        if matches!(*shared.standing.borrow(), MembershipState::Stopped(_)) {
            return;
        }
        if !shared.is_serving() {
            // What is missed without a session may be there.
            missed.clear();
            signs.next(None).await;
            continue;
        }
        let done = match shared.write_down(role).await {
            Ok(()) => {
                let due = shared.due(role, &mut missed);
                if due.now.is_empty() {
                    signs.next(due.next).await;
                    continue;
                }
                match shared.lock(role, &mut signs, &mut missed).await {
                    Ok(Some(guard)) => shared.take_over_all(role, guard, &mut missed).await,
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => backoff.reset(),
            Err(error) if error.kind() == ErrorKind::Closed => return,
            Err(error) => {
                tracing::warn!(%role, %error, "take-over failed, retrying");
                sleep(backoff.next_pause()).await;
            }
        }
    }
}

impl<T: TakeOver> Shared<T> {
    /// Waits for the role's lock; `None` if meanwhile there is nobody left to take over for.
    async fn lock(&self, role: Role, signs: &mut Signs, missed: &mut Missed) -> Result<Option<Guard>> {
        let registry = self.cluster.registry();
        let mut lock = registry.lock(role.failover_lock()).into_future();
        loop {
            tokio::select! {
                guard = &mut lock => return guard.map(Some),
                () = signs.next(None) => {
                    if !self.is_serving() || self.due(role, missed).now.is_empty() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Takes over for all that are due, while the lock is held.
    async fn take_over_all(&self, role: Role, guard: Guard, missed: &mut Missed) -> Result<()> {
        let mut failed = None;
        for key in self.due(role, missed).now {
            if let Err(error) = self.take_over(&key, &guard).await {
                // Another may be more successful with another.
                failed.get_or_insert(error);
            }
            if guard.is_lost() || !self.is_serving() {
                break;
            }
        }
        if let Err(error) = guard.release().await {
            // It goes on in the background.
            tracing::debug!(%role, %error, "the lock is not released yet");
        }
        failed.map_or(Ok(()), Err)
    }
}
