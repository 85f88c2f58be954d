//! Txns: checks judged on the state before, then operations in order, all or none (contract 3.1).

use registry_plugin::{
    Applied, Bytes, Check, Committed, Error, ErrorKind, Key, Mode, Operation, Result, SessionId, Txn,
    txn::{holds, understood},
};

use crate::{
    entries::{Change, Entries, Refusal, Stored, Writing},
    namespace::Namespace,
};

/// A Txn made ready to be applied: all of it is known, and what the tree will keep is copied, so that this is not done
/// while others wait.
pub(crate) struct Plan<'a> {
    namespace: &'a Namespace,
    /// Each with its place.
    checks: Vec<(Check<'a>, String)>,
    steps: Vec<Step<'a>>,
}

struct Step<'a> {
    key: Key<'a>,
    place: String,
    action: Action,
}

enum Action {
    Put { value: Bytes, owner: Option<SessionId> },
    Delete,
    DeleteRecursive,
}

impl<'a> Plan<'a> {
    /// Makes a Txn of that session ready.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a check or operation that is newer than this backend.
    pub(crate) fn new(txn: Txn<'a>, namespace: &'a Namespace, session: SessionId) -> Result<Self> {
        understood(&txn)?;
        let checks = txn.checks.iter().map(|check| (*check, namespace.place(check.key()))).collect();
        let steps = txn.operations.iter().map(|operation| Step::new(*operation, namespace, session)).collect();
        Ok(Plan { namespace, checks, steps })
    }

    /// Applies it and gives what changed, or leaves the entries as they are.
    ///
    /// # Errors
    ///
    /// `ConditionFailed` with every check that doesn't hold, `HasChildren`, `EphemeralParent`.
    pub(crate) fn apply(self, entries: &mut Entries) -> Result<(Committed, Vec<Change>)> {
        let held = |(check, place): &(Check<'_>, String)| holds(check, entries.find(place).map(Stored::found));
        let failed: Vec<usize> = (0..self.checks.len()).filter(|number| !held(&self.checks[*number])).collect();
        if !failed.is_empty() {
            return Err(Error::condition_failed(failed));
        }
        let mut writing = entries.write();
        let mut applied = Vec::with_capacity(self.steps.len());
        for Step { key, place, action } in self.steps {
            let answer = action.apply(place, &mut writing);
            applied.push(answer.map_err(|refusal| refused(refusal, key, self.namespace))?);
        }
        Ok((Committed::new(applied), writing.finish()))
    }
}

impl<'a> Step<'a> {
    fn new(operation: Operation<'a>, namespace: &Namespace, session: SessionId) -> Self {
        let key = operation.key();
        let action = match operation {
            Operation::Put { value, mode, .. } => Action::Put {
                value: Bytes::copy_from_slice(value),
                owner: match mode {
                    Mode::Persistent => None,
                    Mode::Ephemeral => Some(session),
                },
            },
            Operation::Delete(_) => Action::Delete,
            // All others are refused as not understood.
            _ => Action::DeleteRecursive,
        };
        Step { key, place: namespace.place(key), action }
    }
}

impl Action {
    fn apply(self, place: String, writing: &mut Writing<'_>) -> Result<Applied, Refusal> {
        Ok(match self {
            Action::Put { value, owner } => Applied::Put { version: writing.put(place, value, owner)? },
            Action::Delete => Applied::Deleted { count: writing.delete(place)? },
            Action::DeleteRecursive => Applied::Deleted { count: writing.delete_recursive(&place) },
        })
    }
}

fn refused(refusal: Refusal, key: Key<'_>, namespace: &Namespace) -> Error {
    match refusal {
        Refusal::HasChildren => Error::new(
            ErrorKind::HasChildren,
            "the entry has children, so it can be neither deleted nor made ephemeral; delete them first",
        ),
        Refusal::EphemeralParent(parent) => {
            let parent = namespace.key(&parent).map_or("an entry of the namespace".to_owned(), |key| key.to_string());
            let message = format!("{parent} is ephemeral and can't have children; put it as persistent first");
            Error::new(ErrorKind::EphemeralParent, message)
        }
    }
    .or_key(key)
}
