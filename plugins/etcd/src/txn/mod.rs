//! Txns: one of the contract's is one of etcd's (contract 3).
//!
//! The first request guesses the common case: ancestors are there and persistent, what must have no children has none.
//! All of that, and the checks, are compares of the etcd Txn, and its other branch reads what tells why they don't
//! hold. So the common case and most refusals are one round trip. If the guess alone was wrong, say because ancestors
//! are missing, the next request rests on what was read, and is refused only if that has changed meanwhile.

mod judge;
mod request;
mod seen;

use etcd_client::{
    ResponseHeader,
    proto::{PbTxnOpResponse, PbTxnResponse},
};
use registry_plugin::{Applied, Committed, Effect, Error, ErrorKind, Operation, Outcome, Result, Txn, txn::understood};

use self::{
    judge::Plan,
    request::{Basis, compares, is_tight, writes},
    seen::Places,
};
use crate::{
    access::Access,
    endpoints::Endpoints,
    keys::{Namespace, number},
    session::Session,
};

/// Applies a Txn whole or not at all.
///
/// # Errors
///
/// As [`Backend::commit`](registry_plugin::Backend::commit).
pub(crate) async fn commit(
    endpoints: &Endpoints,
    namespace: &Namespace,
    access: &Access,
    session: &Session,
    txn: Txn<'_>,
) -> Result<Committed> {
    understood(&txn)?;
    if txn.checks.is_empty() && txn.operations.is_empty() {
        return Ok(Committed::default());
    }
    let places = Places::of(&txn);
    let guess = Plan::guess(&txn).filter(|plan| !is_tight(&txn, plan));
    let mut plan = guess.map(|plan| (plan, Basis::Guess));
    // Known before it is sent: the session's lease may be replaced by another while it is on its way.
    let mut pending = session.attached().begin(namespace, &txn);
    loop {
        let effect = if plan.is_none() || txn.operations.is_empty() { Effect::Read } else { Effect::Write };
        let lease = session.lease();
        if let Some(pending) = pending.as_mut().filter(|_| effect == Effect::Write) {
            pending.sent();
        }
        let answer = endpoints.call(effect, |connection| {
            let reads = places.reads(namespace);
            let request = match &plan {
                Some((plan, basis)) => etcd_client::Txn::new()
                    .when(compares(namespace, &txn, plan, *basis))
                    .and_then(writes(namespace, &txn, plan, lease))
                    .or_else(reads),
                None => etcd_client::Txn::new().and_then(reads),
            };
            let mut client = connection.kv.clone();
            async move { client.txn(request).await }
        });
        let answer = answer.await;
        if let Some(pending) = &mut pending
            && answer.as_ref().map_or_else(|error| error.outcome() == Outcome::NotApplied, |answer| !answer.succeeded())
        {
            pending.refused();
        }
        let answer = match answer {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(access.explain(endpoints, namespace, &txn, error).await);
            }
            // Another lease has replaced it.
            Err(error) if is_without_lease(&error) && session.leases().is_former(lease) => continue,
            Err(error) if error.kind() == ErrorKind::SessionLost => {
                session.gone(lease);
                return Err(error);
            }
            answer => answer?,
        };
        let revision = answer.header().map_or(0, ResponseHeader::revision);
        if let Some((plan, _)) = &plan
            && answer.succeeded()
        {
            session.attached().detach(namespace, &txn, revision);
            if let Some(pending) = pending {
                session.keep_attached(pending.applied(revision), lease).await?;
            }
            return Ok(applied(&txn, plan, answer.0));
        }
        let seen = places.seen(namespace, answer.0);
        plan = Some((Plan::judge(&txn, &seen)?, Basis::Revision(seen.revision)));
    }
}

/// Whether nothing was written for want of the lease.
fn is_without_lease(error: &Error) -> bool {
    error.kind() == ErrorKind::SessionLost && error.outcome() == Outcome::NotApplied
}

fn applied(txn: &Txn<'_>, plan: &Plan<'_>, answer: PbTxnResponse) -> Committed {
    let revision = answer.header.map_or(0, |header| header.revision);
    let mut answers = answer.responses.into_iter().skip(plan.created.len()).map(|answer| answer.response);
    let mut deleted = || match answers.next() {
        Some(Some(PbTxnOpResponse::ResponseDeleteRange(deleted))) => deleted.deleted.unsigned_abs(),
        _ => 0,
    };
    let applied = txn.operations.iter().map(|operation| match operation {
        Operation::Delete(_) => Applied::Deleted { count: deleted() },
        Operation::DeleteRecursive(_) => Applied::Deleted { count: deleted() + deleted() },
        _ => {
            deleted();
            Applied::Put { version: number(revision) }
        }
    });
    Committed::new(applied.collect())
}
