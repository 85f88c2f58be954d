//! What may happen in a history.

use proptest::{collection::vec, prelude::*, sample::select};

/// All keys lie here, so that one listing shows everything.
pub(crate) const TOP: &str = "/h";

/// One step of a history, taken by one of the two clients.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A Txn.
    Commit { client: usize, checks: Vec<Check>, operations: Vec<Operation> },
    /// Reads of one key.
    Read { client: usize, key: String },
    /// The client closes, and opens again.
    Reopen { client: usize },
}

/// A check of a Txn.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) key: String,
    pub(crate) kind: CheckKind,
}

/// What is checked; versions and creations are those that the key had this many changes ago.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CheckKind {
    Absent,
    Present,
    Version(usize),
    Held(usize),
}

/// An operation of a Txn.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) key: String,
    pub(crate) kind: OperationKind,
}

#[derive(Clone, Debug)]
pub(crate) enum OperationKind {
    Put(Vec<u8>),
    PutEphemeral(Vec<u8>),
    Delete,
    DeleteRecursive,
}

fn key() -> impl Strategy<Value = String> {
    // Few keys, so that they meet; `a-` and `a0` sort on either side of what lies below `a`.
    let name = prop_oneof![4 => Just("a"), 2 => Just("b"), 1 => Just("a-"), 1 => Just("a0")];
    vec(name, 0..4).prop_map(|names| names.iter().fold(TOP.to_owned(), |key, name| format!("{key}/{name}")))
}

fn check() -> impl Strategy<Value = Check> {
    let back = || select(vec![0_usize, 0, 0, 1, 2]);
    let kind = prop_oneof![
        2 => Just(CheckKind::Absent),
        3 => Just(CheckKind::Present),
        3 => back().prop_map(CheckKind::Version),
        1 => back().prop_map(CheckKind::Held),
    ];
    (key(), kind).prop_map(|(key, kind)| Check { key, kind })
}

fn operation() -> impl Strategy<Value = Operation> {
    let value = || vec(any::<u8>(), 0..3);
    let kind = prop_oneof![
        4 => value().prop_map(OperationKind::Put),
        4 => value().prop_map(OperationKind::PutEphemeral),
        4 => Just(OperationKind::Delete),
        1 => Just(OperationKind::DeleteRecursive),
    ];
    (key(), kind).prop_map(|(key, kind)| Operation { key, kind })
}

/// A step.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let client = || 0..2_usize;
    prop_oneof![
        // Most write without a condition, or little would ever be there.
        6 => (client(), operation()).prop_map(|(client, operation)| Step::Commit { client, checks: Vec::new(), operations: vec![operation] }),
        6 => (client(), vec(check(), 0..3), vec(operation(), 0..5))
            .prop_map(|(client, checks, operations)| Step::Commit { client, checks, operations }),
        2 => (client(), key()).prop_map(|(client, key)| Step::Read { client, key }),
        1 => client().prop_map(|client| Step::Reopen { client }),
    ]
}
