//! Locks: what is held, and the names of queue entries (contract 6).

use crate::{FencingToken, SessionId};

/// A held lock, as data: the holder's own entry in the queue and its fencing token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Held {
    /// The key of the holder's entry in the queue.
    pub entry: String,
    /// The fencing token: it only grows from one holder of the lock to the next.
    pub token: FencingToken,
}

impl Held {
    /// A held lock of these parts.
    pub fn new(entry: impl Into<String>, token: FencingToken) -> Self {
        Held { entry: entry.into(), token }
    }
}

/// The name of a queue entry of a session's request number `number`: `<session hex>-<number>`.
///
/// Go's `concurrency.Mutex` and `etcdctl lock` call theirs `<lease hex>`; all queue by creation, not by name.
pub fn queue_entry(session: SessionId, number: u64) -> String {
    format!("{session}-{number}")
}

/// Whether `name` is one that [`queue_entry`] or etcd's own lock clients give.
pub fn is_queue_entry(name: &str) -> bool {
    let (session, number) = name.split_once('-').unwrap_or((name, "0"));
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    !session.is_empty()
        && session.len() <= 16
        && session.bytes().all(hex)
        && !number.is_empty()
        && number.bytes().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_entries_are_told_from_other_names() {
        assert!(is_queue_entry(&queue_entry(SessionId(u64::MAX), 7)));
        assert!(is_queue_entry("694d77aa9e38260f"));
        for other in ["", "-1", "worker", "a-", "a-b", "A-1", "1-2-3", "00000000000000000"] {
            assert!(!is_queue_entry(other), "{other}");
        }
    }
}
