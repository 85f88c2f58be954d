//! Txns: checks judged on the state before, then operations in order, all or none (contract 3.1).

use registry_plugin::{
    Applied, Bytes, Check, Committed, Error, ErrorKind, FencingToken, Key, Mode, Operation, Result, SessionId, Txn,
    Version,
};

use crate::{
    entries::{Change, Entries, Refusal, Writing},
    namespace::Namespace,
};

/// A Txn made ready to be applied: all of it is known, and what the tree will keep is copied, so that this is not done
/// while others wait.
pub(crate) struct Plan<'a> {
    namespace: &'a Namespace,
    checks: Vec<Condition>,
    steps: Vec<Step<'a>>,
}

struct Condition {
    /// Nothing for the root, which is no entry.
    place: Option<String>,
    test: Test,
}

enum Test {
    Absent,
    Present,
    Version(Version),
    Held(FencingToken),
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
        let checks = txn.checks.iter().map(|check| Condition::new(check, namespace)).collect::<Result<_>>()?;
        let steps = txn.operations.iter().map(|op| Step::new(*op, namespace, session)).collect::<Result<_>>()?;
        Ok(Plan { namespace, checks, steps })
    }

    /// Applies it and gives what changed, or leaves the entries as they are.
    ///
    /// # Errors
    ///
    /// `ConditionFailed` with every check that doesn't hold, `HasChildren`, `EphemeralParent`.
    pub(crate) fn apply(self, entries: &mut Entries) -> Result<(Committed, Vec<Change>)> {
        let failed = |(index, check): (usize, &Condition)| (!check.holds(entries)).then_some(index);
        let failed: Vec<usize> = self.checks.iter().enumerate().filter_map(failed).collect();
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

impl Condition {
    fn new(check: &Check<'_>, namespace: &Namespace) -> Result<Self> {
        let test = match *check {
            Check::Absent(_) => Test::Absent,
            Check::Present(_) => Test::Present,
            Check::Version(_, version) => Test::Version(version),
            Check::Held { token, .. } => Test::Held(token),
            _ => return Err(unsupported("check", check.key())),
        };
        let key = check.key();
        Ok(Condition { place: (!key.is_root()).then(|| namespace.place(key)), test })
    }

    fn holds(&self, entries: &Entries) -> bool {
        let stored = self.place.as_ref().and_then(|place| entries.find(place));
        match self.test {
            Test::Absent => stored.is_none(),
            Test::Present => stored.is_some(),
            Test::Version(version) => stored.is_some_and(|stored| stored.version == version),
            Test::Held(token) => stored.is_some_and(|stored| stored.owner.is_some() && token == stored.created.into()),
        }
    }
}

impl<'a> Step<'a> {
    fn new(operation: Operation<'a>, namespace: &Namespace, session: SessionId) -> Result<Self> {
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
            Operation::DeleteRecursive(_) => Action::DeleteRecursive,
            _ => return Err(unsupported("operation", key)),
        };
        Ok(Step { key, place: namespace.place(key), action })
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

fn unsupported(what: &str, key: Key<'_>) -> Error {
    let message = format!("this backend does not know that kind of {what}, a newer one is needed; nothing was written");
    Error::new(ErrorKind::Unsupported, message).with_key(key)
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
    .with_key(key)
}
