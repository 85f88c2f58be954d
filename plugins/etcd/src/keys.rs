//! Where keys lie on the server: flat, `<namespace><key>` (contract 1.4).

use std::ops::Range;

use etcd_client::proto::PbKeyValue;
use registry_plugin::{Entry, Key, SessionId};

/// A namespace, and the way from keys to etcd's own and back.
pub(crate) struct Namespace(Box<str>);

impl Namespace {
    pub(crate) fn new(namespace: &str) -> Self {
        Namespace(namespace.into())
    }

    /// The key as etcd has it.
    pub(crate) fn raw(&self, key: Key<'_>) -> Vec<u8> {
        self.with(key.as_str(), "")
    }

    /// Everything below the key, and nothing beside it: `/a` has `[/a/, /a0)`.
    pub(crate) fn below(&self, key: Key<'_>) -> Range<Vec<u8>> {
        let path = if key.is_root() { "" } else { key.as_str() };
        // '0' is the character after '/'.
        self.with(path, "/")..self.with(path, "0")
    }

    /// The smallest single range with the key and all below it; for all but the root it may hold siblings too, such as
    /// `/a-b`.
    pub(crate) fn around(&self, key: Key<'_>) -> Range<Vec<u8>> {
        let below = self.below(key);
        if key.is_root() { below } else { self.raw(key)..below.end }
    }

    /// The key that etcd's is; `None` for foreign data (1.5).
    pub(crate) fn key<'a>(&self, raw: &'a [u8]) -> Option<Key<'a>> {
        let text = std::str::from_utf8(self.strip(raw)?).ok()?;
        Key::new(text).ok().filter(|key| !key.is_root())
    }

    /// What follows the namespace, whether it is a key or not.
    pub(crate) fn strip<'a>(&self, raw: &'a [u8]) -> Option<&'a [u8]> {
        raw.strip_prefix(self.0.as_bytes())
    }

    /// The entry that etcd's key and value are; `None` for foreign data (1.5).
    pub(crate) fn entry(&self, found: PbKeyValue) -> Option<Entry> {
        self.key(&found.key)?;
        let mut key = String::from_utf8(found.key).ok()?;
        key.drain(..self.0.len());
        let ephemeral = owner(found.lease);
        Some(Entry::new(key, found.value, number(found.mod_revision), number(found.create_revision), ephemeral))
    }

    fn with(&self, path: &str, end: &str) -> Vec<u8> {
        [self.0.as_bytes(), path.as_bytes(), end.as_bytes()].concat()
    }
}

/// The session that a key with this lease belongs to.
pub(crate) fn owner(lease: i64) -> Option<SessionId> {
    (lease != 0).then_some(SessionId(lease.cast_unsigned()))
}

/// A revision as a number of the contract; etcd's are never negative.
pub(crate) fn number<N: From<u64>>(revision: i64) -> N {
    revision.cast_unsigned().into()
}

/// A range of etcd's keys, for messages.
pub(crate) fn shown(range: &Range<Vec<u8>>) -> String {
    format!("from {} to {}", range.start.escape_ascii(), range.end.escape_ascii())
}

/// The first key after `raw`.
pub(crate) fn after(mut raw: Vec<u8>) -> Vec<u8> {
    raw.push(0);
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key<'_> {
        Key::new(text).expect(text)
    }

    #[test]
    fn keys_lie_flat_after_the_namespace() {
        let namespace = Namespace::new("dolphinscheduler");
        assert_eq!(namespace.raw(key("/nodes/a")), b"dolphinscheduler/nodes/a");
        assert_eq!(namespace.below(key("/a")), b"dolphinscheduler/a/".to_vec()..b"dolphinscheduler/a0".to_vec());
        assert_eq!(namespace.below(Key::ROOT), b"dolphinscheduler/".to_vec()..b"dolphinscheduler0".to_vec());
        assert_eq!(namespace.around(key("/a")), b"dolphinscheduler/a".to_vec()..b"dolphinscheduler/a0".to_vec());
        assert_eq!(Namespace::new("").below(Key::ROOT), b"/".to_vec()..b"0".to_vec());
    }

    #[test]
    fn foreign_data_is_no_entry() {
        let namespace = Namespace::new("ns");
        assert_eq!(namespace.key(b"ns/a/b"), Some(key("/a/b")));
        for foreign in [&b"ns/"[..], b"ns/a/", b"ns/a//b", b"ns/\xff", b"ns", b"nsx/a", b"other/a", b"ns/a/."] {
            assert_eq!(namespace.key(foreign), None, "{}", foreign.escape_ascii());
        }
    }

    #[test]
    fn an_entry_has_revisions_and_the_lease() {
        let found = PbKeyValue {
            key: b"ns/a".to_vec(),
            value: b"v".to_vec(),
            create_revision: 3,
            mod_revision: 5,
            version: 2,
            lease: 7,
        };
        let entry = Namespace::new("ns").entry(found).expect("no foreign data");
        assert_eq!(entry, Entry::new("/a", "v", 5.into(), 3.into(), Some(SessionId(7))));
    }
}
