//! Locks: what is held (contract 6).

use crate::FencingToken;

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
