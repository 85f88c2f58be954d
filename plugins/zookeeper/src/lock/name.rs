//! The names of queue entries: `_c_<uuid>-lock-<number>`, the number given by the server.

use uuid::Uuid;

/// What stands between what a client calls its entry and the server's number, in Curator's layout and in that of
/// kazoo's locks whose `_NODE_NAME` is `-lock-`.
const LOCK: &str = "-lock-";

/// The form of the names of queue entries, to show locks by.
pub(crate) const QUEUE_ENTRIES: &[&str] = &["*-lock-<number>"];

/// The beginning of an entry's name that is one request's alone.
///
/// # Behavior
///
/// A request whose answer was lost finds its entry by it, as Curator's does.
pub(super) fn unique() -> String {
    format!("_c_{}{LOCK}", Uuid::new_v4())
}

/// The longest name that the server makes of such a beginning.
pub(super) fn longest(unique: &str) -> String {
    format!("{unique}{}", i64::MIN)
}

/// Where an entry stands in the queue; `None` if the name is not a queue entry's.
pub(super) fn number(name: &str) -> Option<Number> {
    let (_, digits) = name.rsplit_once(LOCK)?;
    // Parsing would let a plus pass.
    let number: i64 = if digits.starts_with('+') { None } else { digits.parse().ok() }?;
    #[expect(clippy::cast_possible_truncation, reason = "the upper half only says how often the numbers began again")]
    Some(Number(number as i32))
}

/// The number that the server gave an entry.
///
/// # Behavior
///
/// The server counts what was ever made below the lock's key in 32 bits, and goes on with negative numbers. So two
/// numbers are compared by the way from the one to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Number(i32);

impl Number {
    /// How far it is from here on to `other`; `None` if that is before.
    pub(super) fn way_to(self, other: Number) -> Option<u32> {
        u32::try_from(other.0.wrapping_sub(self.0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_entries_are_told_from_other_names() {
        for (name, expected) in [
            ("_c_8a25d2a4-08d0-4f5c-a3c5-9d5d5e1a2f1b-lock-0000000003", Some(3)),
            ("4f5ca3c59d5d5e1a2f1b8a25d2a408d0-lock-0000000012", Some(12)),
            ("_c_x-lock-2147483647", Some(i32::MAX)),
            ("_c_x-lock--2147483648", Some(i32::MIN)),
            ("_c_x-lock--000000001", Some(-1)),
            ("_c_x-lock-0000000002147483648", Some(i32::MIN)),
            ("-lock-1-lock-7", Some(7)),
            ("worker", None),
            ("-lock-", None),
            ("-lock--", None),
            ("-lock-+7", None),
            ("-lock-7a", None),
            ("lock-0000000001", None),
            ("7e8-1", None),
            ("-lock-99999999999999999999", None),
        ] {
            assert_eq!(number(name), expected.map(Number), "{name}");
        }
        assert!(number(&format!("{}0000000000", unique())).is_some());
        assert_ne!(unique(), unique());
    }

    #[test]
    fn numbers_go_on_when_they_overflow() {
        for (first, then, way) in
            [(0, 1, 1), (3, 10, 7), (i32::MAX, i32::MIN, 1), (i32::MAX - 1, i32::MIN + 1, 3), (-1, 0, 1)]
        {
            assert_eq!(Number(first).way_to(Number(then)), Some(way));
            assert_eq!(Number(then).way_to(Number(first)), None);
        }
        assert_eq!(Number(5).way_to(Number(5)), Some(0));
    }
}
