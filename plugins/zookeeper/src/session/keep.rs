//! Keeping in contact with the servers, and opening another session when one is lost (contract 4.3).

use std::{convert::Infallible, future::pending, pin::pin, sync::Arc};

use registry_plugin::{Attempts, Moment, SessionState};
use tokio::{
    select,
    time::{sleep, timeout},
};
use zookeeper_client::{Error as ZkError, SessionState as ClientState};

use super::{Link, Opened, Session, close::end, open};
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

    /// Keeps the session in contact, over one connection after the other, until the servers say that it is over.
    async fn live(&self) {
        while let Ok(link) = self.client() {
            self.hold(&link).await;
            self.reporter.suspended_by(&"the connection to the server broke off");
            link.cut();
            let Some((next, sent)) = self.resume(&link).await else { return };
            if !self.install(&Arc::new(next)) {
                return;
            }
            self.reconnected();
            self.reporter.alive(sent);
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

    /// Carries on the session of a link that was cut off; not if the session is over.
    ///
    /// # Behavior
    ///
    /// The client that comes next has seen nothing yet: its server has to have caught up with all that the servers agreed on
    /// before it is used.
    async fn resume(&self, former: &Link) -> Option<(Link, Moment)> {
        let longest = former.session_timeout() / PATIENCE;
        let mut pauses = self.dial.short_pauses();
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
            sleep(pauses.next().unwrap_or_default()).await;
        }
    }

    /// Asks the servers again and again whether they are there, until the connection breaks.
    async fn hold(&self, link: &Link) {
        let mut states = link.state_watcher();
        let granted = link.session_timeout();
        let mut over = pin!(link.over());
        loop {
            select! {
                biased;
                // Whether the session is over, too, is for the next connection to find out: the client calls it expired
                // also if only the connection has moved.
                _ = states.changed() => return,
                // Nothing serves the client any more.
                () = &mut over => return,
                () = sleep(granted / BEATS) => {}
                () = self.doubt.notified() => {}
            }
            let sent = Moment::now();
            let answer = select! {
                biased;
                _ = states.changed() => return,
                () = &mut over => return,
                // It is the leader that ends sessions, so that an answer counts only if it comes from there.
                answer = timeout(granted / PATIENCE, link.sync("/")) => answer,
            };
            match answer {
                Ok(Ok(())) => self.reporter.alive(sent),
                Ok(Err(cause)) => tracing::debug!(%cause, "the session has no contact"),
                Err(_) => {
                    let silence = granted / PATIENCE;
                    self.reporter.suspended_by(&format_args!("the server has not answered for {silence:?}"));
                }
            }
        }
    }

    /// Ends a session that was lost by the clock: the server may keep what hangs on it for longer. One attempt is made, as
    /// nothing prolongs it any more.
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
        let (mut pauses, mut attempts) = (self.dial.pauses(), Attempts::default());
        loop {
            match open(&self.dial, &self.paths, None).await {
                Ok(opened) => return opened,
                Err(error) => attempts.failed(&error),
            }
            if let Some(pause) = pauses.next() {
                sleep(pause).await;
            }
        }
    }
}

/// Drops the client when the task that keeps its session is ended, as when the connection is abandoned: for as long as it is held,
/// by a guard perhaps, it would keep the session alive by itself.
struct BreakOff<'a>(Option<&'a Session>);

impl Drop for BreakOff<'_> {
    fn drop(&mut self) {
        // One that panics is begun again, and goes on with the client that is there.
        if let Some(session) = self.0
            && !std::thread::panicking()
        {
            session.replace(None);
            // Watches let go of it, too.
            session.reconnected();
        }
    }
}

/// How many requests are sent in the time of one session timeout. A follower tells the leader of its sessions twice a tick, and
/// the shortest session has two ticks: what the leader knows may be as old as one beat and half a tick.
const BEATS: u32 = 8;

/// What part of the session timeout an answer may take: silence is noticed within a third of it.
const PATIENCE: u32 = 6;
