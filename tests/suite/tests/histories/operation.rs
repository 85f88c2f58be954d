//! The writes that a Txn of a history is made of.

use proptest::{collection::vec, prelude::*};
use registry_host::Txn;
pub(crate) use registry_model::{Operation, OperationKind};

/// All keys lie here, so that one listing shows everything; locks lie elsewhere.
pub(crate) const TOP: &str = "/h";

/// An operation on one of these keys.
pub(crate) fn operation(key: impl Strategy<Value = String>) -> impl Strategy<Value = Operation> {
    let value = || vec(any::<u8>(), 0..3);
    let kind = prop_oneof![
        4 => value().prop_map(OperationKind::Put),
        4 => value().prop_map(OperationKind::PutEphemeral),
        4 => Just(OperationKind::Delete),
        1 => Just(OperationKind::DeleteRecursive),
    ];
    (key, kind).prop_map(|(key, kind)| Operation { key, kind })
}

/// Puts operations into a Txn.
pub(crate) fn write(txn: &mut Txn, operations: &[Operation]) {
    for Operation { key, kind } in operations {
        match kind {
            OperationKind::Put(value) => _ = txn.put(key, value),
            OperationKind::PutEphemeral(value) => _ = txn.put(key, value).ephemeral(),
            OperationKind::Delete => _ = txn.delete(key),
            OperationKind::DeleteRecursive => _ = txn.delete_recursive(key),
        }
    }
}
