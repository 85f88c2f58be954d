//! Keeping in contact with the servers, and opening another session when one is lost (contract 4.3).

use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::Arc,
};

use registry_plugin::{Moment, SessionState};
use tokio::{
    select,
    time::{sleep, timeout},
};
use zookeeper_client::{Client, Error as ZkError, SessionState as ClientState};

use super::{Opened, Session, close::end, open};

impl Session {
    /// Keeps a session open until the connection closes.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut closing = self.closing.subscribe();
        let mut broken_off = BreakOff(Some(&self));
        let keep = async {
            let mut lost = None;
            loop {
                let Ok(client) = self.client() else { return };
                select! {
                    () = self.hold(&client) => {}
                    () = self.reporter.ended() => {}
                    never = self.give_up(lost.take()) => match never {},
                }
                self.reporter.lost();
                if self.reporter.state() == Some(SessionState::Closed) {
                    return;
                }
                let Opened { client: next, sent } = self.reopen().await;
                let next = Arc::new(next);
                self.replace(Some(next.clone()));
                if *self.closing.borrow() {
                    // It was closed meanwhile. The new session owns nothing and ends by itself.
                    self.replace(None);
                    return;
                }
                self.begin(&next, sent);
                self.reconnected();
                lost = Some(client);
            }
        };
        select! {
            () = keep => {}
            // The sender lives as long as the session.
            _ = closing.wait_for(|closing| *closing) => {}
        }
        broken_off.0 = None;
    }

    /// Asks the servers again and again whether they are there, until they say that the session is over.
    async fn hold(&self, client: &Client) {
        let mut states = client.state_watcher();
        let granted = client.session_timeout();
        loop {
            select! {
                state = states.changed() => match self.changed(state) {
                    Change::Over => return,
                    Change::Suspended => continue,
                    Change::Connected => {}
                },
                () = sleep(granted / BEATS) => {}
                () = self.doubt.notified() => {}
            }
            let sent = Moment::now();
            // It is the leader that ends sessions, so that an answer counts only if it comes from there.
            match timeout(granted / PATIENCE, client.sync("/")).await {
                Ok(Ok(())) => {
                    let news = select! {
                        biased;
                        state = states.changed() => Some(state),
                        () = ready(()) => None,
                    };
                    // The answer may have come over a connection that was not heard of yet.
                    match news.map_or(Change::Connected, |state| self.changed(state)) {
                        Change::Over => return,
                        Change::Suspended => {}
                        Change::Connected => self.reporter.alive(sent),
                    }
                }
                Ok(Err(ZkError::SessionExpired)) => return,
                Ok(Err(cause)) => tracing::debug!(%cause, "the session has no contact"),
                Err(_) => {
                    tracing::debug!("the session has no contact, the server does not answer");
                    self.reporter.suspended();
                }
            }
        }
    }

    fn changed(&self, state: ClientState) -> Change {
        match state {
            ClientState::Disconnected => {
                self.reporter.suspended();
                Change::Suspended
            }
            ClientState::Expired | ClientState::AuthFailed | ClientState::Closed => Change::Over,
            // That it was disconnected in between may have gone by unseen.
            _ => {
                self.reconnected();
                Change::Connected
            }
        }
    }

    /// Ends a session that was lost by the clock: the server may keep what hangs on it for longer. One attempt is made, as
    /// nothing prolongs it any more.
    async fn give_up(&self, lost: Option<Arc<Client>>) -> Infallible {
        if let Some(client) = lost.filter(|client| client.state() != ClientState::Expired)
            && !matches!(timeout(self.patience, end(&self.dial, client.session().clone())).await, Ok(Ok(())))
        {
            tracing::debug!("a lost session was not ended, it ends by itself");
        }
        pending().await
    }

    /// Opens another session, however long that takes.
    async fn reopen(&self) -> Opened {
        let mut pauses = self.dial.pauses();
        loop {
            match open(&self.dial, &self.paths).await {
                Ok(opened) => return opened,
                Err(error) => tracing::debug!(%error, "no new session yet"),
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
        if let Some(session) = self.0 {
            session.replace(None);
            // Watches let go of it, too.
            session.reconnected();
        }
    }
}

/// What the client has told of its connection.
enum Change {
    Connected,
    Suspended,
    Over,
}

/// How many requests are sent in the time of one session timeout. A follower tells the leader of its sessions twice a tick, and
/// the shortest session has two ticks: what the leader knows may be as old as one beat and half a tick.
const BEATS: u32 = 8;

/// What part of the session timeout an answer may take: silence is noticed within a third of it.
const PATIENCE: u32 = 6;
