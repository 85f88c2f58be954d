//! Watches: what they cover and what they tell (contract 5).

use std::fmt;

use crate::{Entry, Key};

/// What a watch on a key covers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// The key's own entry.
    Node,
    /// The entries directly below the key; not the key's own.
    Children,
    /// The key's own entry and all below it.
    Subtree,
}

impl Scope {
    /// Whether a watch of this scope on `key` covers `other`.
    pub fn covers(self, key: Key<'_>, other: Key<'_>) -> bool {
        match self {
            Scope::Node => key == other,
            Scope::Children => other.parent() == Some(key),
            Scope::Subtree => key == other || key.contains(other),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::Node => "node",
            Scope::Children => "children",
            Scope::Subtree => "subtree",
        })
    }
}

/// An event of a watch. `new` and `last` are relative to the earlier events of this same watch (contract 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An entry is there, or has changed.
    Put {
        /// The entry as it is now.
        entry: Entry,
        /// Whether this is the watch's first event of the key, or its first since the key's deletion.
        new: bool,
    },
    /// An entry is gone.
    Delete {
        /// The entry as it was in this watch's last event of it.
        last: Entry,
    },
    /// The whole state has been given, as it was when the watch began or went on after a break.
    Synced,
}

impl Event {
    /// The key that the event is about; `None` for [`Event::Synced`].
    pub fn key(&self) -> Option<&str> {
        match self {
            Event::Put { entry, .. } => Some(&entry.key),
            Event::Delete { last } => Some(&last.key),
            Event::Synced => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_respect_path_boundaries() {
        let covers = |scope: Scope, key, other| scope.covers(Key::from_checked(key), Key::from_checked(other));
        assert!(covers(Scope::Node, "/a", "/a") && !covers(Scope::Node, "/a", "/a/b"));
        assert!(covers(Scope::Children, "/a", "/a/b"));
        assert!(!covers(Scope::Children, "/a", "/a") && !covers(Scope::Children, "/a", "/a/b/c"));
        assert!(covers(Scope::Children, "/", "/a") && !covers(Scope::Children, "/", "/a/b"));
        assert!(covers(Scope::Subtree, "/a", "/a") && covers(Scope::Subtree, "/a", "/a/b/c"));
        assert!(!covers(Scope::Subtree, "/a", "/ab") && covers(Scope::Subtree, "/", "/ab"));
    }
}
