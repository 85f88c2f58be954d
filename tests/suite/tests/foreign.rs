//! Data that others left on a server, seen through the loaded plugin (contract 1.5).

use std::time::Duration;

use etcd_client::Client;
use registry_host::{ErrorKind, Event, Registry, Scope};
use registry_suite::{Mirror, SOON, etcd, eventually, open, within, zookeeper};
use registry_test_servers::{Etcd, ZooKeeper};
use zookeeper_client::{Acls, CreateMode};

/// What follows the namespace: none of it is a key, each for another reason.
const FOREIGN: [&[u8]; 8] =
    [b"/a/b/", b"/a//c", b"/a/./d", b"/a/..", b"/a/\x01", b"/a/\xff\xfe", b"/a/\xf0\x9f\x98\x80", b"/a/"];

async fn registry() -> (Registry, Client) {
    let server = Etcd::shared().expect("an etcd runs");
    let registry = open(etcd(server)).await.expect("a registry opens");
    let client = Client::connect([server.endpoint()], None).await.expect("etcd answers");
    (registry, client)
}

async fn write(registry: &Registry, client: &mut Client, key: &[u8]) {
    let key = [registry.namespace().as_bytes(), key].concat();
    client.put(key, "foreign", None).await.expect("etcd writes");
}

#[tokio::test]
async fn keys_that_are_none_are_not_shown() {
    let (registry, mut client) = registry().await;
    let mut watch = registry.watch("/", Scope::Subtree).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap(), Event::Synced);
    for key in FOREIGN {
        write(&registry, &mut client, key).await;
    }
    registry.put("/a/shown", "").await.unwrap();
    assert_eq!(registry.children("/a").await.unwrap(), ["b", "shown"], "/a/b has a descendant, though that is none");
    let listed = registry.list("/a").await.unwrap();
    assert_eq!(listed.iter().map(|entry| &entry.key[..]).collect::<Vec<_>>(), ["/a", "/a/shown"]);
    let mut told = Vec::new();
    while told.len() < 2 {
        let event = within("an event", Duration::from_secs(10), watch.next()).await.unwrap().unwrap();
        told.extend(event.key().map(str::to_owned));
    }
    told.sort();
    assert_eq!(told, ["/a", "/a/shown"]);
}

#[tokio::test]
async fn invalid_keys_count_as_children_and_are_deleted() {
    for key in FOREIGN {
        let (registry, mut client) = registry().await;
        registry.put("/a", "").await.unwrap();
        write(&registry, &mut client, key).await;
        let shown = key.escape_ascii();
        assert_eq!(registry.delete("/a").await.unwrap_err().kind(), ErrorKind::HasChildren, "{shown}");
        let ephemeral = registry.put("/a", "").ephemeral().await;
        assert_eq!(ephemeral.unwrap_err().kind(), ErrorKind::HasChildren, "{shown}");
        assert!(registry.delete_recursive("/a").await.unwrap() >= 1, "{shown}");
        let prefix = etcd_client::GetOptions::new().with_prefix().with_count_only();
        let left = client.get(registry.namespace(), Some(prefix)).await.unwrap().count();
        assert_eq!(left, 0, "{shown}");
        registry.put("/a", "").ephemeral().await.unwrap();
    }
}

#[tokio::test]
async fn a_put_below_creates_a_key_without_entry() {
    let (registry, mut client) = registry().await;
    write(&registry, &mut client, b"/x/y/z").await;
    assert_eq!(registry.children("/").await.unwrap(), ["x"]);
    assert_eq!(registry.children("/x").await.unwrap(), ["y"]);
    assert_eq!(registry.get("/x").await.unwrap(), None);
    assert_eq!(registry.list("/x").await.unwrap().len(), 1);
    registry.txn().check_absent("/x").check_absent("/x/y").check_present("/x/y/z").commit().await.unwrap();
    assert_eq!(registry.put("/x", "").ephemeral().await.unwrap_err().kind(), ErrorKind::HasChildren);
    registry.put("/x/beside", "").await.unwrap();
    assert_eq!(registry.get("/x").await.unwrap().map(|entry| entry.value.len()), Some(0));
    assert_eq!(registry.get("/x/y").await.unwrap(), None);
    assert_eq!(registry.children("/x").await.unwrap(), ["beside", "y"]);
    assert_eq!(registry.delete_recursive("/x").await.unwrap(), 3);
    assert!(registry.children("/").await.unwrap().is_empty());
}

/// A registry on ZooKeeper, and a client that writes what it likes below the same namespace.
async fn on_zookeeper() -> (Registry, zookeeper_client::Client) {
    let server = ZooKeeper::shared().expect("a ZooKeeper server");
    let registry = open(zookeeper(server)).await.expect("a registry opens");
    (registry, server.client().await.expect("ZooKeeper answers"))
}

async fn create(client: &zookeeper_client::Client, mode: CreateMode, path: &str) {
    client.create(path, b"foreign", &mode.with_acls(Acls::anyone_all())).await.expect(path);
}

/// What is too long for a key is all that ZooKeeper takes and a registry doesn't: the rest it refuses by itself.
#[tokio::test]
async fn on_zookeeper_too_long_paths_are_hidden_and_deleted() {
    let (registry, client) = on_zookeeper().await;
    let deepest = "/a".repeat(32);
    registry.put(&deepest, "").await.unwrap();
    registry.put("/b", "").await.unwrap();
    let mut mirror = Mirror::of(&registry, "/").await;
    let namespace = registry.namespace().to_owned();
    let long = format!("/b/{}", "x".repeat(32_766));
    for foreign in [format!("{deepest}/deep"), format!("{deepest}/deep/deeper"), long] {
        create(&client, CreateMode::Persistent, &format!("/{namespace}{foreign}")).await;
    }
    registry.put("/shown", "").await.unwrap();
    mirror.until("what came after is told", |mirror| mirror.has("/shown", "")).await;
    assert!(mirror.state.keys().all(|key| key == "/shown" || key == "/b" || deepest.starts_with(key)), "and it alone");
    for (above, shown, went) in [(deepest.as_str(), 1, 3), ("/b", 1, 2)] {
        assert_eq!(registry.list(above).await.unwrap().len(), shown, "{above}");
        assert_eq!(registry.children(above).await.unwrap(), [""; 0], "{above}");
        assert_eq!(registry.delete(above).await.unwrap_err().kind(), ErrorKind::HasChildren, "{above}");
        let ephemeral = registry.put(above, "").ephemeral().await;
        assert_eq!(ephemeral.unwrap_err().kind(), ErrorKind::HasChildren, "{above}");
        assert_eq!(registry.delete_recursive(above).await.unwrap(), went, "{above}");
        mirror.until("it is told to be gone", |mirror| !mirror.state.contains_key(above)).await;
    }
}

#[tokio::test]
async fn on_zookeeper_containers_and_ttl_nodes_are_entries() {
    let (registry, client) = on_zookeeper().await;
    // What the keys lie below is made by the first write.
    registry.put("/ours", "").await.unwrap();
    let mut mirror = Mirror::of(&registry, "/").await;
    let namespace = registry.namespace().to_owned();
    let at = |key: &str| format!("/{namespace}{key}");
    create(&client, CreateMode::Container, &at("/container")).await;
    let lives = CreateMode::Persistent.with_acls(Acls::anyone_all()).with_ttl(Duration::from_secs(2));
    client.create(&at("/lives"), b"foreign", &lives).await.unwrap();
    for key in ["/container", "/lives"] {
        mirror.until("it is told", |mirror| mirror.has(key, "foreign")).await;
        assert!(!registry.get(key).await.unwrap().unwrap().is_ephemeral(), "it is nobody's");
        registry.put(&format!("{key}/below"), "1").ephemeral().await.unwrap();
        registry.put(key, "ours").await.unwrap();
        assert_eq!(registry.delete(key).await.unwrap_err().kind(), ErrorKind::HasChildren);
        registry.delete(&format!("{key}/below")).await.unwrap();
    }
    // Empty, both are removed by the server.
    for key in ["/container", "/lives"] {
        let gone = async || registry.get(key).await.unwrap().is_none().then_some(());
        eventually(format_args!("{key} is removed"), SOON * 4, gone).await;
        mirror.until("that is told", |mirror| !mirror.state.contains_key(key)).await;
    }
}
