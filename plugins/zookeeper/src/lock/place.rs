//! A request's place in a queue that is numbered by the server.

use std::{mem, sync::Arc};

use registry_plugin::{
    Held, Key, LockRequest, Outcome, Result, Revision,
    lock::{Leaving, QueuePlace, Turn},
};

use super::{
    asking::{Asking, Mine},
    flight, name,
    queue::Queue,
};
use crate::{
    error::of_read,
    paths::Paths,
    session::{Link, Session},
};

/// A request's entry in the queue, from before it is made until it is gone or somebody else's to remove.
///
/// # Behavior
///
/// A request whose answer was lost, or not waited for, may have made an entry; which, only its name tells. It is looked
/// for when it must be there if it ever will, and then taken for the one asked for, or deleted. No second one is made
/// before.
pub(crate) struct Numbered {
    asking: Asking,
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

impl Numbered {
    /// A place that is not asked for yet.
    ///
    /// # Errors
    ///
    /// `InvalidKey` and so on if there can be no such entry.
    pub(crate) fn new(session: Arc<Session>, paths: &Paths, request: LockRequest) -> Result<Self> {
        let unique = name::unique();
        request.entry(&name::longest(&unique))?;
        Ok(Numbered { asking: Asking::new(session, paths, request), unique, stage: Stage::Outside, looked: false })
    }

    /// The queue with one's own entry in it, which is made if need be; `None` if another look is needed.
    async fn look(&mut self) -> Result<Option<(Queue, Mine)>> {
        match &self.stage {
            Stage::Inside(mine) => self.look_again(mine.name.clone(), Some(mine.created)).await.map(Some),
            Stage::Found(name) => self.look_again(name.clone(), None).await.map(Some),
            Stage::Open => self.find().await.map(|()| None),
            Stage::Outside | Stage::Left => {
                if !self.asking.request.waits() {
                    self.asking.vacant().await?;
                }
                self.enter().await.map(Some)
            }
        }
    }

    /// Queues.
    async fn enter(&mut self) -> Result<(Queue, Mine)> {
        let Numbered { asking, unique, stage, .. } = self;
        let (mine, children) = asking.enter(unique, || *stage = Stage::Open).await?;
        let error = match mine {
            Ok(mine) => {
                self.stage = Stage::Inside(mine.clone());
                return Ok((self.queue(children?)?, mine));
            }
            Err(error) => error,
        };
        if error.outcome() == Outcome::NotApplied {
            self.stage = Stage::Outside;
        }
        self.asking.session.watched(Err(error))
    }

    /// Finds out whether an entry was made of which nobody knows.
    async fn find(&mut self) -> Result<()> {
        let names = self.asking.settled().await?;
        self.stage = match names.into_iter().find(|name| name.starts_with(&self.unique)) {
            Some(name) => Stage::Found(name),
            None => Stage::Outside,
        };
        Ok(())
    }

    /// Looks at the queue, and whether one's own entry is there and, if that is known, the one made at `created`.
    async fn look_again(&mut self, name: String, created: Option<Revision>) -> Result<(Queue, Mine)> {
        let (children, found) = self.asking.again(&name).await?;
        let Some(found) = found.filter(|found| created.is_none_or(|created| created == *found)) else {
            self.stage = Stage::Left;
            return Err(self.asking.request.lost(Key::from_checked(&self.asking.entry(&name))));
        };
        let mine = Mine { name, created: found };
        self.stage = Stage::Inside(mine.clone());
        Ok((self.queue(children?)?, mine))
    }

    fn queue(&mut self, names: Vec<String>) -> Result<Queue> {
        let queue = Queue::of(self.asking.request.key(), names, !self.looked)?;
        self.looked = true;
        Ok(queue)
    }
}

impl QueuePlace for Numbered {
    fn request(&self) -> &LockRequest {
        &self.asking.request
    }

    async fn stand(&mut self) -> Result<Turn> {
        loop {
            let Some((queue, mine)) = self.look().await? else { continue };
            let Some(before) = queue.before(&mine.name) else {
                return Ok(Turn::Come(Held::new(self.asking.entry(&mine.name), mine.created.into())));
            };
            if let Some(created) = self.asking.made(before).await? {
                return Ok(Turn::Behind { entry: self.asking.entry(before), created });
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
        let Asking { request, session, lock } = &self.asking;
        let (context, id) = (request.context(), request.session());
        let (session, lock, unique) = (session.clone(), lock.clone(), self.unique.clone());
        let remove = move || remove(session.clone(), lock.clone(), unique.clone(), mine.clone());
        Some(Leaving::start(context, id, remove, |()| true))
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

/// Removes a request's entry, which has that name if one is known.
async fn remove(session: Arc<Session>, lock: String, unique: String, mine: Option<String>) -> Result<()> {
    let (lock, unique, mine) = (&*lock, &*unique, &mine);
    let question = |link: Arc<Link>| async move {
        let names = match mine {
            Some(name) => vec![name.clone()],
            None => {
                let mut names = flight::settled(&link, lock).await.map_err(of_read)?;
                names.retain(|name| name.starts_with(unique));
                names
            }
        };
        flight::delete(&link, lock, &names).await.map_err(of_read)
    };
    session.ask(question).await
}
