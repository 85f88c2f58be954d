//! What one request asks of the server about its lock.

use std::sync::Arc;

use registry_plugin::{Effect, Error, ErrorKind, LockRequest, Outcome, Result, Revision};
use zookeeper_client::Error as ZkError;

use super::{
    flight::{self, Entered, Wanted},
    queue::{Queue, stranger},
};
use crate::{
    error::{of_read, of_write},
    paths::Paths,
    read::{number, owner},
    session::{Link, Session, id},
};

/// One's own entry in a queue.
#[derive(Clone)]
pub(super) struct Mine {
    pub(super) name: String,
    pub(super) created: Revision,
}

/// A lock that a request asks for, in one session and with a deadline for each question.
pub(super) struct Asking {
    pub(super) request: LockRequest,
    pub(super) session: Arc<Session>,
    /// The lock's path.
    pub(super) lock: String,
}

impl Asking {
    pub(super) fn new(session: Arc<Session>, paths: &Paths, request: LockRequest) -> Self {
        let lock = paths.path(request.key());
        Asking { request, session, lock }
    }

    /// The key of a queue entry.
    pub(super) fn entry(&self, name: &str) -> String {
        self.request.key().child(name)
    }

    /// Queues under a name that begins like that, and names all children; `sends` is called right before anything is
    /// sent.
    ///
    /// # Errors
    ///
    /// Only where there was no answer; what the answers were is in what is given back.
    pub(super) async fn enter(
        &self,
        unique: &str,
        sends: impl FnOnce(),
    ) -> Result<(Result<Mine>, Result<Vec<String>>)> {
        let asked = async {
            let link = self.session.link().await?;
            self.belongs(&link)?;
            sends();
            let wanted =
                Wanted { lock: &self.lock, unique, value: self.request.value(), acls: self.session.dial().acls() };
            let entered = link.wait_in_use(wanted.enter(&link)).await;
            // What became of it the next link shows.
            let Some(Entered { entry, children }) = entered else {
                return Err(of_write(ZkError::ConnectionLoss, &link));
            };
            let mine = entry.map(|(name, stat)| Mine { name, created: number(stat.czxid) });
            Ok((mine.map_err(|error| self.refused(error, &link)), children.map_err(of_read)))
        };
        self.request.context().call(Effect::Write, asked).await
    }

    /// All children once nothing that was sent before can be done any more.
    pub(super) async fn settled(&self) -> Result<Vec<String>> {
        self.ask(|link| async move { flight::settled(&link, &self.lock).await }).await
    }

    /// All children, and when the request's own entry was made; `None` if it is gone, or another's.
    pub(super) async fn again(&self, name: &str) -> Result<(Result<Vec<String>>, Option<Revision>)> {
        let path = &*self.path(name);
        let both = self.ask(|link| async move {
            let (children, stat) = (link.list_children(&self.lock), link.check_stat(path));
            Ok((children.await.map_err(of_read), stat.await?))
        });
        let (children, stat) = both.await?;
        let mine = stat.filter(|stat| owner(stat) == Some(self.request.session()));
        Ok((children, mine.map(|stat| number(stat.czxid))))
    }

    /// When another's entry was made; `None` if it is gone, 0 if the server doesn't say so as it may not be read (1.5).
    ///
    /// # Errors
    ///
    /// `HasChildren` if it is not a queue entry in spite of its name: it would never go by itself.
    pub(super) async fn made(&self, name: &str) -> Result<Option<Revision>> {
        let path = &*self.path(name);
        let asked = self.ask(|link| async move {
            match link.check_stat(path).await {
                // Newer servers don't even say that it is there; but they do say that it isn't.
                Err(ZkError::NoAuth) => Ok(Err(ZkError::NoAuth)),
                stat => stat.map(Ok),
            }
        });
        let Ok(stat) = asked.await? else { return Ok(Some(Revision::new(0))) };
        match stat {
            Some(stat) if owner(&stat).is_none() => Err(stranger(self.request.key(), name)),
            stat => Ok(stat.map(|stat| number(stat.czxid))),
        }
    }

    /// Sees that nobody is in the queue.
    ///
    /// # Errors
    ///
    /// [Taken](LockRequest::taken), `HasChildren`, and those of the server.
    pub(super) async fn vacant(&self) -> Result<()> {
        loop {
            let names = self.ask(|link| async move { flight::children(&link, &self.lock).await }).await?;
            let queue = Queue::of(self.request.key(), names, true)?;
            let Some(other) = queue.any() else { return Ok(()) };
            if self.made(other).await?.is_some() {
                return Err(self.request.taken());
            }
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.lock)
    }

    async fn ask<T, F>(&self, question: impl Fn(Arc<Link>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, ZkError>>,
    {
        let question = &question;
        let asked = self.session.ask(|link| async move {
            self.belongs(&link)?;
            question(link).await.map_err(of_read)
        });
        self.request.context().call(Effect::Read, asked).await
    }

    fn refused(&self, error: ZkError, link: &Link) -> Error {
        if error != ZkError::NoChildrenForEphemerals {
            return of_write(error, link);
        }
        let message = "the lock's key or one above it is ephemeral, and such an entry has no children";
        Error::new(ErrorKind::EphemeralParent, message).or_key(self.request.key())
    }

    /// Sees that a link is of the session that the request is made in.
    fn belongs(&self, link: &Link) -> Result<()> {
        if id(link) == self.request.session() {
            return Ok(());
        }
        let message = "the session of the lock's request has ended";
        Err(Error::new(ErrorKind::SessionLost, message).set_outcome(Outcome::NotApplied))
    }
}
