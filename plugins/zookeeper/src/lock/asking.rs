//! What one request asks of the server about its lock.

use std::sync::Arc;

use registry_plugin::{Effect, Error, ErrorKind, LockRequest, Outcome, Result};
use zookeeper_client::{Client, Error as ZkError};

use super::{
    flight::{self, Entered, Wanted},
    queue::{Queue, stranger},
};
use crate::{
    error::of_read,
    paths::Paths,
    read::{number, owner},
    session::{Link, Session, id},
};

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

    /// Queues under a name that begins like that; `sends` is called right before anything is sent.
    ///
    /// # Errors
    ///
    /// Only where there was no answer; what the answers were is in what is given back.
    pub(super) async fn enter(&self, unique: &str, sends: impl FnOnce()) -> Result<Entered> {
        let asked = async {
            let client = self.client()?;
            sends();
            let wanted =
                Wanted { lock: &self.lock, unique, value: self.request.value(), acls: self.session.dial().acls() };
            Ok(wanted.enter(&client).await)
        };
        self.request.context().call(Effect::Write, asked).await
    }

    /// All children once nothing that was sent before can be done any more.
    pub(super) async fn settled(&self) -> Result<Vec<String>> {
        self.ask(async |client| flight::settled(client, &self.lock).await).await
    }

    /// All children, and when the request's own entry was made; nothing if it is gone, or another's.
    pub(super) async fn again(&self, name: &str) -> Result<(Result<Vec<String>>, Option<u64>)> {
        let path = self.path(name);
        let both = self.ask(async |client| {
            let (children, stat) = (client.list_children(&self.lock), client.check_stat(&path));
            Ok((children.await.map_err(of_read), stat.await?))
        });
        let (children, stat) = both.await?;
        let mine = stat.filter(|stat| owner(stat) == Some(self.request.session()));
        Ok((children, mine.map(|stat| number(stat.czxid))))
    }

    /// When another's entry was made; nothing if it is gone, 0 if the server doesn't say so as it may not be read
    /// (1.5).
    ///
    /// # Errors
    ///
    /// `HasChildren` if it is no queue entry for all its name: it would never go by itself.
    pub(super) async fn made(&self, name: &str) -> Result<Option<u64>> {
        let path = self.path(name);
        let asked = self.ask(async |client| match client.check_stat(&path).await {
            // Newer servers don't even say that it is there; but they do say that it isn't.
            Err(ZkError::NoAuth) => Ok(Err(ZkError::NoAuth)),
            stat => stat.map(Ok),
        });
        let Ok(stat) = asked.await? else { return Ok(Some(0)) };
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
            let names = self.ask(async |client| flight::children(client, &self.lock).await).await?;
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

    async fn ask<T>(&self, question: impl AsyncFnOnce(&Client) -> Result<T, ZkError>) -> Result<T> {
        let asked = async {
            let client = self.client()?;
            self.session.watched(question(&client).await.map_err(of_read))
        };
        self.request.context().call(Effect::Read, asked).await
    }

    /// The client of the session that the request is made in.
    fn client(&self) -> Result<Arc<Link>> {
        let client = self.session.client()?;
        if id(&client) == self.request.session() {
            return Ok(client);
        }
        let message = "the session that the lock was asked for in is over";
        Err(Error::new(ErrorKind::SessionLost, message).with_outcome(Outcome::NotApplied))
    }
}
