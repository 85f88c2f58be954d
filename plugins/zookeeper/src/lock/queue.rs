//! A lock's queue as it was at one look.

use std::cmp::Reverse;

use registry_plugin::{Error, ErrorKind, Key, Result};

use super::name::{Number, number};

/// The children of a lock's key that stand in its queue, by their names; in no order.
pub(super) struct Queue(Vec<(Number, String)>);

impl Queue {
    /// The queue that the children of the lock `key` make.
    ///
    /// # Errors
    ///
    /// `HasChildren` if `strict` and there are others.
    pub(super) fn of(key: Key<'_>, names: Vec<String>, strict: bool) -> Result<Self> {
        let mut queue = Vec::with_capacity(names.len());
        for name in names {
            match number(&name) {
                // What has no key can't be watched.
                Some(number) if Key::new(&key.child(&name)).is_ok() => queue.push((number, name)),
                _ if strict => return Err(stranger(key, &name)),
                _ => {}
            }
        }
        Ok(Queue(queue))
    }

    /// Who stands right before an entry; `None` for the holder.
    pub(super) fn before(&self, name: &str) -> Option<&str> {
        let mine = number(name)?;
        let ways = self.0.iter().filter_map(|(number, other)| Some((number.way_to(mine)?, &**other)));
        // The server gives no number twice, but anybody can make an entry of that name.
        let before = ways.filter(|(way, other)| *way > 0 || *other < name);
        before.min_by_key(|(way, other)| (*way, Reverse(*other))).map(|(_, other)| other)
    }

    /// Anyone who stands in it.
    pub(super) fn any(&self) -> Option<&str> {
        self.0.first().map(|(_, name)| &**name)
    }
}

/// The error for a key that can't be a lock because of what lies below it.
pub(super) fn stranger(key: Key<'_>, name: &str) -> Error {
    let message = format!("{} is not an entry of a lock's queue, choose a key without children", key.child(name));
    Error::new(ErrorKind::HasChildren, message).or_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'_> = Key::from_checked("/lock");

    fn queue(names: &[&str]) -> Queue {
        Queue::of(KEY, names.iter().map(|name| (*name).to_owned()).collect(), true).expect("no strangers")
    }

    #[test]
    fn everyone_stands_behind_the_next_lower_number_whatever_the_names() {
        let queue =
            queue(&["_c_z-lock-0000000007", "_c_a-lock-0000000012", "_c_m-lock-0000000009", "0f-lock-0000000010"]);
        assert_eq!(queue.before("_c_a-lock-0000000012"), Some("0f-lock-0000000010"));
        assert_eq!(queue.before("0f-lock-0000000010"), Some("_c_m-lock-0000000009"));
        assert_eq!(queue.before("_c_m-lock-0000000009"), Some("_c_z-lock-0000000007"));
        assert_eq!(queue.before("_c_z-lock-0000000007"), None);
    }

    #[test]
    fn the_holder_stays_the_first_when_the_numbers_overflow() {
        let queue = queue(&["_c_a-lock--2147483648", "_c_b-lock-2147483647", "_c_c-lock--2147483647"]);
        assert_eq!(queue.before("_c_b-lock-2147483647"), None);
        assert_eq!(queue.before("_c_a-lock--2147483648"), Some("_c_b-lock-2147483647"));
        assert_eq!(queue.before("_c_c-lock--2147483647"), Some("_c_a-lock--2147483648"));
    }

    #[test]
    fn of_two_with_one_number_one_is_first() {
        let queue = queue(&["b-lock-1", "a-lock-1", "c-lock-1", "a-lock-2"]);
        assert_eq!(
            ["a-lock-1", "b-lock-1", "c-lock-1"].map(|name| queue.before(name)),
            [None, Some("a-lock-1"), Some("b-lock-1")]
        );
        assert_eq!(queue.before("a-lock-2"), Some("c-lock-1"));
    }

    #[test]
    fn strangers_refuse_the_lock_only_to_who_looks_for_them() {
        let names =
            || vec!["worker".to_owned(), "_c_a-lock-0000000001".to_owned(), "\u{f8ff}-lock-0000000000".to_owned()];
        let refused = Queue::of(KEY, names(), true).err().expect("a stranger");
        assert_eq!((refused.kind(), refused.key()), (ErrorKind::HasChildren, Some("/lock")));
        assert!(refused.message().contains("/lock/worker"), "{refused}");
        let queue = Queue::of(KEY, names(), false).expect("strangers don't matter");
        assert_eq!(queue.any(), Some("_c_a-lock-0000000001"));
        assert!(Queue::of(KEY, vec!["\u{f8ff}-lock-0000000000".to_owned()], true).is_err(), "it has no key");
    }
}
