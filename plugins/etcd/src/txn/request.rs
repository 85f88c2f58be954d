//! A Txn as one of etcd's: checks and rules as compares, reads for the case that they don't hold.

use etcd_client::{Compare, CompareOp, DeleteOptions, PutOptions, TxnOp};
use registry_plugin::{Check, Mode, Operation, Txn};

use super::judge::Plan;
use crate::keys::Namespace;

/// What the plan was made from.
#[derive(Clone, Copy)]
pub(super) enum Basis {
    /// A guess: nothing is below what must have no children.
    Guess,
    /// The tree as it was at a revision: nothing has come below what must have no children since.
    Revision(i64),
}

/// The most compares that a server of default settings takes.
const MOST: usize = 128;

/// Whether a Txn needs more compares than the server takes, unless each ancestor takes one instead of two.
pub(super) fn is_tight(txn: &Txn<'_>, plan: &Plan<'_>) -> bool {
    let held = txn.checks.iter().filter(|check| matches!(check, Check::Held { .. })).count();
    txn.checks.len() + held + 2 * plan.present.len() + plan.missing.len() + plan.childless.len() > MOST
}

/// The checks and rules as compares.
pub(super) fn compares(namespace: &Namespace, txn: &Txn<'_>, plan: &Plan<'_>, basis: Basis) -> Vec<Compare> {
    let mut compares: Vec<_> = txn.checks.iter().flat_map(|check| holds(namespace, check)).collect();
    let tight = is_tight(txn, plan);
    for (key, version) in &plan.present {
        let raw = namespace.raw(*key);
        match version {
            // It fails more often than it must where the ancestor is written often. But 32 checks are at most 64
            // compares, and with 32 ancestors and 32 operations these are 128.
            Some(version) if tight => {
                compares.push(Compare::mod_revision(raw, CompareOp::Equal, version.get().cast_signed()));
            }
            _ => {
                compares.push(Compare::create_revision(raw.clone(), CompareOp::Greater, 0));
                compares.push(Compare::lease(raw, CompareOp::Equal, 0));
            }
        }
    }
    for key in &plan.missing {
        compares.push(Compare::create_revision(namespace.raw(*key), CompareOp::Equal, 0));
    }
    for key in &plan.childless {
        let below = namespace.below(*key);
        let compare = match basis {
            // A range compare holds if it does for each key there is, and a missing key's numbers are 0.
            Basis::Guess => Compare::create_revision(below.start, CompareOp::Equal, 0),
            Basis::Revision(revision) => Compare::mod_revision(below.start, CompareOp::Less, revision + 1),
        };
        compares.push(compare.with_range(below.end));
    }
    compares
}

/// The writes: created ancestors first, then the operations in order.
pub(super) fn writes(namespace: &Namespace, txn: &Txn<'_>, plan: &Plan<'_>, lease: i64) -> Vec<TxnOp> {
    let mut writes = Vec::with_capacity(plan.created.len() + txn.operations.len() + 1);
    writes.extend(plan.created.iter().map(|key| TxnOp::put(namespace.raw(*key), [], None)));
    for operation in txn.operations {
        match operation {
            Operation::Put { key, value, mode } => {
                let options = (*mode == Mode::Ephemeral).then(|| PutOptions::new().with_lease(lease));
                writes.push(TxnOp::put(namespace.raw(*key), *value, options));
            }
            Operation::Delete(key) => writes.push(TxnOp::delete(namespace.raw(*key), None)),
            Operation::DeleteRecursive(key) => {
                let below = namespace.below(*key);
                writes.push(TxnOp::delete(namespace.raw(*key), None));
                writes.push(TxnOp::delete(below.start, Some(DeleteOptions::new().with_range(below.end))));
            }
            // Refused before.
            _ => {}
        }
    }
    writes
}

fn holds(namespace: &Namespace, check: &Check<'_>) -> Vec<Compare> {
    let key = check.key();
    let raw = namespace.raw(key);
    let created = |raw, op, revision| Compare::create_revision(raw, op, revision);
    // No key was created before the first revision.
    let never = |raw| vec![created(raw, CompareOp::Less, 0)];
    let revision = |number: u64| i64::try_from(number).ok().filter(|revision| *revision > 0);
    match *check {
        // The root is not an entry; a foreign key has its place.
        Check::Absent(_) if key.is_root() => Vec::new(),
        _ if key.is_root() => never(raw),
        Check::Absent(_) => vec![created(raw, CompareOp::Equal, 0)],
        Check::Present(_) => vec![created(raw, CompareOp::Greater, 0)],
        Check::Version(_, version) => match revision(version.get()) {
            Some(version) => vec![Compare::mod_revision(raw, CompareOp::Equal, version)],
            None => never(raw),
        },
        Check::Held { token, .. } => match revision(token.get()) {
            Some(token) => {
                vec![created(raw.clone(), CompareOp::Equal, token), Compare::lease(raw, CompareOp::Greater, 0)]
            }
            None => never(raw),
        },
        _ => never(raw),
    }
}
