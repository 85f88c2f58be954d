//! What was asked of a backend, and what it answered.

use registry_host::{Applied, Entry, ErrorKind};

use crate::{model::Owner, operation::Operation};

/// Something that was asked, as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Which one of the history.
    pub(crate) id: u64,
    pub(crate) what: What,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A Txn of that session.
    Commit { owner: Owner, claims: Vec<Claim>, operations: Vec<Operation> },
    /// A put that is not done yet is written to an entry of another mode or owner, which keeps those.
    Stray { of: u64, key: String, value: Vec<u8>, owner: Option<Owner> },
    /// One entry.
    Get(String),
    /// An entry and all below it.
    List(String),
    /// The end of a session.
    Close(Owner),
    /// The lock, for that session.
    Lock(Owner),
    /// An end of holding the lock by that token.
    Unlock(u64),
}

/// A check of a Txn, in the backend's numbers.
#[derive(Clone, Debug)]
pub(crate) enum Claim {
    Absent(String),
    Present(String),
    Version(String, u64),
    Lives(String, u64),
    /// The lock is held by that token.
    Holds(u64),
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The Txn was applied.
    Applied(Vec<Applied>),
    /// These of its checks did not hold, and maybe others.
    Failed(Vec<usize>),
    /// An operation met something at that key.
    Met(ErrorKind, String),
    /// It breaks the limits.
    Invalid,
    Entry(Option<Entry>),
    Entries(Vec<Entry>),
    /// The lock was acquired, with that token.
    Token(u64),
    /// The lock was not acquired, so it was held.
    NotAcquired,
    /// It was not acquired, which says nothing: the limit passed, or others asked for it at once and made the queue
    /// longer.
    NotAcquiredNow,
    Done,
}
