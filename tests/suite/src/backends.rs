//! Opening registries through the plugins that were built beside the test.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use registry_host::{Registry, Result, Settings, SettingsBuilder};
use registry_test_servers::{Etcd, Proxy, ZooKeeper};

/// The folder that Cargo puts libraries in, and the test's executable.
pub fn beside() -> PathBuf {
    let exe = std::env::current_exe().expect("the test's executable has a path");
    exe.parent().expect("it lies in a folder").to_owned()
}

/// A name that nothing else in this process has, such as for a namespace.
pub fn unique(name: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// The settings of a backend whose plugin lies beside the test, in a namespace of its own.
pub fn settings(registry_type: &str) -> SettingsBuilder {
    Settings::builder()
        .plugin_dir(beside())
        .set_value("registry.type", registry_type)
        .set_value("registry.namespace", unique("suite"))
}

/// The settings of a memory backend with a tree of its own.
pub fn memory() -> SettingsBuilder {
    settings("memory").set_value("registry.memory.name", unique("tree"))
}

/// The settings of an etcd backend.
pub fn etcd(server: &Etcd) -> SettingsBuilder {
    settings("etcd").set_value("registry.etcd.endpoints", server.endpoints().join(","))
}

/// The settings of a ZooKeeper backend.
pub fn zookeeper(server: &ZooKeeper) -> SettingsBuilder {
    settings("zookeeper").set_value("registry.zookeeper.connect-string", server.connect_string())
}

/// The settings of each shared server, by a way of their own.
///
/// # Panics
///
/// If a server can't be started.
pub fn proxied() -> [(SettingsBuilder, Proxy); 2] {
    let (on_etcd, on_zookeeper) =
        (Etcd::shared().expect("an etcd server"), ZooKeeper::shared().expect("a ZooKeeper server"));
    let to_etcd = Proxy::to(on_etcd.address()).expect("a proxy");
    let to_zookeeper = Proxy::to(on_zookeeper.address()).expect("a proxy");
    let connect_string = to_zookeeper.address().to_string();
    [
        (etcd(on_etcd).set_value("registry.etcd.endpoints", to_etcd.url()), to_etcd),
        (zookeeper(on_zookeeper).set_value("registry.zookeeper.connect-string", connect_string), to_zookeeper),
    ]
}

/// Opens a registry.
///
/// # Errors
///
/// As [`Registry::open`], and of settings that are refused.
pub async fn open(settings: SettingsBuilder) -> Result<Registry> {
    Registry::open(settings.build()?).await
}
