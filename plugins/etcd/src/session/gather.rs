//! Having the session's keys hang on its current lease, whichever of its leases they hang on.

use etcd_client::{
    Compare, CompareOp, PutOptions, ResponseHeader, Txn, TxnOp,
    proto::{PbTxnOpResponse, PbTxnResponse},
};
use registry_plugin::{Effect, Entry, Error, ErrorKind, Outcome, Result};

use super::Session;
use crate::keys::Namespace;

/// How many keys are moved by one Txn: within the server's 128 operations, also with a branch for each old lease.
const BATCH: usize = 64;

impl Session {
    /// Has keys that hang on an old lease hang on the current one. Gives those that hang on neither.
    pub(super) async fn gather(&self, keys: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let mut missing = Vec::new();
        for batch in keys.chunks(BATCH) {
            let (old, current) = self.leases.all();
            let answer = self.endpoints.call(Effect::Repeatable, |connection| {
                let moves = batch.iter().map(|raw| TxnOp::txn(moving(raw, &old, current)));
                let (mut client, request) = (connection.kv.clone(), Txn::new().and_then(moves.collect::<Vec<_>>()));
                async move { client.txn(request).await }
            });
            let answer = self.soon(answer).await.inspect_err(|error| {
                if error.kind() == ErrorKind::SessionLost {
                    self.gone(current);
                }
            })?;
            let revision = answer.header().map_or(0, ResponseHeader::revision);
            for (raw, answer) in batch.iter().zip(answer.0.responses) {
                if !hangs(answer.response) {
                    self.attached.gone(raw, revision);
                    missing.push(raw.clone());
                }
            }
        }
        Ok(missing)
    }

    /// Keys were put on that lease: they hang on the current one when this returns.
    ///
    /// # Errors
    ///
    /// Of unknown outcome, if one of them hangs on no lease of the session any more, or that can't be seen.
    pub(crate) async fn keep_attached(&self, keys: Vec<Vec<u8>>, lease: i64) -> Result<()> {
        while self.leases.is_former(lease) {
            let current = self.lease();
            let unknown = |error: Error| error.set_outcome(Outcome::Unknown);
            if !self.gather(&keys).await.map_err(unknown)?.is_empty() {
                let message =
                    "it was written while the etcd servers changed their leader, and may be gone with a lease";
                return Err(Error::new(ErrorKind::Unavailable, message).set_outcome(Outcome::Unknown));
            }
            if current == self.lease() {
                break;
            }
        }
        Ok(())
    }

    /// Names the owners of entries that were read; what was found on an old lease of this session hangs on the current
    /// one then. Gives false if that is impossible: they have to be read again.
    ///
    /// # Errors
    ///
    /// What kept keys from being moved.
    pub(crate) async fn show(&self, namespace: &Namespace, entries: &mut [Entry]) -> Result<bool> {
        if !self.leases.have_moved() {
            return Ok(true);
        }
        let former = |entry: &&Entry| entry.ephemeral.is_some_and(|owner| self.leases.is_former(owner.0.cast_signed()));
        let astray: Vec<_> = entries.iter().filter(former).map(|entry| namespace.raw(entry.key())).collect();
        if !astray.is_empty() && !self.gather(&astray).await?.is_empty() {
            return Ok(false);
        }
        self.leases.name_owners(entries);
        Ok(true)
    }
}

/// The key hangs on the current lease already, or it does on an old one and is put again as it is.
fn moving(raw: &[u8], old: &[i64], current: i64) -> Txn {
    let on = |lease| Txn::new().when([Compare::lease(raw, CompareOp::Equal, lease)]);
    let put = || TxnOp::put(raw, [], Some(PutOptions::new().with_lease(current).with_ignore_value()));
    let moves = old.iter().fold(None, |rest, lease| {
        let txn = on(*lease).and_then([put()]);
        Some(match rest {
            Some(rest) => txn.or_else([TxnOp::txn(rest)]),
            None => txn,
        })
    });
    match moves {
        Some(moves) => on(current).or_else([TxnOp::txn(moves)]),
        None => on(current),
    }
}

/// Whether one of the branches held.
fn hangs(answer: Option<PbTxnOpResponse>) -> bool {
    let mut next = answer;
    while let Some(PbTxnOpResponse::ResponseTxn(PbTxnResponse { succeeded, responses, .. })) = next {
        if succeeded {
            return true;
        }
        next = responses.into_iter().next().and_then(|answer| answer.response);
    }
    false
}
