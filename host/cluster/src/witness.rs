//! What tells whether the session of a server lives whose own entries are gone.
//!
//! A server's entries go with its session, or because somebody has deleted them. Only in the first case is it dead.
//! Beside them it keeps another ephemeral, in another part of the tree: as long as that is there, nobody takes over for
//! it.

use registry_host::Entry;

use crate::{Life, Role, keys::mark_name};

/// What all of them stand below.
const WITNESSES: &str = "/cluster/sessions";

/// The key for a server, whichever life it lives.
pub(crate) fn key(role: Role, address: &str) -> String {
    format!("{WITNESSES}/{}", mark_name(role, address))
}

/// Its value: the life whose session it is.
pub(crate) fn value(life: Life) -> String {
    let Life { startup_time, process_id } = life;
    format!("{startup_time}-{process_id}")
}

/// Whether that key is of such an entry.
pub(crate) fn is_one(key: &str) -> bool {
    key.strip_prefix(WITNESSES).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether an entry tells that the session of this life lives.
pub(crate) fn tells_of(entry: &Entry, life: Life) -> bool {
    entry.is_ephemeral() && entry.value == value(life).as_bytes()
}
