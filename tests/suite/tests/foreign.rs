//! Data that others left on etcd, seen through the loaded plugin (contract 1.5).

use std::time::Duration;

use etcd_client::Client;
use registry_host::{ErrorKind, Event, Registry, Scope};
use registry_suite::{etcd, open, within};
use registry_test_servers::Etcd;

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
async fn keys_that_are_none_count_as_children_and_go_with_them() {
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
async fn a_key_without_an_entry_is_named_and_created_by_a_put_below() {
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
