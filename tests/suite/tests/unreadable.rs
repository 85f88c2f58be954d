//! Entries that may not be read (contract 1.5): passed over alike by every call and by each state of a watch, told
//! once, and never a reason to see nothing else. On ZooKeeper they have an access list, on etcd the user's role leaves
//! out a range.

use std::{sync::LazyLock, time::Duration};

use registry_host::{Error, ErrorKind, Registry, Scope, SettingsBuilder};
use registry_suite::{Logs, Mirror, SOON, etcd, eventually, open, unique, wait_until, within, zookeeper};
use registry_test_servers::{Etcd, Proxy, ZooKeeper};
use zookeeper_client::{Acls, Client, CreateMode};

const PASSWORD: &str = "correct-horse-battery";

/// The subscriber of this process: what was told how often.
static LOGS: LazyLock<Logs> = LazyLock::new(Logs::install);

/// An etcd with users.
static USERS: LazyLock<Etcd> =
    LazyLock::new(|| Etcd::builder().auth("keeper", PASSWORD).start().expect("an etcd server"));

/// The owner of what others may not read.
enum Owner {
    /// A client with a digest, at this path.
    ZooKeeper(Client, String),
    /// An administrator, and the role of the others.
    Etcd(Registry, String),
}

/// A registry of somebody who may not read everything.
struct Site {
    registry: Registry,
    owner: Owner,
    way: Proxy,
}

impl Site {
    async fn each() -> [Site; 2] {
        [Site::zookeeper().await, Site::etcd().await]
    }

    async fn zookeeper() -> Site {
        LazyLock::force(&LOGS);
        let server = ZooKeeper::shared().expect("a ZooKeeper server");
        let way = Proxy::to(server.address()).expect("a proxy");
        let settings = zookeeper(server).set_value("registry.zookeeper.connect-string", way.address().to_string());
        let registry = open(settings).await.expect("a registry");
        let client = server.client().await.expect("a client");
        client.auth("digest", format!("owner:{PASSWORD}").as_bytes()).await.expect("a digest");
        let owner = Owner::ZooKeeper(client, format!("/{}", registry.namespace()));
        Site { registry, owner, way }
    }

    async fn etcd() -> Site {
        LazyLock::force(&LOGS);
        let (name, namespace) = (unique("reader"), unique("unreadable"));
        let way = Proxy::to(USERS.address()).expect("a proxy");
        let of = |user: &str| -> SettingsBuilder {
            let settings = etcd(&USERS).set_value("registry.namespace", &namespace);
            settings.set_value("registry.etcd.user", user).set_value("registry.etcd.password", PASSWORD)
        };
        for arguments in [
            ["user", "add", &format!("{name}:{PASSWORD}")].as_slice(),
            &["role", "add", &name],
            &["role", "grant-permission", &name, "readwrite", &format!("{namespace}/"), &format!("{namespace}0")],
            &["user", "grant-role", &name, &name],
        ] {
            USERS.etcdctl(arguments).expect("etcdctl makes the user");
        }
        let registry = open(of(&name).set_value("registry.etcd.endpoints", way.url())).await.expect("a registry");
        let owner = Owner::Etcd(open(of("keeper")).await.expect("a registry"), name);
        Site { registry, owner, way }
    }

    /// Writes as the owner; on ZooKeeper a new entry may be read by all.
    async fn write(&self, key: &str, value: &str) {
        match &self.owner {
            Owner::ZooKeeper(client, root) => {
                let path = format!("{root}{key}");
                let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
                match client.create(&path, value.as_bytes(), &options).await {
                    Ok(_) => {}
                    Err(zookeeper_client::Error::NodeExists) => {
                        client.set_data(&path, value.as_bytes(), None).await.expect("a write");
                    }
                    // Together with what is missing above it.
                    Err(zookeeper_client::Error::NoNode) => drop(self.registry.put(key, value).await.expect("a put")),
                    Err(error) => panic!("{path}: {error}"),
                }
            }
            Owner::Etcd(registry, _) => drop(registry.put(key, value).await.expect("a put")),
        }
    }

    /// From now on the registry may not read this entry, or may again; on etcd with all below it, and one such entry at
    /// a time.
    async fn forbid(&self, key: &str, forbidden: bool) {
        match &self.owner {
            Owner::ZooKeeper(client, root) => {
                let acls = if forbidden { Acls::creator_all() } else { Acls::anyone_all() };
                client.set_acl(&format!("{root}{key}"), &acls, None).await.expect("an access list");
            }
            Owner::Etcd(_, role) => {
                let namespace = self.registry.namespace();
                let [start, end] = [format!("{namespace}/"), format!("{namespace}0")];
                let [from, to] = [format!("{namespace}{key}"), format!("{namespace}{key}0")];
                let (all, parts) = ([[&start, &end]], [[&start, &from], [&to, &end]]);
                let (granted, revoked): (&[_], &[_]) = if forbidden { (&parts, &all) } else { (&all, &parts) };
                for [start, end] in revoked {
                    USERS.etcdctl(["role", "revoke-permission", role, start, end]).expect("a revocation");
                }
                for [start, end] in granted {
                    USERS.etcdctl(["role", "grant-permission", role, "readwrite", start, end]).expect("a grant");
                }
            }
        }
    }

    fn is_etcd(&self) -> bool {
        matches!(self.owner, Owner::Etcd(..))
    }

    /// Breaks the connection, and waits until the watch has told its state again.
    async fn resync(&self, mirror: &mut Mirror) {
        let before = mirror.synced;
        self.way.reset();
        mirror.until("synced again", |mirror| mirror.synced > before).await;
    }
}

#[track_caller]
fn denied<T: std::fmt::Debug>(answer: Result<T, Error>, key: &str) {
    let error = answer.expect_err(key);
    assert_eq!((error.kind(), error.key()), (ErrorKind::PermissionDenied, Some(key)), "{error}");
    assert!(error.to_string().contains(key) && !error.is_retryable(), "{error:?}");
}

fn keys(mirror: &Mirror) -> Vec<&str> {
    mirror.state.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn every_call_and_watch_state_passes_it_over() {
    for site in Site::each().await {
        let registry = &site.registry;
        let mut early = Mirror::of(registry, "/t").await;
        registry.put("/t/a", "1").await.unwrap();
        for key in ["/t/hidden", "/t/hidden/below"] {
            site.write(key, "1").await;
        }
        site.forbid("/t/hidden", true).await;

        // The first state of a watch, and what follows.
        let mut mirror = Mirror::of(registry, "/t").await;
        let mut children = Mirror::covering(registry, "/t", Scope::Children).await;
        let mut root = Mirror::of(registry, "/").await;
        assert_eq!((keys(&mirror), keys(&children)), (vec!["/t", "/t/a"], vec!["/t/a"]));
        for key in ["/t/hidden", "/t/hidden/below", "/t/hidden/later"] {
            site.write(key, "2").await;
        }
        registry.put("/t/b", "1").await.unwrap();
        for mirror in [&mut mirror, &mut root] {
            mirror.until("what may be read is told", |mirror| mirror.has("/t/b", "1")).await;
            assert_eq!(keys(mirror), ["/t", "/t/a", "/t/b"]);
        }
        children.until("what may be read is told", |mirror| mirror.has("/t/b", "1")).await;
        assert_eq!(keys(&children), ["/t/a", "/t/b"]);
        site.resync(&mut mirror).await;
        assert_eq!(keys(&mirror), ["/t", "/t/a", "/t/b"]);
        registry.put("/t/b", "2").await.unwrap();
        for mirror in [&mut mirror, &mut children, &mut early] {
            mirror.until("the watch goes on", |mirror| mirror.has("/t/b", "2")).await;
            let hidden = |mirror: &Mirror| mirror.state.keys().any(|key| key.starts_with("/t/hidden"));
            mirror.until("what may not be read any more is gone", |mirror| !hidden(mirror)).await;
        }

        // Calls that meet it by the way, and those that ask for it.
        let listed = registry.list("/t").await.unwrap();
        assert_eq!(listed.iter().map(|entry| &*entry.key).collect::<Vec<_>>(), ["/t", "/t/a", "/t/b"]);
        let named: &[&str] = if site.is_etcd() { &["a", "b"] } else { &["a", "b", "hidden"] };
        assert_eq!(registry.children("/t").await.unwrap(), named, "ZooKeeper names it");
        denied(registry.get("/t/hidden").await, "/t/hidden");
        denied(registry.list("/t/hidden").await, "/t/hidden");
        denied(registry.children("/t/hidden").await, "/t/hidden");
        for scope in [Scope::Node, Scope::Children, Scope::Subtree] {
            denied(registry.watch("/t/hidden", scope).await.map(drop), "/t/hidden");
        }

        let told = || LOGS.with("passed over").iter().filter(|line| told_of(line, &site)).count();
        wait_until("it is told", SOON, || told() > 0).await;
        registry.list("/t").await.unwrap();
        drop(Mirror::of(registry, "/t").await);
        assert_eq!(told(), 1, "{:?}", LOGS.with("passed over"));
    }
}

/// Whether a line warns of the hidden entry of a site: the namespace, which etcd's line has, is no other site's.
fn told_of(line: &str, site: &Site) -> bool {
    let range = format!("{}/t/hidden", site.registry.namespace());
    line.starts_with("WARN") && if site.is_etcd() { line.contains(&range) } else { line.contains("key=/t/hidden ") }
}

#[tokio::test]
async fn new_permissions_show_in_the_next_watch_state() {
    for site in Site::each().await {
        for key in ["/t/x", "/t/x/below"] {
            site.write(key, "1").await;
        }
        site.forbid("/t/x", true).await;
        let mut mirror = Mirror::of(&site.registry, "/t").await;
        site.forbid("/t/x", false).await;
        site.resync(&mut mirror).await;
        assert_eq!(keys(&mirror), ["/t", "/t/x", "/t/x/below"]);
        site.forbid("/t/x", true).await;
        site.resync(&mut mirror).await;
        assert_eq!(keys(&mirror), ["/t"]);
    }
}

#[tokio::test]
async fn on_zookeeper_new_permissions_show_at_the_next_change() {
    let site = Site::zookeeper().await;
    for key in ["/t/x", "/t/x/below"] {
        site.write(key, "1").await;
    }
    site.forbid("/t/x", true).await;
    let mut mirror = Mirror::of(&site.registry, "/t").await;
    site.forbid("/t/x", false).await;
    site.write("/t/x", "2").await;
    mirror.until("it is told, and what is below it", |mirror| mirror.has("/t/x/below", "1")).await;
    assert!(mirror.has("/t/x", "2"));
    // Only servers that tell of what may not be read tell of this change: newer ones (3.8.4, 3.9.2) don't.
    site.forbid("/t/x", true).await;
    site.write("/t/x", "3").await;
    site.registry.put("/t/y", "1").await.unwrap();
    mirror.until("what may be read is told", |mirror| mirror.has("/t/y", "1")).await;
    site.resync(&mut mirror).await;
    assert_eq!(keys(&mirror), ["/t", "/t/y"]);
}

#[tokio::test]
async fn a_watch_of_the_unreadable_entry_itself_ends() {
    for site in Site::each().await {
        site.write("/t", "1").await;
        site.write("/t/below", "1").await;
        let mut mirrors = Vec::new();
        for scope in [Scope::Node, Scope::Children, Scope::Subtree] {
            mirrors.push(Mirror::covering(&site.registry, "/t", scope).await);
        }
        site.forbid("/t", true).await;
        site.way.reset();
        for mirror in &mut mirrors {
            let ended = async || mirror.watch().next().await.expect("it tells why it ends").err();
            denied::<()>(Err(eventually("the watch ends", SOON, ended).await), "/t");
        }
        denied(site.registry.watch("/t", Scope::Subtree).await.map(drop), "/t");
    }
}

#[tokio::test]
async fn on_zookeeper_it_is_a_child_and_deleted_with_ancestors() {
    let site = Site::zookeeper().await;
    let registry = &site.registry;
    for key in ["/t/a", "/t/x", "/t/x/below", "/u", "/u/x"] {
        site.write(key, "1").await;
    }
    for key in ["/t/x", "/u/x"] {
        site.forbid(key, true).await;
    }
    assert_eq!(registry.delete("/u").await.unwrap_err().kind(), ErrorKind::HasChildren);
    assert_eq!(registry.put("/u", "").ephemeral().await.unwrap_err().kind(), ErrorKind::HasChildren);
    assert_eq!(registry.delete_recursive("/u").await.unwrap(), 2, "what may be deleted need not be read");
    let error = registry.delete_recursive("/t").await.unwrap_err();
    assert!(error.to_string().contains("0 entries were"), "{error}");
    denied(Err::<(), _>(error), "/t/x");
    assert!(registry.get("/t/a").await.unwrap().is_some() && registry.get("/t/x/below").await.unwrap().is_some());
    // A user who may read it deletes it.
    site.forbid("/t/x", false).await;
    assert_eq!(registry.delete_recursive("/t").await.unwrap(), 4);
}

#[tokio::test]
async fn on_etcd_nothing_unreadable_is_deleted() {
    let site = Site::etcd().await;
    let registry = &site.registry;
    for key in ["/t/a", "/t/x"] {
        site.write(key, "1").await;
    }
    site.forbid("/t/x", true).await;
    denied(registry.delete("/t").await, "/t");
    denied(registry.put("/t", "").ephemeral().await, "/t");
    denied(registry.delete_recursive("/t").await, "/t");
    assert_eq!(registry.list("/t").await.unwrap().len(), 2, "nothing went");
    assert_eq!(registry.delete("/t/a").await.unwrap(), 1);
}

#[tokio::test]
async fn a_check_of_it_never_holds_by_mistake() {
    for site in Site::each().await {
        let registry = &site.registry;
        site.write("/t/x", "1").await;
        let version = registry.get("/t/x").await.unwrap().unwrap().version;
        site.forbid("/t/x", true).await;
        let absent = registry.txn().check_absent("/t/x").put("/t/done", "").commit().await.unwrap_err();
        // ZooKeeper 3.8 says of everything whether it is there, 3.9.5 doesn't.
        let refused = matches!(absent.kind(), ErrorKind::PermissionDenied | ErrorKind::ConditionFailed);
        assert!(refused && absent.key() == Some("/t/x"), "{absent:?}");
        denied(registry.txn().check_present("/t/x").put("/t/done", "").commit().await, "/t/x");
        denied(registry.txn().check_version("/t/x", version).put("/t/done", "").commit().await, "/t/x");
        assert_eq!(registry.get("/t/done").await.unwrap(), None);
        match registry.exists("/t/x").await {
            Err(error) => assert_eq!((error.kind(), absent.kind()), (ErrorKind::PermissionDenied, error.kind())),
            exists => assert!(exists.unwrap(), "it is there"),
        }
    }
}

#[tokio::test]
async fn on_zookeeper_no_lock_passes_an_unreadable_queue_entry() {
    let site = Site::zookeeper().await;
    let Owner::ZooKeeper(client, root) = &site.owner else { unreachable!("it is ZooKeeper") };
    site.write("/lock", "").await;
    let options = CreateMode::EphemeralSequential.with_acls(Acls::creator_all());
    let (_, number) = client.create(&format!("{root}/lock/_c_other-lock-"), b"", &options).await.unwrap();
    let other = format!("{root}/lock/_c_other-lock-{number}");
    assert_eq!(site.registry.try_lock("/lock").await.unwrap_err().kind(), ErrorKind::NotAcquired);
    let limited = site.registry.lock("/lock").within(Duration::from_millis(700)).await;
    assert_eq!(limited.unwrap_err().kind(), ErrorKind::NotAcquired);
    let registry = site.registry.clone();
    let waiting = tokio::spawn(async move { registry.lock("/lock").await });
    let queued = async || (client.list_children(&format!("{root}/lock")).await.unwrap().len() == 2).then_some(());
    eventually("it waits", SOON, queued).await;
    wait_until("it is told what is waited for", SOON, || !LOGS.with("queue entry before may not be read").is_empty())
        .await;
    assert!(!waiting.is_finished());
    client.delete(&other, None).await.unwrap();
    let guard = within("the lock is acquired", SOON, waiting).await.unwrap().unwrap();
    guard.release().await.unwrap();
}

#[tokio::test]
async fn on_etcd_a_partly_unreadable_lock_queue_is_denied() {
    let site = Site::etcd().await;
    site.write("/lock", "").await;
    site.forbid("/lock/f", true).await;
    denied(site.registry.lock("/lock").within(Duration::from_secs(5)).await, "/lock");
    denied(site.registry.try_lock("/lock").await, "/lock");
    site.forbid("/lock/f", false).await;
    site.registry.try_lock("/lock").await.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn an_ephemeral_that_somebody_took_over_unread_is_reported() {
    let site = Site::zookeeper().await;
    let Owner::ZooKeeper(client, root) = &site.owner else { unreachable!("it is ZooKeeper") };
    let mut reports = site.registry.ephemerals();
    site.registry.put("/t/mine", "1").ephemeral().await.unwrap();
    let path = format!("{root}/t/mine");
    let mut taken = client.new_multi_writer();
    taken.add_delete(&path, None).unwrap();
    taken.add_create(&path, b"theirs", &CreateMode::Ephemeral.with_acls(Acls::creator_all())).unwrap();
    taken.commit().await.unwrap();
    let report = within("a report", SOON * 2, reports.next()).await;
    let Some(registry_host::EphemeralEvent::Refused { key, error }) = report else { panic!("{report:?}") };
    assert_eq!((&*key, error.kind()), ("/t/mine", ErrorKind::PermissionDenied));
}
