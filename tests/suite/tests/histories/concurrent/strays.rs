//! Puts that another life of their entry has had first (contract 3.7).

use registry_host::{Capabilities, Capability};

use super::{
    call::{Answer, Call, What},
    record::Asked,
};
use crate::operation::OperationKind;

/// The ids of what is added begin here.
const FIRST: u64 = 1 << 32;

/// The lanes of what is added are nobody's.
const NOBODY: usize = usize::MAX;

/// Adds for each put without checks, where versions are not exact, that it may have been written first to what another
/// had made in the entry's place.
pub(crate) fn added(asked: &[Asked], capabilities: &Capabilities) -> Vec<Asked> {
    let exact = capabilities.has(Capability::ExactVersions);
    let strays = asked.iter().filter(|_| !exact).filter_map(stray).enumerate();
    let strays = strays.map(|(lane, stray)| Asked { lane: (NOBODY, lane), ..stray });
    asked.iter().cloned().chain(strays).collect()
}

/// Without an answer it is nothing that has to have been done.
fn stray(asked: &Asked) -> Option<Asked> {
    let What::Commit { owner, claims, operations } = &asked.call.what else { return None };
    let ([], [put], Some((_, Answer::Applied(_)))) = (&**claims, &**operations, &asked.answered) else { return None };
    let (value, owner) = match &put.kind {
        OperationKind::Put(value) => (value, None),
        OperationKind::PutEphemeral(value) => (value, Some(*owner)),
        _ => return None,
    };
    let what = What::Stray { of: asked.call.id, key: put.key.clone(), value: value.clone(), owner };
    Some(Asked { call: Call { id: FIRST + asked.call.id, what }, answered: None, ..asked.clone() })
}
