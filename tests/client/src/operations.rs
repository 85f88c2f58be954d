//! Keys and operations in short.

use registry_plugin::{Key, Mode, Operation};

/// A key.
pub fn key(text: &str) -> Key<'_> {
    Key::new(text).expect(text)
}

/// A put of a persistent entry.
pub fn put<'a>(at: &'a str, value: &'a str) -> Operation<'a> {
    Operation::Put { key: key(at), value: value.as_bytes(), mode: Mode::Persistent }
}

/// A put of an ephemeral entry.
pub fn ephemeral<'a>(at: &'a str, value: &'a str) -> Operation<'a> {
    Operation::Put { key: key(at), value: value.as_bytes(), mode: Mode::Ephemeral }
}

/// A delete.
pub fn delete(at: &str) -> Operation<'_> {
    Operation::Delete(key(at))
}
