//! What tells whether the session of a server lives whose own entries are gone.
//!
//! A server's entries go with its session, or because somebody has deleted them. Only in the first case is it dead.
//! Beside them it keeps another ephemeral, in another part of the tree: as long as that is there, nobody takes over for
//! it.

use registry_host::Entry;

use crate::{Incarnation, Role, compat::dolphinscheduler::layout::mark_name};

/// What all of them stand below.
const WITNESSES: &str = "/cluster/sessions";

/// The key for a server, whichever incarnation it is.
pub(crate) fn key(role: Role, address: &str) -> String {
    format!("{WITNESSES}/{}", mark_name(role, address))
}

/// Its value: the incarnation whose session it is.
pub(crate) fn value(incarnation: Incarnation) -> String {
    let Incarnation { startup_time, process_id } = incarnation;
    format!("{startup_time}-{process_id}")
}

/// Whether that key is of such an entry.
pub(crate) fn is_one(key: &str) -> bool {
    key.strip_prefix(WITNESSES).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether an entry tells that the session of this incarnation lives.
pub(crate) fn tells_of(entry: &Entry, incarnation: Incarnation) -> bool {
    entry.is_ephemeral() && entry.value == value(incarnation).as_bytes()
}
