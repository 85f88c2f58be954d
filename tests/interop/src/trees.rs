//! Trees of everybody, read by everybody.

use std::collections::{BTreeMap, BTreeSet};

use registry_host::Registry;
use registry_suite::Mirror;

use crate::{backend::Backend, namespace::Namespace, party::Party};

/// What is put below the maker's own key: names beside and below each other, whose order by bytes is not that of the
/// tree, and some without ancestors of their own.
const TREE: [(&str, &str); 8] = [
    ("", "root"),
    ("/a", "1"),
    ("/a/b/c", "deep"),
    ("/a-b", "beside"),
    ("/a/10.0.0.7:1234", "address"),
    ("/with space/ä", "not ASCII"),
    ("/no/ancestors/at/all", "deeper"),
    ("/empty", ""),
];

type Tree = BTreeMap<String, Vec<u8>>;

/// The same for all: keys, values, names of children, and what a watch tells.
pub(crate) async fn read_the_same(backend: Backend) {
    let namespace = Namespace::on(backend);
    let registry = namespace.registry().await;
    let mut everybody = namespace.everybody().await;
    for maker in 0..everybody.len() {
        let top = format!("/{}", everybody[maker].name());
        for (key, value) in TREE {
            everybody[maker].put(&format!("{top}{key}"), value.as_bytes()).await;
        }
        let expected = expected(&top, backend == Backend::Etcd && everybody[maker].is_theirs());
        for reader in &mut everybody {
            assert_eq!(reader.tree(&top).await, expected, "{} reads {top}", reader.name());
        }
        has_the_children(&registry, &top, &expected).await;
        let mirror = Mirror::of(&registry, &top).await;
        let watched: Tree = mirror.state.into_iter().map(|(key, entry)| (key, entry.value.to_vec())).collect();
        assert_eq!(watched, expected, "the watch of {top}");
        goes_as_a_whole(&registry, &top, &expected, &mut everybody).await;
    }
    for party in everybody {
        party.close().await;
    }
}

/// The entries that come of it: etcd itself knows nothing of ancestors, all others make them, empty.
fn expected(top: &str, without_ancestors: bool) -> Tree {
    let mut tree = Tree::new();
    for (key, value) in TREE {
        let ancestors = key.match_indices('/').map(|(end, _)| &key[..end]).filter(|_| !without_ancestors);
        for ancestor in ancestors {
            tree.entry(format!("{top}{ancestor}")).or_default();
        }
        tree.insert(format!("{top}{key}"), value.into());
    }
    tree
}

/// Whether or not they are entries, the children of each key are named.
async fn has_the_children(registry: &Registry, top: &str, tree: &Tree) {
    let mut children: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for mut key in tree.keys().map(String::as_str) {
        while key != top {
            let (parent, name) = key.rsplit_once('/').expect("a key below the top");
            children.entry(parent).or_default().insert(name);
            key = parent;
        }
    }
    for (parent, names) in children {
        let named = registry.children(parent).await.expect("its children");
        assert!(named.iter().map(String::as_str).eq(names.iter().copied()), "{parent} has {named:?}, not {names:?}");
    }
}

async fn goes_as_a_whole(registry: &Registry, top: &str, tree: &Tree, everybody: &mut [Party]) {
    let gone = registry.delete_recursive(top).await.expect("it goes");
    assert_eq!(gone, tree.len() as u64);
    for reader in everybody {
        assert_eq!(reader.tree(top).await, Tree::new(), "{} reads {top}", reader.name());
    }
}
