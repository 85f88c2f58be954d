//! Keeping in contact with the servers, and opening another session when one is lost (contract 4.3).

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use futures_util::future::FutureExt as _;
use registry_plugin::{Attempts, Contact, Moment, SessionState};
use tokio::{
    select,
    time::{sleep, timeout},
};
use zookeeper_client::{Error as ZkError, SessionState as ClientState};

use super::{Link, Opened, Session, close::end, id, open};
use crate::freshness::agree;

impl Session {
    /// Keeps a session open until the connection closes.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut closing = self.closing.subscribe();
        let mut broken_off = BreakOff(Some(&self));
        let keep = async {
            let mut lost = None;
            loop {
                select! {
                    () = self.live() => {}
                    () = self.reporter.ended() => {}
                    never = self.give_up(lost.take()) => match never {},
                }
                self.reporter.lost();
                if self.reporter.state() == Some(SessionState::Closed) {
                    return;
                }
                let Ok(former) = self.client() else { return };
                let Opened { link, sent } = self.reopen().await;
                let link = Arc::new(link);
                // If it was closed meanwhile, the new session owns nothing and ends by itself.
                if !self.install(&link) {
                    return;
                }
                self.begin(&link, sent);
                self.reconnected();
                lost = Some(former);
            }
        };
        select! {
            () = keep => {}
            // The sender lives as long as the session.
            _ = closing.wait_for(|closing| *closing) => {}
        }
        broken_off.0 = None;
    }

    /// Keeps the session in contact, over one connection after the other, until the servers say that it has ended.
    async fn live(&self) {
        let mut rest = Duration::ZERO;
        while let Ok(link) = self.client() {
            let moved = match self.hold(&link, rest).await {
                Some(elsewhere) => self.take_over(&link, elsewhere).await,
                None => Err("the connection to the server broke off"),
            };
            // With each move all that is watched is read.
            rest = if moved.is_ok() { link.session_timeout() / BEATS } else { Duration::ZERO };
            let next = match moved {
                Ok(next) => Some(next),
                Err(cause) => {
                    self.reporter.suspended_by(&cause);
                    link.cut();
                    self.resume(&link).await
                }
            };
            let Some((next, sent)) = next else { return };
            let next = Arc::new(next);
            if !self.install(&next) {
                return;
            }
            self.reconnected();
            // Each server may grant another timeout.
            self.reporter.connected(id(&next), next.session_timeout(), Contact::Sent(sent));
        }
    }

    /// Makes it the present client; not if the connection was closed.
    fn install(&self, link: &Arc<Link>) -> bool {
        self.replace(Some(link.clone()));
        let closing = *self.closing.borrow();
        if closing {
            self.replace(None);
        }
        !closing
    }

    /// Carries on the session of a link that was cut off, unless the session has ended.
    ///
    /// # Behavior
    ///
    /// The client that comes next has seen nothing yet: its server has to have caught up with all that the servers
    /// agreed on before it is used.
    async fn resume(&self, former: &Link) -> Option<(Link, Moment)> {
        let longest = former.session_timeout() / PATIENCE;
        let mut backoff = self.dial.short_backoff();
        let mut patience = self.dial.patience();
        let mut within = patience.next().unwrap_or(longest);
        loop {
            let cause = match self.dial.link_again(former, within).await {
                Ok(link) => {
                    let sent = Moment::now();
                    match timeout(within.min(longest), agree(&link)).await {
                        Ok(Ok(())) => return Some((link, sent)),
                        Ok(Err(cause)) => cause,
                        Err(_) => ZkError::Timeout,
                    }
                }
                Err(cause) => cause,
            };
            match cause {
                ZkError::SessionExpired => return None,
                // A server that takes its time gets more of it.
                ZkError::Timeout => within = patience.next().unwrap_or(longest),
                _ => {}
            }
            tracing::debug!(%cause, "no new connection yet");
            sleep(backoff.next_pause()).await;
        }
    }

    /// Goes on over a link to another server instead of one that is silent.
    ///
    /// # Errors
    ///
    /// Why the session is out of contact: the other server has not caught up in time.
    async fn take_over(
        &self,
        former: &Link,
        Elsewhere { link, within }: Elsewhere,
    ) -> Result<(Link, Moment), &'static str> {
        // Before the next server catches up: what the former one answers afterwards may be newer.
        former.retire();
        let sent = Moment::now();
        match timeout(within, agree(&link)).await {
            Ok(Ok(())) => {
                let (from, to) = (self.dial.address(former.server()), self.dial.address(link.server()));
                tracing::info!(%from, %to, "the ZooKeeper server is silent, and the session goes on at another one");
                Ok((link, sent))
            }
            failed => {
                tracing::debug!(?failed, "the server that the session has gone to does not catch up");
                Err("the server fell silent, and the next one does not catch up with the others")
            }
        }
    }

    /// Keeps in contact until the connection breaks, or another server has the session, as this one is silent.
    async fn hold(&self, link: &Link, rest: Duration) -> Option<Elsewhere> {
        let mut states = link.state_watcher();
        select! {
            biased;
            // Whether the session has ended, too, is for the next connection to find out: the client calls it expired
            // also if only the connection has moved.
            _ = states.changed() => None,
            // Nothing serves the client any more.
            () = link.over() => None,
            elsewhere = self.leave(link, rest) => Some(elsewhere),
            never = self.beat(link) => match never {},
        }
    }

    /// Waits for a server that has fallen silent while another answers, and takes the session there.
    ///
    /// # Behavior
    ///
    /// It begins after the rest. The server is looked at when an answer takes long, and ever less often while it is
    /// only slow. As long as no other gives the session, everything stays as it is.
    async fn leave(&self, link: &Link, rest: Duration) -> Elsewhere {
        let longest = link.session_timeout() / PATIENCE;
        let (mut rests, mut patience) = (self.dial.patience(), self.dial.patience());
        let mut within = patience.next().unwrap_or(longest);
        sleep(rest).await;
        loop {
            // An answer that took long before is there by now, or will take longer still.
            let _ = link.silence().now_or_never();
            link.silence().await;
            if !self.dial.is_outrun(link).await {
                sleep(rests.next().unwrap_or(longest)).await;
                continue;
            }
            match self.dial.link_elsewhere(link, within).await {
                Ok(link) => return Elsewhere { link, within: within.min(longest) },
                // Whether that is so, the connection that there is shows when it breaks.
                Err(ZkError::SessionExpired) => return pending().await,
                Err(cause) => {
                    tracing::debug!(%cause, "the server is silent, and no other one gives the session");
                    if cause == ZkError::Timeout {
                        within = patience.next().unwrap_or(longest);
                    }
                }
            }
        }
    }

    /// Asks the servers again and again whether they are there.
    async fn beat(&self, link: &Link) -> Infallible {
        let granted = link.session_timeout();
        loop {
            select! {
                () = sleep(granted / BEATS) => {}
                () = self.doubt.notified() => {}
            }
            let sent = Moment::now();
            // It is the leader that ends sessions, so that an answer counts only if it comes from there.
            match timeout(granted / PATIENCE, link.wait(link.sync("/"))).await {
                Ok(Ok(())) => self.reporter.alive(sent),
                Ok(Err(cause)) => tracing::debug!(%cause, "the session has no contact"),
                Err(_) => {
                    let silence = granted / PATIENCE;
                    self.reporter.suspended_by(&format_args!("the server has not answered for {silence:?}"));
                }
            }
        }
    }

    /// Ends a session that was lost by the clock: the server may keep what hangs on it for longer. One attempt is made,
    /// as nothing prolongs it any more.
    async fn give_up(&self, lost: Option<Arc<Link>>) -> Infallible {
        if let Some(link) = lost.filter(|link| link.state() != ClientState::Expired)
            && !matches!(timeout(self.patience, end(&self.dial, link.session().clone())).await, Ok(Ok(())))
        {
            tracing::debug!("a lost session was not ended, it ends by itself");
        }
        pending().await
    }

    /// Opens another session, however long that takes.
    async fn reopen(&self) -> Opened {
        let (mut backoff, mut attempts) = (self.dial.backoff(), Attempts::default());
        loop {
            match open(&self.dial, &self.paths, None).await {
                Ok(opened) => return opened,
                Err(error) => attempts.failed(&error),
            }
            sleep(backoff.next_pause()).await;
        }
    }
}

/// A link to another server than before.
struct Elsewhere {
    link: Link,
    /// How long its server may take to catch up.
    within: Duration,
}

/// Drops the client when the task that keeps its session is ended, as when the connection is abandoned. Otherwise it
/// would keep the session alive by itself as long as it is held, by a guard perhaps.
struct BreakOff<'a>(Option<&'a Session>);

impl Drop for BreakOff<'_> {
    fn drop(&mut self) {
        // One that panics is restarted, and goes on with the client that is there.
        if let Some(session) = self.0
            && !std::thread::panicking()
        {
            session.replace(None);
            // Watches let go of it, too.
            session.reconnected();
        }
    }
}

/// How many requests are sent in the time of one session timeout. A follower tells the leader of its sessions twice a
/// tick, and the shortest session has two ticks: what the leader knows may be as old as one beat and half a tick.
const BEATS: u32 = 8;

/// What part of the session timeout an answer may take: silence is noticed within a third of it.
const PATIENCE: u32 = 6;
