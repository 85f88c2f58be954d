//! The keys that may hang on the session's lease: what has to be moved when the lease can't be relied on any more.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use registry_plugin::{Mode, Operation, Txn};
use tokio::time::{Duration, Instant};

use crate::keys::Namespace;

/// How long after it was sent a put that was not answered may still be applied: etcd itself gives up a request after
/// its 5 s and two elections.
const SETTLES: Duration = Duration::from_secs(10);

/// How many keys there may be before those are looked for that are gone.
const FEW: usize = 1_024;

/// Keys as etcd has them, with what is known of their puts.
#[derive(Default)]
pub(crate) struct Attached(Mutex<Keys>);

#[derive(Default)]
struct Keys {
    keys: HashMap<Vec<u8>, Puts>,
    /// The session's number: what was begun in a former one says nothing any more.
    session: u64,
    /// How many were left when they were last looked at.
    looked_at: usize,
}

/// What is known of the puts of one key.
#[derive(Clone, Copy, Default)]
struct Puts {
    /// How many are on their way.
    pending: u32,
    /// The revision of the newest that is known to be applied.
    applied: i64,
    /// When one of them became of unknown outcome.
    unknown: Option<Instant>,
}

impl Puts {
    fn may_come(&self) -> bool {
        self.pending > 0 || self.unknown.is_some_and(|unknown| unknown.elapsed() < SETTLES)
    }
}

impl Attached {
    /// A Txn with ephemeral puts is about to be sent; `None` if it has none. Dropped, its outcome is unknown once it
    /// was sent.
    pub(crate) fn begin(&self, namespace: &Namespace, txn: &Txn<'_>) -> Option<Pending<'_>> {
        let ephemeral = txn.operations.iter().filter_map(|operation| match operation {
            Operation::Put { key, mode: Mode::Ephemeral, .. } => Some(namespace.raw(*key)),
            _ => None,
        });
        let raw: Vec<Vec<u8>> = ephemeral.collect();
        if raw.is_empty() {
            return None;
        }
        let mut keys = self.lock();
        for key in &raw {
            match keys.keys.get_mut(key) {
                Some(puts) => puts.pending += 1,
                None => drop(keys.keys.insert(key.clone(), Puts { pending: 1, ..Puts::default() })),
            }
        }
        let session = keys.session;
        drop(keys);
        Some(Pending { attached: self, raw, session, sent: false, applied: 0 })
    }

    /// A Txn was applied at that revision: what it deletes or puts as persistent hangs on no lease.
    pub(crate) fn detach(&self, namespace: &Namespace, txn: &Txn<'_>, revision: i64) {
        let mut keys = self.lock();
        if keys.keys.is_empty() {
            return;
        }
        let stays = |puts: &Puts| puts.may_come() || puts.applied >= revision;
        for operation in txn.operations {
            match operation {
                Operation::Put { mode: Mode::Ephemeral, .. } => {}
                Operation::DeleteRecursive(key) => {
                    let (own, below) = (namespace.raw(*key), namespace.below(*key));
                    keys.keys.retain(|raw, puts| stays(puts) || (*raw != own && !below.contains(raw)));
                }
                operation => {
                    let raw = namespace.raw(operation.key());
                    if keys.keys.get(&raw).is_some_and(|puts| !stays(puts)) {
                        keys.keys.remove(&raw);
                    }
                }
            }
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Vec<u8>> {
        self.lock().keys.keys().cloned().collect()
    }

    /// The key was seen, at that revision, not to hang on any lease of the session.
    pub(super) fn gone(&self, raw: &[u8], revision: i64) {
        let mut keys = self.lock();
        if keys.keys.get(raw).is_some_and(|puts| !puts.may_come() && puts.applied < revision) {
            keys.keys.remove(raw);
        }
    }

    /// Whether there are so many that those should be looked for which others have deleted.
    pub(super) fn are_many(&self) -> bool {
        let keys = self.lock();
        keys.keys.len() > FEW.max(2 * keys.looked_at)
    }

    /// They were looked at, and what is left is there.
    pub(super) fn looked_at(&self) {
        let mut keys = self.lock();
        keys.looked_at = keys.keys.len();
    }

    /// Another session begins, with nothing.
    pub(super) fn clear(&self) {
        let mut keys = self.lock();
        *keys = Keys { session: keys.session + 1, ..Keys::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ephemeral puts on their way.
pub(crate) struct Pending<'a> {
    attached: &'a Attached,
    raw: Vec<Vec<u8>>,
    session: u64,
    sent: bool,
    applied: i64,
}

impl Pending<'_> {
    /// The Txn is sent, and may be applied.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }

    /// It was answered, and not applied.
    pub(crate) fn refused(&mut self) {
        self.sent = false;
    }

    /// It was applied at that revision. Gives the keys.
    pub(crate) fn applied(mut self, revision: i64) -> Vec<Vec<u8>> {
        (self.sent, self.applied) = (false, revision);
        self.raw.clone()
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let mut keys = self.attached.lock();
        if keys.session != self.session {
            return;
        }
        for raw in &self.raw {
            let Some(puts) = keys.keys.get_mut(raw) else { continue };
            puts.pending = puts.pending.saturating_sub(1);
            puts.applied = puts.applied.max(self.applied);
            if self.sent {
                puts.unknown = Some(Instant::now());
            }
            if puts.pending == 0 && puts.applied == 0 && puts.unknown.is_none() {
                keys.keys.remove(raw);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use registry_plugin::Key;

    use super::*;

    fn key(text: &str) -> Key<'_> {
        Key::new(text).expect(text)
    }

    fn put(at: &str) -> Operation<'_> {
        Operation::Put { key: key(at), value: b"", mode: Mode::Ephemeral }
    }

    fn names(attached: &Attached) -> Vec<String> {
        let mut names: Vec<_> = attached.all().into_iter().map(|raw| String::from_utf8(raw).expect("a key")).collect();
        names.sort();
        names
    }

    #[test]
    fn a_put_is_attached_until_a_later_write() {
        let (attached, namespace) = (Attached::default(), Namespace::new("ns"));
        let (puts, deletes) = ([put("/a"), put("/b/c")], [Operation::Delete(key("/a"))]);
        let (puts, deletes) = (Txn::new(&[], &puts), Txn::new(&[], &deletes));
        let mut pending = attached.begin(&namespace, &puts).expect("ephemeral puts");
        pending.sent();
        attached.detach(&namespace, &deletes, 9);
        assert_eq!(names(&attached), ["ns/a", "ns/b/c"], "the put may come after the delete");
        pending.applied(5);
        attached.detach(&namespace, &deletes, 4);
        assert_eq!(names(&attached), ["ns/a", "ns/b/c"], "the delete came before the put");
        attached.detach(&namespace, &deletes, 6);
        assert_eq!(names(&attached), ["ns/b/c"]);
        attached.detach(&namespace, &Txn::new(&[], &[Operation::DeleteRecursive(key("/b"))]), 7);
        assert!(names(&attached).is_empty());
        assert!(attached.begin(&namespace, &deletes).is_none());
    }

    #[test]
    fn a_put_of_unknown_outcome_counts_as_attached() {
        let (attached, namespace) = (Attached::default(), Namespace::new("ns"));
        let put = [put("/a")];
        let txn = Txn::new(&[], &put);
        drop(attached.begin(&namespace, &txn));
        assert!(names(&attached).is_empty(), "it was never sent");
        attached.begin(&namespace, &txn).expect("an ephemeral put").sent();
        attached.gone(b"ns/a", 5);
        assert_eq!(names(&attached), ["ns/a"]);
        let mut other = attached.begin(&namespace, &txn).expect("an ephemeral put");
        other.sent();
        attached.clear();
        drop(other);
        assert!(names(&attached).is_empty(), "it was of a former session");
    }
}
