//! Txns: each is one `multi`, in which all that the judgement rests on is said (contract 3).
//!
//! What a Txn rests on is read, it is judged on that, and the server applies it if that still holds; otherwise it is
//! read again. A refusal never rests on stale data, as a follower's answers may be. Either the leader has refused the
//! Txn in this very call, or the reads came behind a write.
//!
//! An entry that is written again and again is not looked at first. One that may well be new is made at once, and what
//! is read in the same flight tells what to do if it is not new.

mod apply;
mod judge;
mod known;
mod recursive;
mod refusal;
mod seen;
mod step;

use registry_plugin::{Applied, Committed, Effect, ErrorKind, Key, Operation, Outcome, Result, Txn, txn::understood};
use zookeeper_client::Error as ZkError;

pub(crate) use self::known::Known;
use self::{
    apply::Done,
    step::{Answer, Step},
};
use crate::{
    error::of_write,
    paths::Paths,
    session::{Link, Session},
};

/// What the Txns of a connection are committed with.
#[derive(Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) session: &'a Session,
    pub(crate) paths: &'a Paths,
    pub(crate) known: &'a Known,
}

impl Writer<'_> {
    /// Applies a Txn whole or not at all.
    ///
    /// # Errors
    ///
    /// As [`Backend::commit`](registry_plugin::Backend::commit).
    pub(crate) async fn commit(self, txn: Txn<'_>) -> Result<Committed> {
        understood(&txn)?;
        match txn.operations {
            [] if txn.checks.is_empty() => Ok(Committed::default()),
            [Operation::Delete(key)] if txn.checks.is_empty() => self.delete(*key).await,
            [Operation::DeleteRecursive(key)] => self.delete_recursive(txn.checks, *key).await,
            _ => self.write(txn).await,
        }
    }

    /// Deletes one entry, whatever it is.
    async fn delete(self, key: Key<'_>) -> Result<Committed> {
        let link = self.session.link().await?;
        let count = match link.wait(link.delete(&self.paths.path(key), None)).await {
            Ok(()) => 1,
            Err(ZkError::NoNode) => 0,
            Err(ZkError::NotEmpty) => return Err(refusal::has_children(key)),
            Err(error) => return Err(of_write(error, &link)),
        };
        Ok(Committed::new(vec![Applied::Deleted { count }]))
    }

    /// Sends steps as one request, as [`step::send`]; an error names the key of the step that the user may not do.
    async fn send(self, link: &Link, steps: &[Step<'_>], effect: Effect) -> Result<Answer> {
        step::send(link, self.session.dial(), steps, effect).await.map_err(|(at, error)| {
            let denied = steps.get(at).filter(|_| error.kind() == ErrorKind::PermissionDenied);
            match denied.and_then(|step| self.paths.key(&step.path)) {
                Some(key) => error.or_key(key),
                None => error,
            }
        })
    }

    /// Applies a Txn, and again what of it another life of an entry got instead (3.7).
    async fn write(self, txn: Txn<'_>) -> Result<Committed> {
        let Done { mut applied, mut raced } = self.apply(&txn).await?;
        let puts: Vec<_> = txn.operations.iter().filter(|op| matches!(op, Operation::Put { .. })).copied().collect();
        while let Some(key) = raced {
            if !txn.checks.is_empty() {
                return Err(refusal::raced(key));
            }
            let again = self.apply(&Txn::new(&[], &puts)).await.map_err(|error| match error.kind() {
                // What it has become doesn't allow it.
                ErrorKind::HasChildren | ErrorKind::EphemeralParent => refusal::raced(key).with_cause(&error),
                _ => error.set_outcome(Outcome::Unknown),
            })?;
            raced = again.raced;
            let mut again = again.applied.into_iter();
            for put in applied.iter_mut().filter(|applied| matches!(applied, Applied::Put { .. })) {
                *put = again.next().unwrap_or(*put);
            }
        }
        Ok(Committed::new(applied))
    }
}
