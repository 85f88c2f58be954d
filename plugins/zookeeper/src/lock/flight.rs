//! What is asked of the server in one flight: requests are sent when they are made, and done in that order.

use zookeeper_client::{Acls, Client, CreateMode, Error as ZkError, Stat};

use crate::freshness::agree;

/// What an attempt to queue came to.
pub(super) struct Entered {
    /// The entry's name and when it was made.
    pub(super) entry: Result<(String, Stat), ZkError>,
    /// The names of all children of the lock's key, the new entry among them.
    pub(super) children: Result<Vec<String>, ZkError>,
}

/// What a queue entry is to be.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The lock's path.
    pub(super) lock: &'a str,
    /// How the entry's name begins.
    pub(super) unique: &'a str,
    pub(super) value: &'a [u8],
    pub(super) acls: Acls<'static>,
}

impl Wanted<'_> {
    /// Queues, and looks at the queue; where there is no lock yet it is made.
    pub(super) async fn enter(self, client: &Client) -> Entered {
        let entered = self.fly(client).await;
        if entered.entry != Err(ZkError::NoNode) {
            return entered;
        }
        let options = CreateMode::Persistent.with_acls(self.acls);
        let made: Vec<_> = self.above().map(|path| client.create(path, b"", &options)).collect();
        let mut entered = self.fly(client).await;
        for made in made {
            match made.await {
                // What is there needs no right to be made.
                Err(error) if error != ZkError::NodeExists && entered.entry == Err(ZkError::NoNode) => {
                    entered.entry = Err(error);
                }
                _ => {}
            }
        }
        entered
    }

    async fn fly(self, client: &Client) -> Entered {
        let path = format!("{}/{}", self.lock, self.unique);
        let options = CreateMode::EphemeralSequential.with_acls(self.acls);
        let (created, children) = (client.create(&path, self.value, &options), client.list_children(self.lock));
        Entered {
            entry: created.await.map(|(stat, number)| (format!("{}{number}", self.unique), stat)),
            children: children.await,
        }
    }

    /// The paths that must be there, the lock's own last.
    fn above(&self) -> impl Iterator<Item = &str> {
        let ends = self.lock.match_indices('/').map(|(at, _)| at).skip(1).chain([self.lock.len()]);
        ends.map(|end| &self.lock[..end])
    }
}

/// The names of the children as they are after all that this session has sent before, on whatever connection.
///
/// # Behavior
///
/// What was sent before and is not among them will never be: a server that takes a session over closes the connection
/// that it had, and the leader refuses what still comes from another server.
pub(super) async fn settled(client: &Client, lock: &str) -> Result<Vec<String>, ZkError> {
    let (agreed, children) = (agree(client), client.list_children(lock));
    agreed.await?;
    or_none(children.await)
}

/// The names of the children, none if there is no lock yet; not older than this call.
pub(super) async fn children(client: &Client, lock: &str) -> Result<Vec<String>, ZkError> {
    let (synced, children) = (client.sync(lock), client.list_children(lock));
    synced.await?;
    or_none(children.await)
}

fn or_none(children: Result<Vec<String>, ZkError>) -> Result<Vec<String>, ZkError> {
    match children {
        Err(ZkError::NoNode) => Ok(Vec::new()),
        children => children,
    }
}

/// Deletes entries below a lock, unless others have.
pub(super) async fn delete(client: &Client, lock: &str, names: &[String]) -> Result<(), ZkError> {
    let paths: Vec<_> = names.iter().map(|name| format!("{lock}/{name}")).collect();
    let deleted: Vec<_> = paths.iter().map(|path| client.delete(path, None)).collect();
    for deleted in deleted {
        match deleted.await {
            // One with children has become another's: queue entries have none.
            Ok(()) | Err(ZkError::NoNode | ZkError::NotEmpty) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
