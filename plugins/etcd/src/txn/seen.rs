//! What a Txn looks at, and what it saw there.

use std::collections::{BTreeMap, HashMap};

use etcd_client::proto::{PbRangeResponse, PbTxnOpResponse, PbTxnResponse};
use etcd_client::{GetOptions, TxnOp};
use registry_plugin::{Check, Key, Operation, Revision, SessionId, Txn, Version, txn::Found};

use crate::keys::{Namespace, number, owner};

/// What the rules need to know of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    pub(super) version: Version,
    pub(super) created: Revision,
    pub(super) ephemeral: Option<SessionId>,
}

impl Facts {
    /// What a check needs to know.
    pub(super) fn found(&self) -> Found {
        Found { version: self.version, created: self.created, is_ephemeral: self.ephemeral.is_some() }
    }
}

/// The places a Txn must look at to be judged: at most 64 keys and 32 ranges, within the server's 128 operations.
pub(super) struct Places<'a> {
    /// Each with whether its lease matters.
    keys: BTreeMap<Key<'a>, bool>,
    /// Keys that may need to have nothing below them, and how many keys there to look at.
    ranges: Vec<(Key<'a>, i64)>,
}

/// What was seen there, all at one revision.
#[derive(Default)]
pub(super) struct Seen<'a> {
    pub(super) revision: i64,
    pub(super) entries: HashMap<Key<'a>, Facts>,
    /// Below a key: the keys without the namespace, foreign ones too.
    pub(super) below: HashMap<Key<'a>, Vec<Vec<u8>>>,
}

impl<'a> Places<'a> {
    pub(super) fn of(txn: &Txn<'a>) -> Self {
        let mut keys = BTreeMap::new();
        for check in txn.checks {
            *keys.entry(check.key()).or_default() |= matches!(check, Check::Held { .. });
        }
        let mut ranges = Vec::new();
        let mut deletes = 0;
        for operation in txn.operations {
            match operation {
                Operation::Put { key, mode, .. } => {
                    keys.extend(key.ancestors().map(|ancestor| (ancestor, true)));
                    if *mode == registry_plugin::Mode::Ephemeral {
                        // One more than may have been deleted by then shows whether anything is left.
                        ranges.push((*key, deletes + 1));
                    }
                }
                Operation::Delete(key) => {
                    ranges.push((*key, deletes + 1));
                    deletes += 1;
                }
                _ => {}
            }
        }
        Places { keys, ranges }
    }

    /// The reads, in the order that [`seen`](Places::seen) takes their answers in.
    pub(super) fn reads(&self, namespace: &Namespace) -> Vec<TxnOp> {
        let keys = self.keys.iter().map(|(key, with_lease)| {
            // The root is not an entry, and an etcd key must not be empty: its own place is that of a foreign key. A
            // newer etcd (3.7 was seen to) leaves the lease out where the value is not asked for.
            TxnOp::get(namespace.raw(*key), (!with_lease).then(|| GetOptions::new().with_keys_only()))
        });
        let ranges = self.ranges.iter().map(|(key, limit)| {
            let below = namespace.below(*key);
            let options = GetOptions::new().with_range(below.end).with_keys_only().with_limit(*limit);
            TxnOp::get(below.start, Some(options))
        });
        keys.chain(ranges).collect()
    }

    pub(super) fn seen(&self, namespace: &Namespace, answer: PbTxnResponse) -> Seen<'a> {
        let revision = answer.header.map_or(0, |header| header.revision);
        let mut seen = Seen { revision, ..Seen::default() };
        let mut answers = answer.responses.into_iter().map(|answer| match answer.response {
            Some(PbTxnOpResponse::ResponseRange(range)) => range,
            _ => PbRangeResponse::default(),
        });
        for (key, range) in self.keys.keys().zip(&mut answers) {
            if let Some(found) = range.kvs.first().filter(|_| !key.is_root()) {
                let facts = Facts {
                    version: number(found.mod_revision),
                    created: number(found.create_revision),
                    ephemeral: owner(found.lease),
                };
                seen.entries.insert(*key, facts);
            }
        }
        for ((key, _), range) in self.ranges.iter().zip(answers) {
            let below = range.kvs.iter().filter_map(|found| namespace.strip(&found.key)).map(<[u8]>::to_vec);
            seen.below.insert(*key, below.collect());
        }
        seen
    }
}
