//! What may happen in a history of one step after another.

use proptest::{collection::vec, prelude::*, sample::select};
use registry_host::Scope;

use crate::operation::{Operation, TOP, operation};

/// How many clients take part at most.
pub(crate) const CLIENTS: usize = 4;

/// The longest history.
const LONGEST: usize = 24;

/// How many locks there are.
const LOCKS: usize = 2;

/// The steps of a few clients.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// How many take part.
    pub(crate) clients: usize,
    /// What they do; a client that does not take part stands for one that does.
    pub(crate) steps: Vec<Step>,
}

/// One step of a history.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A Txn.
    Commit { client: usize, checks: Vec<Check>, operations: Vec<Operation> },
    /// Reads of one key.
    Read { client: usize, key: String },
    /// The client closes, and opens again.
    Reopen { client: usize },
    /// A request for a lock, at once or within a moment.
    Lock { client: usize, lock: usize, wait: bool },
    /// The holder of the lock releases it or drops its guard.
    Unlock { lock: usize, release: bool },
    /// A key of the tree is locked and released at once.
    LockEntry { client: usize, key: String },
    /// Another watch.
    Watch { client: usize, key: String, scope: Scope },
    /// All watches have told what there is to be told.
    Settle,
}

/// A check of a Txn; versions and creations are those that the key had this many changes ago, tokens those of so many
/// holders ago.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Absent(String),
    Present(String),
    Version(String, usize),
    Lives(String, usize),
    Holds(usize, usize),
}

fn key() -> impl Strategy<Value = String> + Clone {
    // Few keys, so that they meet; `x-` and `x0` sort on either side of what lies below `x`. No backend calls a lock's
    // queue entry so.
    let name = prop_oneof![4 => Just("x"), 2 => Just("y"), 1 => Just("x-"), 1 => Just("x0")];
    vec(name, 0..4).prop_map(|names| names.iter().fold(TOP.to_owned(), |key, name| format!("{key}/{name}")))
}

fn back() -> impl Strategy<Value = usize> {
    select(vec![0, 0, 0, 1, 2])
}

fn check_held() -> impl Strategy<Value = Check> {
    (0..LOCKS, back()).prop_map(|(lock, back)| Check::Holds(lock, back))
}

fn check() -> impl Strategy<Value = Check> {
    prop_oneof![
        2 => key().prop_map(Check::Absent),
        3 => key().prop_map(Check::Present),
        3 => (key(), back()).prop_map(|(key, back)| Check::Version(key, back)),
        1 => (key(), back()).prop_map(|(key, back)| Check::Lives(key, back)),
        1 => check_held(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    let scope = select(vec![Scope::Node, Scope::Children, Scope::Subtree]);
    prop_oneof![
        // Most write without a condition, or little would ever be there.
        6 => (client(), operation(key()))
            .prop_map(|(client, operation)| Step::Commit { client, checks: Vec::new(), operations: vec![operation] }),
        6 => (client(), vec(check(), 0..3), vec(operation(key()), 0..5))
            .prop_map(|(client, checks, operations)| Step::Commit { client, checks, operations }),
        2 => (client(), check_held(), operation(key()))
            .prop_map(|(client, held, operation)| Step::Commit { client, checks: vec![held], operations: vec![operation] }),
        2 => (client(), key()).prop_map(|(client, key)| Step::Read { client, key }),
        1 => client().prop_map(|client| Step::Reopen { client }),
        3 => (client(), 0..LOCKS, prop::bool::weighted(0.3))
            .prop_map(|(client, lock, wait)| Step::Lock { client, lock, wait }),
        2 => (0..LOCKS, any::<bool>()).prop_map(|(lock, release)| Step::Unlock { lock, release }),
        1 => (client(), key()).prop_map(|(client, key)| Step::LockEntry { client, key }),
        1 => (client(), key(), scope).prop_map(|(client, key, scope)| Step::Watch { client, key, scope }),
        1 => Just(Step::Settle),
    ]
}

/// A history.
pub(crate) fn history() -> impl Strategy<Value = History> {
    (2..=CLIENTS, vec(step(), 1..LONGEST)).prop_map(|(clients, steps)| History { clients, steps })
}
