//! What clients that run at once may do.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::operation::{Operation, TOP, operation};

/// How many clients run at once, at most.
const CLIENTS: usize = 4;

/// How much one of them does, at most.
const LONGEST: usize = 6;

/// What each client does, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) clients: Vec<Vec<Action>>,
}

/// One thing that a client does.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A Txn.
    Commit { checks: Vec<Check>, operations: Vec<Operation>, patience: Patience },
    /// A read of one entry.
    Get(String),
    /// A listing of all.
    List,
    /// The client closes, and opens again.
    Reopen,
    /// A request for the lock, at once or within a moment.
    Lock { wait: bool },
    /// The lock is released or its guard dropped, if the client has it.
    Unlock { release: bool },
}

/// A check of a Txn; versions and creations are those that the client has last seen.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Absent(String),
    Present(String),
    Version(String),
    Lives(String),
    /// The lock is held, by the guard that the client has or had last.
    Holds,
}

/// How long a client waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as usual.
    Usual,
    /// Its deadline is too near.
    Hasty,
    /// It drops the call that is under way.
    Fickle,
}

fn key() -> impl Strategy<Value = String> + Clone {
    select(vec![format!("{TOP}/x"), format!("{TOP}/x"), format!("{TOP}/y"), format!("{TOP}/x/y"), TOP.to_owned()])
}

fn check() -> impl Strategy<Value = Check> {
    prop_oneof![
        1 => key().prop_map(Check::Absent),
        1 => key().prop_map(Check::Present),
        3 => key().prop_map(Check::Version),
        1 => key().prop_map(Check::Lives),
        2 => Just(Check::Holds),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let patience = prop_oneof![14 => Just(Patience::Usual), 1 => Just(Patience::Hasty), 1 => Just(Patience::Fickle)];
    let commit = |(checks, operations, patience)| Action::Commit { checks, operations, patience };
    prop_oneof![
        4 => (Just(Vec::new()), vec(operation(key()), 1..2), patience.clone()).prop_map(commit),
        4 => (vec(check(), 1..2), vec(operation(key()), 0..2), patience.clone()).prop_map(commit),
        2 => (vec(check(), 0..3), vec(operation(key()), 0..4), patience).prop_map(commit),
        4 => key().prop_map(Action::Get),
        1 => Just(Action::List),
        1 => Just(Action::Reopen),
        3 => any::<bool>().prop_map(|wait| Action::Lock { wait }),
        4 => any::<bool>().prop_map(|release| Action::Unlock { release }),
    ]
}

/// A program of two clients or more.
pub(crate) fn program() -> impl Strategy<Value = Program> {
    vec(vec(action(), 1..=LONGEST), 2..=CLIENTS).prop_map(|clients| Program { clients })
}
