//! Where keys lie on the server: at `<chroot>/<namespace><key>` (contract 1.4).

use registry_plugin::Key;

/// The path that the keys of a namespace lie below, and the way from keys to paths and back.
pub(crate) struct Paths {
    /// Empty where the keys have no prefix.
    root: Box<str>,
}

impl Paths {
    /// Paths below a chroot, which is empty or begins with `/`, and a namespace.
    pub(crate) fn new(chroot: &str, namespace: &str) -> Self {
        let slash = if namespace.is_empty() { "" } else { "/" };
        Paths { root: [chroot, slash, namespace].concat().into() }
    }

    /// The path of the root key: always a path, never empty.
    pub(crate) fn root(&self) -> &str {
        if self.root.is_empty() { "/" } else { &self.root }
    }

    /// The key's path.
    pub(crate) fn path(&self, key: Key<'_>) -> String {
        if key.is_root() { self.root().to_owned() } else { [&*self.root, key.as_str()].concat() }
    }

    /// The key that lies at a path; `None` for foreign data (1.5) and for what lies elsewhere.
    pub(crate) fn key<'a>(&self, path: &'a str) -> Option<Key<'a>> {
        let rest = path.strip_prefix(&*self.root)?;
        Key::new(if rest.is_empty() { "/" } else { rest }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key<'_> {
        Key::new(text).expect(text)
    }

    #[test]
    fn keys_lie_below_chroot_and_namespace() {
        for (chroot, namespace, root, path) in [
            ("", "", "/", "/a/b"),
            ("", "ns", "/ns", "/ns/a/b"),
            ("", "n/s", "/n/s", "/n/s/a/b"),
            ("/c", "", "/c", "/c/a/b"),
            ("/c/d", "ns", "/c/d/ns", "/c/d/ns/a/b"),
        ] {
            let paths = Paths::new(chroot, namespace);
            assert_eq!((paths.root(), &*paths.path(key("/a/b"))), (root, path));
            assert_eq!(paths.path(Key::ROOT), root);
            assert_eq!(paths.key(path), Some(key("/a/b")));
            assert_eq!(paths.key(root), Some(Key::ROOT));
        }
    }

    #[test]
    fn what_lies_elsewhere_is_no_key() {
        let paths = Paths::new("", "ns");
        for path in ["/nsx", "/nsx/a", "/other", "/", "/ns/."] {
            assert_eq!(paths.key(path), None, "{path}");
        }
    }
}
