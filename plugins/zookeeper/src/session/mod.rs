//! The session: the one of one client, which everything ephemeral hangs on (contract 4).

mod close;
mod keep;
mod link;
mod prepare;

use std::{
    mem,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use registry_plugin::{Contact, Context, Error, ErrorKind, Moment, Opening, Result, SessionId, SessionReporter};
use tokio::sync::{Notify, watch};
use zookeeper_client::Client;

pub(crate) use self::link::Link;
use crate::{config::Dial, error::is_unsent, paths::Paths};

/// The connection's one session, or the ones after it when it is lost.
pub(crate) struct Session {
    dial: Arc<Dial>,
    paths: Arc<Paths>,
    reporter: SessionReporter,
    /// How long one request may take in the background.
    patience: Duration,
    /// `None` once it is closed.
    current: RwLock<Option<Arc<Link>>>,
    /// Counts the connections to servers: what was watched on one is watched no longer on the next.
    connections: watch::Sender<u64>,
    /// Somebody lost contact with the server: the next beat should not wait.
    doubt: Notify,
    closing: watch::Sender<bool>,
}

/// A session as the server granted it.
struct Opened {
    link: Link,
    sent: Moment,
}

impl Session {
    /// Opens the session and keeps it alive in the background.
    ///
    /// # Errors
    ///
    /// Those of the last attempt, of which there is one only.
    pub(crate) async fn open(dial: Arc<Dial>, paths: Arc<Paths>, context: &Context) -> Result<Arc<Self>> {
        let opened = open(&dial, &paths, Some(context.opening())).await?;
        let (link, sent) = (Arc::new(opened.link), opened.sent);
        let session = Arc::new(Session {
            dial,
            paths,
            reporter: context.session().clone(),
            patience: context.operation_timeout(),
            current: RwLock::new(Some(link.clone())),
            connections: watch::Sender::new(1),
            doubt: Notify::new(),
            closing: watch::Sender::new(false),
        });
        session.begin(&link, sent);
        let kept = session.clone();
        context.keep("the session", move || kept.clone().keep());
        Ok(session)
    }

    /// The client of the present session. It is to be asked for again for each call.
    ///
    /// # Errors
    ///
    /// `Closed` once the session is.
    pub(crate) fn client(&self) -> Result<Arc<Link>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        current.ok_or_else(|| Error::new(ErrorKind::Closed, "the registry is closed, open it again"))
    }

    /// The client of the present session, as soon as it isn't one that was cut off or retired.
    ///
    /// # Errors
    ///
    /// `Closed` once the session is.
    pub(crate) async fn link(&self) -> Result<Arc<Link>> {
        loop {
            let link = self.client()?;
            if !link.is_cut() {
                return Ok(link);
            }
            self.replaced(&link, &mut self.connections()).await;
        }
    }

    /// Asks over the present link; over the next one if the question was never sent, or the link was retired meanwhile.
    /// It must be one that may be asked twice.
    ///
    /// # Errors
    ///
    /// Those of the question; `Closed` once the session is.
    pub(crate) async fn ask<T, F>(&self, question: impl Fn(Arc<Link>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        loop {
            let link = self.link().await?;
            if let Some(answer) = link.wait_in_use(question(link.clone())).await
                && let Some(answer) = self.answered(answer)
            {
                return answer;
            }
        }
    }

    /// The answer; `None` if the question was never sent, so that it can be asked once more by the next
    /// [`link`](Session::link).
    pub(crate) fn answered<T>(&self, answer: Result<T>) -> Option<Result<T>> {
        match answer {
            Err(error) if is_unsent(&error) => None,
            answer => Some(self.watched(answer)),
        }
    }

    /// Waits until another client has taken the place of this one, or none.
    pub(crate) async fn replaced(&self, link: &Arc<Link>, connections: &mut watch::Receiver<u64>) {
        loop {
            connections.borrow_and_update();
            match self.client() {
                Ok(present) if Arc::ptr_eq(&present, link) => {}
                _ => return,
            }
            // The sender lives as long as the session.
            let _ = connections.changed().await;
        }
    }

    /// How to reach the servers, and who may see what is put.
    pub(crate) fn dial(&self) -> &Dial {
        &self.dial
    }

    /// Counts the connections to servers, of this session and the ones before: once it has changed, no watch that was
    /// set before can be relied on any more.
    pub(crate) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// Passes an answer on; one that shows lost contact has the session looked at now.
    pub(crate) fn watched<T>(&self, answer: Result<T>) -> Result<T> {
        answer.inspect_err(|error| {
            if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::SessionLost) {
                self.doubt.notify_one();
            }
        })
    }

    fn begin(&self, client: &Client, sent: Moment) {
        let (id, timeout) = (id(client), client.session_timeout());
        tracing::debug!(session = %id, ?timeout, "the session is open");
        let asked = self.dial.session_timeout();
        if timeout != asked {
            tracing::info!(
                ?asked,
                granted = ?timeout,
                "the ZooKeeper server grants another session timeout than was asked for: usually 2 to 20 of its ticks"
            );
        }
        self.reporter.connected(id, timeout, Contact::Sent(sent));
    }

    /// Puts another client in the place of the present one, which is given back.
    fn replace(&self, link: Option<Arc<Link>>) -> Option<Arc<Link>> {
        mem::replace(&mut *self.current.write().unwrap_or_else(PoisonError::into_inner), link)
    }

    fn reconnected(&self) {
        self.connections.send_modify(|connections| *connections += 1);
    }
}

/// The id of a client's session.
pub(crate) fn id(client: &Client) -> SessionId {
    SessionId(client.session_id().0.cast_unsigned())
}

/// Opens a session that can be relied on: it has seen what was written before.
async fn open(dial: &Dial, paths: &Paths, opening: Option<&Opening>) -> Result<Opened> {
    let sent = Moment::now();
    let link = dial.link(opening).await.map_err(|error| prepare::refused(dial, error))?;
    match prepare::prepare(&link, dial, paths).await {
        Ok(()) => Ok(Opened { link, sent }),
        Err(error) => {
            // Nothing hangs on it yet. If it can't be ended it ends by itself.
            let _ = close::end(dial, link.session().clone()).await;
            Err(error)
        }
    }
}
