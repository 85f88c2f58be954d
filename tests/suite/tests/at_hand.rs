//! Answers that are at hand: given without a future. No subscriber may listen here, as with spans a call is answered
//! the other way.

use registry_host::{ErrorKind, Plugin, Registry};
use registry_suite::{beside, memory, open, settings};

#[tokio::test]
async fn a_panic_in_a_synchronous_answer_fails_one_call() {
    let plugin = Plugin::load(beside().join("libfixture_panicking.so"), None).expect("a plugin");
    let settings = settings("panicking").build().expect("settings");
    let registry = Registry::connect(plugin, settings).await.expect("a registry");
    let error = registry.get("/bad/at-hand").await.expect_err("it panics");
    assert_eq!(
        (error.kind(), error.operation(), error.key()),
        (ErrorKind::PluginPanicked, Some("get"), Some("/bad/at-hand"))
    );
    assert!(error.message().contains("get panics with the answer at hand"), "{error}");
    assert_eq!(registry.get("/good").await.expect("an answer"), None, "by the other way");
}

#[tokio::test]
async fn an_answer_at_hand_is_the_same_as_another() {
    let registry = open(memory()).await.expect("a registry");
    let version = registry.put("/a", "value").ephemeral().await.expect("a put");
    let entry = registry.get("/a").await.expect("an answer").expect("an entry");
    assert_eq!((&*entry.key, &entry.value[..], entry.version), ("/a", &b"value"[..], version));
    assert_eq!(registry.list("/a").await.expect("an answer"), [entry]);
    assert_eq!(registry.get("/b").await.expect("an answer"), None);
    registry.close().await.expect("a close");
    assert_eq!(registry.get("/a").await.map_err(|error| error.kind()), Err(ErrorKind::Closed));
}
