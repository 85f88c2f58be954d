//! A request's place in a queue that is numbered by the server.

use std::{mem, sync::Arc};

use registry_plugin::{
    Effect as Given, Error, ErrorKind, Held, Key, LockRequest, Outcome, Result,
    lock::{Leaving, Place, Turn},
};
use zookeeper_client::{Client, Error as ZkError};

use super::{
    flight::{self, Entered, Wanted},
    name,
    queue::{Queue, stranger},
};
use crate::{
    error::{Effect, of_read, translate},
    paths::Paths,
    read::{number, owner},
    session::{Session, id},
};

/// A request's entry in the queue, from before it is made until it is gone or somebody else's to remove.
///
/// # Behavior
///
/// The request whose answer was lost, or not waited for, may have made an entry; which, only its name tells. It is looked for
/// when it must be there if it ever will, and then taken for the one asked for, or deleted. No second one is made before.
pub(crate) struct Numbered {
    session: Arc<Session>,
    request: LockRequest,
    /// The lock's path.
    lock: String,
    /// How the entry's name begins.
    unique: String,
    stage: Stage,
    /// Whether the queue was looked at, and no other descendants were there.
    looked: bool,
}

/// How far a request has come.
enum Stage {
    Outside,
    /// An entry was asked for, and nobody knows whether it is there or will be.
    Open,
    /// An entry of that name was found.
    Found(String),
    Inside(Mine),
    /// The entry is no business of this place any more.
    Left,
}

/// One's own entry.
#[derive(Clone)]
struct Mine {
    name: String,
    created: u64,
}

impl Numbered {
    /// A place that is not asked for yet.
    ///
    /// # Errors
    ///
    /// `InvalidKey` and so on if there can be no such entry.
    pub(crate) fn new(session: Arc<Session>, paths: &Paths, request: LockRequest) -> Result<Self> {
        let unique = name::unique();
        request.entry(&name::longest(&unique))?;
        let lock = paths.path(request.key());
        Ok(Numbered { session, request, lock, unique, stage: Stage::Outside, looked: false })
    }

    /// The queue with one's own entry in it, which it is made for if need be; nothing if it has to be looked at again.
    async fn look(&mut self) -> Result<Option<(Queue, Mine)>> {
        match &self.stage {
            Stage::Inside(mine) => self.look_again(mine.name.clone(), Some(mine.created)).await.map(Some),
            Stage::Found(name) => self.look_again(name.clone(), None).await.map(Some),
            Stage::Open => self.find().await.map(|()| None),
            _ => {
                if !self.request.waits() {
                    self.vacant().await?;
                }
                self.enter().await
            }
        }
    }

    /// Queues.
    async fn enter(&mut self) -> Result<Option<(Queue, Mine)>> {
        let Numbered { session, request, lock, unique, stage, .. } = self;
        let asked = async {
            let client = client(session, request)?;
            *stage = Stage::Open;
            let wanted = Wanted { lock, unique, value: request.value(), acls: session.dial().acls() };
            Ok(wanted.enter(&client).await)
        };
        let Entered { entry, children } = request.context().call(Given::Write, asked).await?;
        match entry {
            Ok((name, stat)) => {
                let mine = Mine { name, created: number(stat.czxid) };
                self.stage = Stage::Inside(mine.clone());
                Ok(Some((self.queue(children.map_err(of_read)?)?, mine)))
            }
            Err(ZkError::NoChildrenForEphemerals) => {
                self.stage = Stage::Outside;
                let message = "the lock's key or one above it is ephemeral, and such an entry has no children";
                Err(Error::new(ErrorKind::EphemeralParent, message).with_key(self.request.key()))
            }
            Err(error) => {
                let error = translate(error, Effect::Write);
                if error.outcome() == Outcome::NotApplied {
                    self.stage = Stage::Outside;
                }
                self.session.watched(Err(error))
            }
        }
    }

    /// Finds out whether an entry was made of which nobody knows.
    async fn find(&mut self) -> Result<()> {
        let names = self.ask(async |client| flight::settled(client, &self.lock).await).await?;
        self.stage = match names.into_iter().find(|name| name.starts_with(&self.unique)) {
            Some(name) => Stage::Found(name),
            None => Stage::Outside,
        };
        Ok(())
    }

    /// Looks at the queue, and whether one's own entry is there and, if that is known, the one made at `created`.
    async fn look_again(&mut self, name: String, created: Option<u64>) -> Result<(Queue, Mine)> {
        let path = format!("{}/{name}", self.lock);
        let both = self.ask(async |client| {
            let (children, stat) = (client.list_children(&self.lock), client.check_stat(&path));
            Ok((children.await, stat.await?))
        });
        let (children, stat) = both.await?;
        match stat.filter(|stat| owner(stat) == Some(self.request.session())).map(|stat| number(stat.czxid)) {
            Some(found) if created.is_none_or(|created| created == found) => {
                let mine = Mine { name, created: found };
                self.stage = Stage::Inside(mine.clone());
                Ok((self.queue(children.map_err(of_read)?)?, mine))
            }
            _ => {
                self.stage = Stage::Left;
                Err(self.request.lost(Key::from_checked(&self.request.key().child(&name))))
            }
        }
    }

    /// Sees that nobody is in the queue.
    async fn vacant(&self) -> Result<()> {
        loop {
            let names = self.ask(async |client| flight::children(client, &self.lock).await).await?;
            let queue = Queue::of(self.request.key(), names, true)?;
            let Some(other) = queue.any() else { return Ok(()) };
            if self.made(other).await?.is_some() {
                return Err(self.request.taken());
            }
        }
    }

    /// When another's entry was made; nothing if it is gone.
    ///
    /// # Errors
    ///
    /// `HasChildren` if it is no queue entry for all its name: it would never go by itself.
    async fn made(&self, name: &str) -> Result<Option<u64>> {
        let path = format!("{}/{name}", self.lock);
        match self.ask(async |client| client.check_stat(&path).await).await? {
            Some(stat) if owner(&stat).is_none() => Err(stranger(self.request.key(), name)),
            stat => Ok(stat.map(|stat| number(stat.czxid))),
        }
    }

    /// Asks the server something, by the deadline that every request has.
    async fn ask<T>(&self, question: impl AsyncFnOnce(&Client) -> Result<T, ZkError>) -> Result<T> {
        let asked = async {
            let client = client(&self.session, &self.request)?;
            self.session.watched(question(&client).await.map_err(of_read))
        };
        self.request.context().call(Given::Read, asked).await
    }

    fn queue(&mut self, names: Vec<String>) -> Result<Queue> {
        let queue = Queue::of(self.request.key(), names, !self.looked)?;
        self.looked = true;
        Ok(queue)
    }
}

impl Place for Numbered {
    fn request(&self) -> &LockRequest {
        &self.request
    }

    async fn stand(&mut self) -> Result<Turn> {
        loop {
            let Some((queue, mine)) = self.look().await? else { continue };
            let Some(before) = queue.before(&mine.name) else {
                return Ok(Turn::Come(Held::new(self.request.key().child(&mine.name), mine.created)));
            };
            if let Some(created) = self.made(before).await? {
                return Ok(Turn::Behind { entry: self.request.key().child(before), created });
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    fn leave(&mut self) -> Option<Leaving> {
        let mine = match mem::replace(&mut self.stage, Stage::Left) {
            Stage::Outside | Stage::Left => return None,
            Stage::Open => None,
            Stage::Found(name) | Stage::Inside(Mine { name, .. }) => Some(name),
        };
        let (session, lock, unique) = (self.session.clone(), self.lock.clone(), self.unique.clone());
        let remove = move || remove(session.clone(), lock.clone(), unique.clone(), mine.clone());
        Some(Leaving::start(self.request.context(), self.request.session(), remove, |()| true))
    }

    fn give_up(&mut self, _: &Held) {
        self.stage = Stage::Left;
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The client of the session that the request is to be made in.
fn client(session: &Session, request: &LockRequest) -> Result<Arc<Client>> {
    let client = session.client()?;
    if id(&client) == request.session() {
        return Ok(client);
    }
    let message = "the session that the lock was asked for in is over";
    Err(Error::new(ErrorKind::SessionLost, message).with_outcome(Outcome::NotApplied))
}

/// Removes the request's entry, which has that name if one is known.
async fn remove(session: Arc<Session>, lock: String, unique: String, mine: Option<String>) -> Result<()> {
    let client = session.client()?;
    let names = match mine {
        Some(name) => vec![name],
        None => {
            let mut names = flight::settled(&client, &lock).await.map_err(of_read)?;
            names.retain(|name| name.starts_with(&unique));
            names
        }
    };
    session.watched(flight::delete(&client, &lock, &names).await.map_err(of_read))
}
