//! How the entries of the SDK's own queue are named.
//!
//! Go's `concurrency.Mutex` and `etcdctl lock` call theirs `<lease hex>`. All queue by creation, not by name.

use registry_api::SessionId;

/// The forms of these names, as [`Backend::QUEUE_ENTRIES`](crate::Backend::QUEUE_ENTRIES) has them. A name of digits
/// alone must be its owner's: other names may be made of such letters as well.
pub(crate) const FORMS: &[&str] = &["<hex>-<number>", "<session>"];

/// The name of a session's request of that number: `<session hex>-<number>`.
pub(super) fn queue_entry(session: SessionId, number: u64) -> String {
    format!("{session}-{number}")
}

/// Whether `name` is one that [`queue_entry`] or etcd's own lock clients give.
pub(super) fn is_queue_entry(name: &str) -> bool {
    let (session, number) = name.split_once('-').unwrap_or((name, "0"));
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    !session.is_empty()
        && session.len() <= 16
        && session.bytes().all(hex)
        && !number.is_empty()
        && number.bytes().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_entries_are_told_from_other_names() {
        assert!(is_queue_entry(&queue_entry(SessionId(u64::MAX), 7)));
        assert!(is_queue_entry("694d77aa9e38260f"));
        for other in ["", "-1", "worker", "a-", "a-b", "A-1", "1-2-3", "00000000000000000"] {
            assert!(!is_queue_entry(other), "{other}");
        }
    }
}
