//! Several plugins in one process: loaded once each, side by side, never unloaded.

use std::{fs, os::unix::fs::symlink, thread};

use registry_host::{Plugin, Registry, Settings};

use crate::support::{Folder, built, fixture, memory, refused};

#[test]
fn two_plugins_are_loaded_into_one_process() {
    let load = |name| Plugin::named(name, &[built()], None).unwrap();
    let (memory, etcd) = (load("memory"), load("etcd"));
    assert_eq!((memory.name(), etcd.name()), ("memory", "etcd"));
    assert!(memory.file().unwrap().ends_with("libregistry_memory.so"));
    assert!(etcd.metadata().keys.iter().any(|key| key.name == "endpoints"));
    assert_eq!(memory.api_version(), etcd.api_version());
}

#[test]
fn a_file_is_loaded_once_whatever_it_is_called() {
    let folder = Folder::new();
    let file = folder.install("libregistry_memory.so", &memory());
    let (link, hard_link) = (folder.path().join("link.so"), folder.path().join("hard-link.so"));
    symlink(&file, &link).unwrap();
    fs::hard_link(&file, &hard_link).unwrap();
    let plugin = Plugin::load(&file, None).unwrap();
    for other in [&file, &link, &hard_link] {
        assert_eq!(Plugin::load(other, None).unwrap(), plugin);
    }
}

#[test]
fn threads_that_load_one_file_at_once_get_one_plugin() {
    let folder = Folder::new();
    let file = folder.install("libregistry_memory.so", &memory());
    let load = || Plugin::load(&file, None).unwrap();
    let plugins: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(plugins.iter().all(|plugin| *plugin == plugins[0]));
}

#[tokio::test]
async fn a_new_version_is_loaded_beside_the_old() {
    let folder = Folder::new();
    let open = |plugin| Registry::connect(plugin, Settings::builder().set("registry.type=memory").build().unwrap());
    let file = folder.install("libregistry_memory.so", &memory());
    let old = Plugin::load(&file, None).unwrap();
    let held = open(old.clone()).await.unwrap();
    held.put("/a", "old").await.unwrap();

    folder.install("libregistry_memory.so", &memory());
    let new = Plugin::load(&file, None).unwrap();
    assert_ne!(new, old);
    // Each has its own statics, and with them its own tree.
    assert_eq!(open(new.clone()).await.unwrap().get("/a").await.unwrap(), None);
    assert_eq!(held.get("/a").await.unwrap().unwrap().value, "old");
    assert_eq!(Plugin::load(&file, None).unwrap(), new);

    folder.install("libregistry_memory.so", &fixture("panicking"));
    assert_eq!(Plugin::load(&file, None).unwrap().name(), "panicking");
}

#[test]
fn an_overwritten_file_is_not_the_loaded_one() {
    let folder = Folder::new();
    let file = folder.install("libregistry_memory.so", &memory());
    Plugin::load(&file, None).unwrap();
    // Touched rather than written: a mapped library that is written over may end the process.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(10);
    fs::File::options().append(true).open(&file).unwrap().set_modified(later).unwrap();
    let text = refused(&file, Plugin::load(&file, None));
    assert!(text.starts_with("it was written over while this process has it loaded"), "{text}");
}

#[test]
fn a_plugin_of_the_configured_digest_is_loaded() {
    let file = memory();
    let digest = refused(&file, Plugin::load(&file, Some(&[0; 32])));
    let digest = digest.strip_prefix("its SHA-256 is ").unwrap().split(',').next().unwrap();
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digest[at..at + 2], 16).unwrap();
    }
    assert_eq!(Plugin::load(&file, Some(&bytes)).unwrap().name(), "memory");
}

#[tokio::test]
async fn a_plugin_of_a_newer_minor_is_loaded_and_called() {
    let plugin = Plugin::load(fixture("newer_minor"), None).unwrap();
    assert_eq!((plugin.name(), plugin.api_version()), ("newer-minor", "1.5.0"));
    let settings = Settings::builder().set("registry.type=newer-minor").build().unwrap();
    let error = Registry::connect(plugin, settings).await.unwrap_err();
    assert!(error.to_string().contains("there is nothing to connect to"), "{error}");
}
