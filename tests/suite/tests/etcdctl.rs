//! What others see of us on an etcd server, and we of them: keys, leases, queues, foreign data (contract 1.4, 1.5, 4.1,
//! 6.7).

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use registry_host::{ErrorKind, Guard, Registry, SettingsBuilder};
use registry_suite::{Mirror, SOON, etcd, eventually, leases, open, unique, wait_until, within};
use registry_test_servers::Etcd;

fn server() -> &'static Etcd {
    Etcd::shared().expect("an etcd server")
}

/// The settings of a namespace of its own on the shared server, and its name.
fn namespaced() -> (SettingsBuilder, String) {
    let namespace = unique("etcdctl");
    (etcd(server()).set_value("registry.namespace", &namespace), namespace)
}

fn etcdctl<const N: usize>(arguments: [&str; N]) -> String {
    server().etcdctl(arguments).expect("etcdctl does it")
}

/// The keys that etcdctl sees below a prefix.
fn keys(prefix: &str) -> Vec<String> {
    let printed = etcdctl(["get", "--prefix", prefix, "--keys-only"]);
    printed.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

async fn names(registry: &Registry, key: &str) -> Vec<String> {
    registry.children(key).await.expect("its children")
}

#[tokio::test]
async fn keys_and_values_are_read_with_etcdctl_as_they_are() {
    let (settings, namespace) = namespaced();
    let registry = open(settings).await.unwrap();
    registry.put("/nodes/worker/10.0.0.7:1234", "{\"load\": 0.5}").ephemeral().await.unwrap();
    let node = format!("{namespace}/nodes/worker/10.0.0.7:1234");
    assert_eq!(
        keys(&format!("{namespace}/")),
        [format!("{namespace}/nodes"), format!("{namespace}/nodes/worker"), node.clone(),]
    );
    assert_eq!(etcdctl(["get", "--print-value-only", &node]), "{\"load\": 0.5}\n");
    assert_eq!(etcdctl(["get", "--print-value-only", &format!("{namespace}/nodes")]), "\n");
    registry.close().await.unwrap();
    assert_eq!(keys(&format!("{namespace}/")).len(), 2, "the ephemeral went with its session");
}

#[tokio::test]
async fn what_etcdctl_writes_is_an_entry() {
    let (settings, namespace) = namespaced();
    let registry = open(settings).await.unwrap();
    let mut mirror = Mirror::of(&registry, "/theirs").await;
    etcdctl(["put", &format!("{namespace}/theirs/key"), "value"]);
    mirror.until("their put is told", |mirror| mirror.has("/theirs/key", "value")).await;
    let entry = registry.get("/theirs/key").await.unwrap().unwrap();
    assert_eq!((&entry.value[..], entry.ephemeral), (&b"value"[..], None));
    registry.put("/theirs/key", "ours").if_version(entry.version).await.unwrap();
    assert_eq!(etcdctl(["get", "--print-value-only", &format!("{namespace}/theirs/key")]), "ours\n");
    etcdctl(["del", &format!("{namespace}/theirs/key")]);
    mirror.until("their delete is told", |mirror| !mirror.state.contains_key("/theirs/key")).await;
    // An entry on a lease of theirs is owned by that lease's session.
    let lease = etcdctl(["lease", "grant", "60"]).split_whitespace().nth(1).unwrap().to_owned();
    etcdctl(["put", "--lease", &lease, &format!("{namespace}/theirs/ephemeral"), "1"]);
    let owner = registry.get("/theirs/ephemeral").await.unwrap().unwrap().ephemeral.unwrap();
    assert_eq!(owner.0, u64::from_str_radix(&lease, 16).unwrap());
    assert_eq!(registry.put("/theirs/ephemeral/child", "1").await.unwrap_err().kind(), ErrorKind::EphemeralParent);
    mirror.until("it is told", |mirror| mirror.has("/theirs/ephemeral", "1")).await;
    etcdctl(["lease", "revoke", &lease]);
    mirror.until("its end is told", |mirror| !mirror.state.contains_key("/theirs/ephemeral")).await;
}

#[tokio::test]
async fn a_key_without_an_entry_is_named_by_its_parent() {
    let (settings, namespace) = namespaced();
    let registry = open(settings).await.unwrap();
    etcdctl(["put", &format!("{namespace}/a/b/c"), "deep"]);
    assert_eq!(names(&registry, "/").await, ["a"]);
    assert_eq!((names(&registry, "/a").await, names(&registry, "/a/b").await), (vec!["b".into()], vec!["c".into()]));
    assert_eq!(registry.get("/a/b").await.unwrap(), None);
    assert_eq!(registry.delete("/a/b").await.unwrap_err().kind(), ErrorKind::HasChildren);
    let listed: Vec<_> = registry.list("/a").await.unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(listed, ["/a/b/c"]);
    // A put below creates it.
    registry.put("/a/b/d", "beside").await.unwrap();
    assert!(registry.get("/a").await.unwrap().is_some() && registry.get("/a/b").await.unwrap().is_some());
    assert_eq!(registry.delete_recursive("/a").await.unwrap(), 4);
    assert_eq!(keys(&format!("{namespace}/")), [""; 0]);
}

#[tokio::test]
async fn keys_that_are_none_are_not_shown_but_count() {
    let (settings, namespace) = namespaced();
    let registry = open(settings).await.unwrap();
    registry.put("/a/good", "1").await.unwrap();
    for foreign in ["/a/", "/a/x//y", "/a/./z", "/a/tab\there", "/a/..", "/a/x/"] {
        etcdctl(["put", &format!("{namespace}{foreign}"), "foreign"]);
    }
    // A neighbour that only begins with the same characters.
    etcdctl(["put", &format!("{namespace}/ab"), "neighbour"]);
    let listed: Vec<_> = registry.list("/a").await.unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(listed, ["/a", "/a/good"]);
    let mirror = Mirror::of(&registry, "/a").await;
    assert_eq!(mirror.state.keys().collect::<Vec<_>>(), ["/a", "/a/good"]);
    for name in names(&registry, "/a").await {
        assert!(["good", "x"].contains(&name.as_str()), "{name:?} is not a key's name");
    }
    assert_eq!(registry.delete("/a/good").await.unwrap(), 1);
    assert_eq!(registry.delete("/a").await.unwrap_err().kind(), ErrorKind::HasChildren);
    assert_eq!(registry.put("/a", "1").ephemeral().await.unwrap_err().kind(), ErrorKind::HasChildren);
    registry.delete_recursive("/a").await.unwrap();
    assert_eq!(keys(&format!("{namespace}/")), [format!("{namespace}/ab")]);
}

#[tokio::test]
async fn empty_and_nested_namespaces_see_their_own() {
    // A server of its own: the empty namespace sees all of it.
    let server = Etcd::start().unwrap();
    let all = open(etcd(&server).set("registry.namespace=")).await.unwrap();
    let inner = open(etcd(&server).set("registry.namespace=outer/inner")).await.unwrap();
    server.etcdctl(["put", "/outer", "theirs"]).unwrap();
    inner.put("/key", "1").await.unwrap();
    all.put("/mine", "1").await.unwrap();
    assert_eq!(names(&all, "/").await, ["mine", "outer"]);
    // No slash is added before a namespace.
    assert_eq!(server.etcdctl(["get", "--print-value-only", "outer/inner/key"]).unwrap(), "1\n");
    assert_eq!(all.list("/outer").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_thousand_ephemerals_and_locks_are_one_lease() {
    // A server of its own, on which leases are counted.
    let server = Etcd::start().unwrap();
    let registry = open(etcd(&server)).await.unwrap();
    let id = registry.session().id();
    let registry = &registry;
    stream::iter(0..1_000)
        .map(async |number| registry.put(&format!("/many/{number}"), "1").ephemeral().await.expect("a put"))
        .buffer_unordered(64)
        .collect::<Vec<_>>()
        .await;
    let guards: Vec<Guard> = stream::iter(0..1_000)
        .map(async |number| registry.lock(&format!("/locks/{number}")).await.expect("a lock"))
        .buffer_unordered(64)
        .collect()
        .await;
    assert_eq!(leases(&server), [id]);
    let attached = server.etcdctl(["lease", "timetolive", &id.to_string(), "--keys"]).unwrap();
    assert_eq!(attached.matches("/many/").count(), 1_000);
    assert_eq!(attached.matches("/locks/").count(), 1_000);
    assert!(guards.iter().all(|guard| !guard.is_lost()));
    within("it closes", SOON, registry.close()).await.unwrap();
    assert!(leases(&server).is_empty());
    let printed = server.etcdctl(["get", "--prefix", "", "--keys-only"]).unwrap();
    assert!(!printed.contains("/many/"), "{printed}");
}

#[tokio::test]
async fn queue_entries_are_named_by_lease_and_number() {
    let (settings, namespace) = namespaced();
    let (one, other) = (open(settings.clone()).await.unwrap(), open(settings).await.unwrap());
    let held = one.campaign("/job", "first").await.unwrap();
    // Two more requests of the same client and one of another, each in its place.
    let waiting = [one.clone(), one.clone(), other.clone()].map(|registry| {
        tokio::spawn(async move { registry.campaign("/job", "next").await.expect("its turn comes").token() })
    });
    let queue = async || {
        let queue = keys(&format!("{namespace}/job/"));
        (queue.len() == 4).then_some(queue)
    };
    let queue: BTreeSet<_> = eventually("all are queued", SOON, queue).await.into_iter().collect();
    assert_eq!(queue.len(), 4);
    for place in &queue {
        let name = place.strip_prefix(&format!("{namespace}/job/")).unwrap();
        let (lease, number) = name.split_once('-').unwrap();
        let owners = [one.session().id().to_string(), other.session().id().to_string()];
        assert!(owners.contains(&lease.to_owned()), "{name}");
        number.parse::<u64>().expect("a number");
    }
    let place = format!("{namespace}{}", held.entry());
    assert_eq!(etcdctl(["get", "--print-value-only", &place]), "first\n");
    let shown: serde_json::Value = serde_json::from_str(&etcdctl(["get", "--write-out=json", &place])).unwrap();
    let shown = &shown["kvs"][0];
    assert_eq!(shown["create_revision"], held.token().get(), "the fencing token is the creation's revision");
    assert_eq!(shown["lease"], one.session().id().0);
    // They exclude each other, and each gets its turn with a higher token.
    let mut token = held.token();
    held.release().await.unwrap();
    let mut tokens = Vec::new();
    for waiter in waiting {
        tokens.push(within("its turn comes", SOON, waiter).await.unwrap());
    }
    tokens.sort_unstable();
    for next in tokens {
        assert!(next > token);
        token = next;
    }
    wait_until("the queue is left", SOON, || keys(&format!("{namespace}/job/")).is_empty()).await;
    assert_eq!(keys(&format!("{namespace}/job")), [format!("{namespace}/job")], "the lock's key stays");
}

#[tokio::test]
async fn a_place_that_etcdctl_deletes_is_lost() {
    let (settings, namespace) = namespaced();
    let registry = open(settings).await.unwrap();
    let guard = registry.lock("/job").await.unwrap();
    let waiting = tokio::spawn({
        let registry = registry.clone();
        async move { registry.lock("/job").await.map(drop) }
    });
    let queue = async || keys(&format!("{namespace}/job/")).into_iter().find(|place| !place.ends_with(guard.entry()));
    let place = eventually("the other waits", SOON, queue).await;
    etcdctl(["del", &place]);
    etcdctl(["del", &format!("{namespace}{}", guard.entry())]);
    let why = within("the holder is told", SOON, guard.lost()).await;
    assert_eq!(why.kind(), ErrorKind::LockLost, "{why}");
    assert!(guard.is_lost());
    // A waiter learns it when it would have been its turn.
    let error = within("the waiter is told", SOON, waiting).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockLost, "{error}");
    let refused = registry.txn().check_held(&guard).put("/stale", "1").commit().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConditionFailed);
    guard.release().await.expect("there is nothing left to release");
    registry.try_lock("/job").await.unwrap().release().await.unwrap();
}
