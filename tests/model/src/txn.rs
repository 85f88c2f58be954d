//! What a Txn is made of, in the model's numbers.

use registry_api::{Check, Mode};

/// A check of a Txn. A number is `None` that nothing ever had.
#[derive(Clone, Debug)]
pub enum Condition {
    /// The key has no entry.
    Absent(String),
    /// The key has one.
    Present(String),
    /// The entry is at that version.
    Version(String, Option<u64>),
    /// The entry lives, is ephemeral and was created then.
    Lives(String, Option<u64>),
    /// The lock is held with that token.
    Holds(String, Option<u64>),
}

/// An operation of a Txn.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What is written.
    pub key: String,
    /// How.
    pub kind: OperationKind,
}

/// What is done to the key.
#[derive(Clone, Debug)]
pub enum OperationKind {
    /// A persistent entry.
    Put(Vec<u8>),
    /// One that goes with the session.
    PutEphemeral(Vec<u8>),
    /// One entry goes.
    Delete,
    /// It goes with all below it.
    DeleteRecursive,
}

impl Condition {
    /// A check whose numbers are the model's own. `key` says what its key is called here.
    pub fn of(check: &Check<'_>, key: impl Fn(registry_api::Key<'_>) -> String) -> Self {
        let name = key(check.key());
        match *check {
            Check::Absent(_) => Condition::Absent(name),
            Check::Version(_, version) => Condition::Version(name, Some(version.get())),
            Check::Held { token, .. } => Condition::Lives(name, Some(token.get())),
            // All others are newer than the model.
            _ => Condition::Present(name),
        }
    }
}

impl Operation {
    /// The same of an operation.
    pub fn of(operation: &registry_api::Operation<'_>, key: impl Fn(registry_api::Key<'_>) -> String) -> Self {
        let kind = match *operation {
            registry_api::Operation::Put { value, mode: Mode::Persistent, .. } => OperationKind::Put(value.to_vec()),
            registry_api::Operation::Put { value, .. } => OperationKind::PutEphemeral(value.to_vec()),
            registry_api::Operation::Delete(_) => OperationKind::Delete,
            _ => OperationKind::DeleteRecursive,
        };
        Operation { key: key(operation.key()), kind }
    }
}
