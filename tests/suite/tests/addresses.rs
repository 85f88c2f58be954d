//! Servers that are known by a name: it has several addresses, and they change.
//!
//! Names are looked up in `/etc/hosts`, which no test may change: each test runs once more in a process that has
//! another file there, in a mount namespace of its own. Where the system gives none, that is printed, and nothing is
//! proved.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use registry_host::{Registry, SessionState, SettingsBuilder};
use registry_suite::{Mirror, SOON, eventually, open, settings, wait_until};
use registry_test_servers::{Etcd, Proxy, ZooKeeper, mount_namespace};

const NAME: &str = "registry-servers.test";

/// Says to a process that it has a hosts file of its own, and where that lies.
const OWN_HOSTS: &str = "REGISTRY_TEST_HOSTS";

/// In the process that has it, the hosts file; in the first one nothing, once the other has run the test to its end.
fn own_hosts(test: &str) -> Option<PathBuf> {
    if let Some(hosts) = std::env::var_os(OWN_HOSTS) {
        return Some(hosts.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "").unwrap();
    let Some(mut again) = mount_namespace() else {
        eprintln!("{test} proves nothing here: the system gives no mount namespace");
        return None;
    };
    again.args(["sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#]).arg(&hosts);
    again.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(OWN_HOSTS, &hosts);
    let output = again.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    None
}

fn last(byte: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, byte).into()
}

/// What the name stands for from now on.
fn name(hosts: &PathBuf, addresses: &[u8]) {
    let lines: Vec<_> = addresses.iter().map(|byte| format!("{} {NAME}\n", last(*byte))).collect();
    // In its place: what is mounted is this very file.
    fs::write(hosts, format!("127.0.0.1 localhost\n{}", lines.concat())).unwrap();
}

async fn put(registry: &Registry, value: &str) {
    eventually("it is put", SOON * 2, async || match registry.put("/a", value).await {
        Ok(_) => Some(()),
        Err(error) if error.is_retryable() => None,
        Err(error) => panic!("{error}"),
    })
    .await;
}

/// A server moves from one address to the next; its name is all that its client knows.
async fn moves(hosts: PathBuf, server: SocketAddr, settings: impl Fn(String) -> SettingsBuilder) {
    let mut way = Proxy::at((last(2), 0).into(), server).unwrap();
    let port = way.address().port();
    name(&hosts, &[2]);
    let registry = open(settings(format!("{NAME}:{port}"))).await.unwrap();
    let id = registry.session().id();
    let mut mirror = Mirror::of(&registry, "/a").await;
    for byte in [3, 4] {
        let next = Proxy::at((last(byte), port).into(), server).unwrap();
        name(&hosts, &[byte]);
        // Nobody listens any more where it was.
        drop(std::mem::replace(&mut way, next));
        put(&registry, &byte.to_string()).await;
        mirror.until("the watch goes on", |mirror| mirror.has("/a", &byte.to_string())).await;
        wait_until("it is connected", SOON, || registry.session().state() == SessionState::Connected).await;
    }
    assert_eq!(registry.session().id(), id);
    registry.close().await.unwrap();
}

/// A name with three addresses, at one of which there is a server, and later at another.
async fn has_several(hosts: PathBuf, server: SocketAddr, settings: impl Fn(String) -> SettingsBuilder) {
    let way = Proxy::at((last(3), 0).into(), server).unwrap();
    let port = way.address().port();
    name(&hosts, &[2, 3, 4]);
    let registry = open(settings(format!("{NAME}:{port}"))).await.unwrap();
    let id = registry.session().id();
    put(&registry, "1").await;
    drop(way);
    let _way = Proxy::at((last(4), port).into(), server).unwrap();
    put(&registry, "2").await;
    assert_eq!(registry.session().id(), id);
    registry.close().await.unwrap();
}

fn etcd(server: String) -> SettingsBuilder {
    settings("etcd").set_value("registry.etcd.endpoints", server)
}

fn zookeeper(server: String) -> SettingsBuilder {
    settings("zookeeper").set_value("registry.zookeeper.connect-string", server)
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_is_followed_where_its_name_leads() {
    let Some(hosts) = own_hosts("etcd_is_followed_where_its_name_leads") else { return };
    let server = Etcd::start().unwrap();
    moves(hosts, server.address(), etcd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zookeeper_is_followed_where_its_name_leads() {
    let Some(hosts) = own_hosts("zookeeper_is_followed_where_its_name_leads") else { return };
    let server = ZooKeeper::start().unwrap();
    moves(hosts, server.address(), zookeeper).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_is_found_at_any_address_of_its_name() {
    let Some(hosts) = own_hosts("etcd_is_found_at_any_address_of_its_name") else { return };
    let server = Etcd::start().unwrap();
    has_several(hosts, server.address(), etcd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zookeeper_is_found_at_any_address_of_its_name() {
    let Some(hosts) = own_hosts("zookeeper_is_found_at_any_address_of_its_name") else { return };
    let server = ZooKeeper::start().unwrap();
    has_several(hosts, server.address(), zookeeper).await;
}
