//! What a Txn looks at, and what was seen there.

use std::collections::{BTreeSet, HashMap};

use registry_plugin::{Check, Operation, Result, SessionId, Txn, txn::Found};
use zookeeper_client::{Client, Stat};

use crate::{
    error::of_read,
    paths::Paths,
    read::{number, owner},
};

/// What the rules need to know of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    /// The counter that writes are compared with; it starts again with each life of a path.
    pub(super) counter: i32,
    pub(super) written: i64,
    pub(super) created: i64,
    pub(super) owner: Option<SessionId>,
    pub(super) children: i32,
}

impl From<&Stat> for Facts {
    fn from(stat: &Stat) -> Self {
        Facts {
            counter: stat.version,
            written: stat.mzxid,
            created: stat.czxid,
            owner: owner(stat),
            children: stat.num_children,
        }
    }
}

impl Facts {
    /// What a check needs to know.
    pub(super) fn found(&self) -> Found {
        Found { version: number(self.written), created: number(self.created), is_ephemeral: self.owner.is_some() }
    }
}

/// What was seen: `None` for what is missing.
#[derive(Default, Debug)]
pub(super) struct Seen(HashMap<String, Facts>);

impl Seen {
    pub(super) fn find(&self, path: &str) -> Option<&Facts> {
        self.0.get(path)
    }
}

impl FromIterator<(String, Facts)> for Seen {
    fn from_iter<T: IntoIterator<Item = (String, Facts)>>(found: T) -> Self {
        Seen(found.into_iter().collect())
    }
}

/// The paths that a Txn must look at to be judged.
pub(super) struct Places {
    paths: BTreeSet<String>,
    /// How many bytes of a path come before the key.
    before: usize,
}

impl Places {
    pub(super) fn of(txn: &Txn<'_>, paths: &Paths) -> Self {
        let mut places = BTreeSet::new();
        for check in txn.checks.iter().filter(|check| !check.key().is_root()) {
            let path = paths.path(check.key());
            // What is missing is missing from some ancestor on.
            if matches!(check, Check::Absent(_)) {
                places.extend(above(&path).map(str::to_owned));
            }
            places.insert(path);
        }
        for operation in txn.operations {
            let path = paths.path(operation.key());
            if !matches!(operation, Operation::DeleteRecursive(_)) {
                places.extend(above(&path).map(str::to_owned));
            }
            places.insert(path);
        }
        let before = if paths.root() == "/" { 0 } else { paths.root().len() };
        Places { paths: places, before }
    }

    /// Asks for all of them in one flight, which leaves when this is called, not when what it gives is awaited.
    pub(super) fn ask(self, client: &Client) -> impl Future<Output = Result<Seen>> + Send + use<> {
        let Places { paths, before } = self;
        let asked: Vec<_> = paths.into_iter().map(|path| (client.check_stat(&path), path)).collect();
        async move {
            let mut seen = HashMap::with_capacity(asked.len());
            for (answer, path) in asked {
                let named = |error| {
                    let key = Some(&path[before.min(path.len())..]).filter(|key| !key.is_empty());
                    of_read(error).or_key(key.unwrap_or("/"))
                };
                if let Some(stat) = answer.await.map_err(named)? {
                    seen.insert(path, Facts::from(&stat));
                }
            }
            Ok(Seen(seen))
        }
    }
}

/// The paths above a path, from the top, without `/`, which always is there.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').skip(1).map(|(at, _)| &path[..at])
}
