//! Keeping the lease alive, and opening another when it is lost (contract 4.3).

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use etcd_client::{LeaseKeepAliveResponse, LeaseKeepAliveStream, LeaseKeeper};
use registry_plugin::{Attempts, Effect, Error, ErrorKind, Moment, SessionState};
use tokio::{
    select,
    time::{Instant, sleep, timeout},
};

use super::{Lease, Session};
use crate::{
    endpoints::Endpoint,
    error::{is_lease_gone, silent, translate},
    history::Mark,
};

/// How a stream of keepalives ended.
enum Break {
    /// The lease is gone for certain.
    Gone,
    /// The server doesn't know the lease.
    NotFound,
    /// It was open and broke: another may be opened at once.
    Broken,
    /// Calls go to another server by now.
    Moved,
    /// No server could be reached.
    Unreachable(Error),
}

/// How a session was lost.
enum Lost {
    /// The server says so.
    Gone,
    /// The clock says so: the server may still have the lease.
    Ended,
}

impl Session {
    /// Keeps a session open until the connection closes.
    pub(super) async fn keep(self: Arc<Self>, mut granted: Duration) {
        let mut closing = self.closing.subscribe();
        let keep = async {
            loop {
                let lost = select! {
                    () = self.hold(granted) => Lost::Gone,
                    () = self.reporter.ended() => Lost::Ended,
                    never = self.revoke_abandoned() => match never {},
                    never = self.follow_leaders(granted) => match never {},
                };
                self.reporter.lost();
                if self.reporter.state() == Some(SessionState::Closed) {
                    return;
                }
                let (old, current) = self.leases.all();
                let left = old.into_iter().chain(matches!(lost, Lost::Ended).then_some(current));
                self.abandoned().extend(left);
                let (lease, term) = self.reopen().await;
                granted = lease.timeout;
                self.begin(lease, term);
            }
        };
        select! {
            () = keep => {}
            // The sender lives as long as the session.
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Keeps the lease alive until the server says that it is gone.
    async fn hold(&self, granted: Duration) {
        let mut backoff = self.endpoints.retry().backoff();
        let mut has_caught_up = false;
        loop {
            let (number, endpoint) = self.endpoints.current();
            let (begun, lease) = (Instant::now(), self.lease());
            let ended = select! {
                ended = self.beat(endpoint, lease, granted) => ended,
                () = self.endpoints.moved_from(number) => Break::Moved,
                () = self.leases.switched_from(lease) => Break::Moved,
            };
            if self.lease() != lease {
                continue;
            }
            match ended {
                Break::Gone => return,
                Break::NotFound if has_caught_up && begun.elapsed() < patience(granted) => return,
                // A server that was just started may say so while it still reads its log, where the lease is: etcd
                // 3.4 does. It is believed once it has read all of it.
                Break::NotFound => match timeout(patience(granted), self.endpoints.look()).await {
                    Ok(Ok(())) => {
                        has_caught_up = true;
                        continue;
                    }
                    Ok(Err(error)) if error.kind() == ErrorKind::SessionLost => return,
                    _ => tracing::debug!(server = endpoint.address(), "whether the lease is gone is not known yet"),
                },
                // That one serves, as far as anybody knows.
                Break::Moved => continue,
                Break::Broken => tracing::debug!(server = endpoint.address(), "the keepalives broke off"),
                Break::Unreachable(cause) => {
                    self.reporter.suspended_by(&format_args!("{}: {cause}", endpoint.address()));
                }
            }
            self.endpoints.failed(number);
            if begun.elapsed() > patience(granted) {
                backoff.reset();
            }
            sleep(backoff.next_pause()).await;
        }
    }

    /// Sends keepalives to one server and waits for the answer of each.
    async fn beat(&self, endpoint: &Endpoint, lease: i64, granted: Duration) -> Break {
        let (mut keeper, mut stream) = match self.open_keepalives(endpoint, lease, granted).await {
            Ok(stream) => stream,
            Err(ended) => return ended,
        };
        let (mut wait, mut unsure) = (Duration::ZERO, None);
        loop {
            select! {
                () = sleep(wait) => {}
                () = self.doubt.notified() => {}
            }
            wait = patience(granted);
            let (sent, asked) = (Moment::now(), self.endpoints.history().mark());
            let answer = timeout(patience(granted), async {
                keeper.keep_alive().await?;
                stream.message().await
            });
            match answer.await {
                Ok(Ok(Some(answer))) if answer.ttl() > 0 => match self.is_same_history(asked, &answer).await {
                    Ok(true) if !self.renewed(sent, granted, &mut unsure) => wait = Duration::ZERO,
                    Ok(_) => {}
                    Err(ended) => return ended,
                },
                Ok(Ok(Some(_))) => return Break::NotFound,
                Ok(_) => return Break::Broken,
                Err(_) => return Break::Unreachable(silent(Effect::Repeatable)),
            }
        }
    }

    /// Counts a keepalive that was answered; it can't be relied on yet if another should follow at once.
    ///
    /// # Behavior
    ///
    /// None counts once there is another leader, until all keys hang on a lease that the former one doesn't know: the
    /// former one may revoke what it last renewed a timeout ago. What the member asked says of the term is of before
    /// the renewal, and one that took long may have waited for the other leader: then the next answer decides.
    fn renewed(&self, sent: Moment, granted: Duration, unsure: &mut Option<Moment>) -> bool {
        if !self.leases.is_settled() {
            *unsure = None;
            return true;
        }
        let quick = Moment::now().since(sent) <= granted / 50;
        match unsure.take() {
            Some(before) => self.reporter.alive(before),
            None if quick => self.reporter.alive(sent),
            None => *unsure = Some(sent),
        }
        unsure.is_none()
    }

    /// Whether an answer shows that the lease is kept where everything is that was written. A member that lags behind
    /// doesn't show it by itself, and a lease may live on in data that was restored from a backup.
    async fn is_same_history(&self, asked: Mark, answer: &LeaseKeepAliveResponse) -> Result<bool, Break> {
        let checked = self.endpoints.history().check(asked, answer, Effect::Repeatable);
        checked.map_err(|_| Break::Gone)?;
        if !asked.is_ahead_of(answer) {
            return Ok(true);
        }
        match self.endpoints.look().await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::SessionLost => Err(Break::Gone),
            Err(error) => {
                tracing::debug!(%error, "whether the member lags behind is not known yet");
                Ok(false)
            }
        }
    }

    /// Opens a stream, which sends the first keepalive; its answer counts for nothing, as it doesn't show whose it is.
    async fn open_keepalives(
        &self,
        endpoint: &Endpoint,
        lease: i64,
        granted: Duration,
    ) -> Result<(LeaseKeeper, LeaseKeepAliveStream), Break> {
        let open = async {
            let mut client = endpoint.connection().await.map_err(Break::Unreachable)?.lease.clone();
            client.keep_alive(lease).await.map_err(|error| match is_lease_gone(&error) {
                true => Break::NotFound,
                false => Break::Unreachable(translate(error, Effect::Repeatable)),
            })
        };
        let opened = timeout(patience(granted), open).await;
        opened.unwrap_or_else(|_| Err(Break::Unreachable(silent(Effect::Repeatable))))
    }

    /// Opens another session, however long that takes. Gives its lease, and the term seen before that was asked for.
    async fn reopen(&self) -> (Lease, u64) {
        let (mut backoff, mut attempts) = (self.endpoints.retry().backoff(), Attempts::default());
        loop {
            let term = self.leases.term();
            match timeout(self.patience, self.grant()).await {
                Ok(Ok(lease)) => return (lease, term),
                Ok(Err(error)) => attempts.failed(&error),
                Err(_) => {
                    tracing::debug!("no new session yet, the server does not answer");
                    self.endpoints.failed(self.endpoints.current().0);
                }
            }
            sleep(backoff.next_pause()).await;
        }
    }

    /// Ends the leases of sessions that were lost by the clock: the server may keep them much longer.
    async fn revoke_abandoned(&self) -> Infallible {
        let mut backoff = self.endpoints.retry().backoff();
        loop {
            let Some(lease) = self.abandoned().last().copied() else { return pending().await };
            match timeout(self.patience, self.revoke(lease)).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => tracing::debug!(%error, "a lost session's lease is not revoked yet"),
                Err(_) => tracing::debug!("a lost session's lease is not revoked yet, the server does not answer"),
            }
            sleep(backoff.next_pause()).await;
        }
    }
}

/// How long after an answer the next keepalive is sent, and how long its answer may take: silence is noticed within a
/// third of the timeout.
pub(super) fn patience(granted: Duration) -> Duration {
    granted / 6
}
