//! Reading entries (contract 2).

mod denied;
mod sweep;
mod tree;

use registry_plugin::{Entry, Error, ErrorKind, Key, Result, SessionId};
use zookeeper_client::{Client, Error as ZkError, Stat};

pub(crate) use denied::{Denied, Warned, denied};
pub(crate) use sweep::misunderstood;
pub(crate) use tree::{Now, Reader};

use crate::{error::of_read, paths::Paths};

/// Reads one entry.
///
/// # Errors
///
/// Those of the server.
pub(crate) async fn get(client: &Client, paths: &Paths, key: Key<'_>) -> Result<Option<Entry>> {
    match client.get_data(&paths.path(key)).await {
        Ok((value, stat)) => Ok(Some(entry(String::new(), value, &stat))),
        Err(ZkError::NoNode) => Ok(None),
        Err(error) => Err(of_read(error).or_key(key)),
    }
}

/// Names the direct children of a key.
///
/// # Behavior
///
/// The server names those that may not be read as well.
///
/// # Errors
///
/// `NotFound` if there is no such entry, and those of the server.
pub(crate) async fn children(client: &Client, paths: &Paths, key: Key<'_>) -> Result<Vec<String>> {
    match client.list_children(&paths.path(key)).await {
        Ok(mut names) => {
            names.retain(|name| Key::new(&key.child(name)).is_ok());
            Ok(names)
        }
        // Somebody has deleted what the keys lie below.
        Err(ZkError::NoNode) if key.is_root() => Ok(Vec::new()),
        Err(ZkError::NoNode) => Err(Error::new(ErrorKind::NotFound, "there is no such entry").or_key(key)),
        Err(error) => Err(of_read(error).or_key(key)),
    }
}

/// The entry that a path's value and stat are.
pub(crate) fn entry(key: String, value: Vec<u8>, stat: &Stat) -> Entry {
    Entry::new(key, value, number(stat.mzxid), number(stat.czxid), owner(stat))
}

/// The session that a path belongs to.
///
/// # Behavior
///
/// Containers and paths with a time to live carry their kind where an ephemeral path has its owner
/// (`EphemeralType` in ZooKeeper's source): to the contract they are persistent.
pub(crate) fn owner(stat: &Stat) -> Option<SessionId> {
    const CONTAINER: i64 = i64::MIN;
    const EXTENDED: u64 = 0xff00_0000_0000_0000;
    let owner = stat.ephemeral_owner;
    (owner != 0 && owner != CONTAINER && owner.cast_unsigned() & EXTENDED != EXTENDED)
        .then_some(SessionId(owner.cast_unsigned()))
}

/// A zxid as a number of the contract; none is ever negative.
pub(crate) fn number<N: From<u64>>(zxid: i64) -> N {
    zxid.cast_unsigned().into()
}
