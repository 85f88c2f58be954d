//! Where in the tree a session's keys stand (contract 1.4).

use arrayvec::ArrayString;
use registry_plugin::{Entry, Key, MAX_KEY_BYTES, MAX_SEGMENTS};

use crate::entries::Stored;

/// How many bytes a place has that is not long.
const SHORT: usize = 256;

/// What is put before each key of a session to find its place in the tree: empty, or `/` and the namespace.
#[derive(Clone, Debug)]
pub(crate) struct Namespace(String);

impl Namespace {
    /// The prefix for a namespace written without slashes at its ends.
    pub(crate) fn new(name: &str) -> Self {
        Namespace(if name.is_empty() { String::new() } else { format!("/{name}") })
    }

    /// The place of a key. That of the root has no entry to be shown, even where an outer namespace sees one.
    pub(crate) fn place(&self, key: Key<'_>) -> String {
        let key = if key.is_root() { "" } else { key.as_str() };
        let mut place = String::with_capacity(self.0.len() + key.len());
        place.push_str(&self.0);
        place.push_str(key);
        place
    }

    /// The key whose place that is; `None` for a place above or beside the namespace, or one that only a session of an
    /// inner namespace has a key for, as it would be too long or too deep here (1.5).
    pub(crate) fn key<'a>(&self, place: &'a str) -> Option<Key<'a>> {
        let key = place.strip_prefix(self.0.as_str()).filter(|key| key.starts_with('/')).map(Key::from_checked)?;
        (key.as_str().len() <= MAX_KEY_BYTES && key.depth() <= MAX_SEGMENTS).then_some(key)
    }

    /// The entry of that place as the session sees it.
    pub(crate) fn entry(&self, place: &str, stored: &Stored) -> Option<Entry> {
        self.key(place).map(|key| stored.entry(key.as_str().to_owned()))
    }

    /// Has the place of a key looked at, which is put together without an allocation unless it is long.
    pub(crate) fn look_at<T>(&self, key: Key<'_>, look: impl FnOnce(&str) -> T) -> T {
        let mut place = ArrayString::<SHORT>::new();
        let fits = !key.is_root() && [&self.0, key.as_str()].iter().all(|part| place.try_push_str(part).is_ok());
        if fits { look(&place) } else { look(&self.place(key)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_ends_at_a_path_boundary() {
        let namespace = Namespace::new("a");
        assert_eq!(namespace.place(Key::from_checked("/x")), "/a/x");
        assert_eq!(namespace.key("/a/x"), Some(Key::from_checked("/x")));
        for beside in ["/a", "/ab", "/ab/x", "/"] {
            assert_eq!(namespace.key(beside), None, "{beside}");
        }
        assert_eq!(Namespace::new("").key("/a"), Some(Key::from_checked("/a")));
    }

    #[test]
    fn entries_without_a_key_in_a_namespace_are_hidden() {
        let deepest = "/s".repeat(MAX_SEGMENTS);
        let place = Namespace::new("a").place(Key::from_checked(&deepest));
        assert_eq!(Namespace::new("a").key(&place), Some(Key::from_checked(&deepest)));
        assert_eq!(Namespace::new("").key(&place), None);
        let longest = format!("/{}", "s".repeat(MAX_KEY_BYTES - 1));
        assert_eq!(Namespace::new("").key(&Namespace::new("a").place(Key::from_checked(&longest))), None);
    }
}
