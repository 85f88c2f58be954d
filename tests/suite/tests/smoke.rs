//! The shortest way through everything.

use registry_host::{Event, Plugin, Registry, Scope, Settings};

#[tokio::test]
async fn a_loaded_plugin_answers() {
    let dir = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let settings = Settings::builder().plugin_dir(dir).set("registry.type=memory").build().unwrap();
    let registry = Registry::open(settings).await.unwrap();
    println!("{registry:?} {:?}", registry.server().await);
    let version = registry.put("/a/b", "hello").await.unwrap();
    let entry = registry.get("/a/b").await.unwrap().unwrap();
    assert_eq!((entry.version, &entry.value[..]), (version, &b"hello"[..]));
    let mut watch = registry.watch("/a", Scope::Subtree).await.unwrap();
    loop {
        let event = watch.next().await.unwrap().unwrap();
        println!("{event:?}");
        if event == Event::Synced {
            break;
        }
    }
    println!("{:?}", registry.delete("/a").await.unwrap_err());
    assert_eq!(registry.delete_recursive("/a").await.unwrap(), 2);
    registry.close().await.unwrap();
    println!("{:?}", registry.get("/a").await.unwrap_err());
}

#[tokio::test]
async fn a_linked_plugin_answers() {
    let plugin = Plugin::linked(registry_memory::linked_plugin()).unwrap();
    let settings = Settings::builder().set("registry.type=memory").build().unwrap();
    let registry = Registry::connect(plugin, settings).await.unwrap();
    registry.put("/a/b", "hello").await.unwrap();
}
