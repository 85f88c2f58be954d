//! Every call ends by its deadline, whatever the plugin does (contract 4.5).

use std::time::Duration;

use registry_host::{Error, ErrorKind, Outcome, Plugin, Registry, Scope};
use registry_suite::{SOON, beside, plugin_threads, settings, wait_until, within};
use tokio::sync::Mutex;

/// All connections share the thread that is blocked, so that the tests take turns.
static TURN: Mutex<()> = Mutex::const_new(());

async fn open() -> Registry {
    let loaded = Plugin::load(beside().join("libfixture_blocking.so"), None).unwrap();
    let settings =
        settings("blocking").set("registry.operation-timeout=300ms").set("registry.blocking.worker-threads=1");
    Registry::connect(loaded, settings.build().unwrap()).await.unwrap()
}

/// Every call that has a deadline.
async fn time_out(registry: &Registry) -> Vec<Error> {
    let key = "/never";
    let all = async {
        tokio::join!(
            async { registry.get(key).await.map(drop) },
            async { registry.children(key).await.map(drop) },
            async { registry.list(key).await.map(drop) },
            async { registry.put(key, "1").await.map(drop) },
            async { registry.delete(key).await.map(drop) },
            async { registry.txn().put(key, "1").delete("/other").commit().await.map(drop) },
            async { registry.lock("/lock/never").within(Duration::from_millis(100)).await.map(drop) },
            async { registry.try_lock("/lock/never").await.map(drop) },
        )
    };
    let (get, children, list, put, delete, txn, lock, try_lock) = within("all end by their deadlines", SOON, all).await;
    [get, children, list, put, delete, txn, lock, try_lock].map(|answer| answer.expect_err("nobody answers")).into()
}

#[tokio::test]
async fn the_plugin_ends_calls_that_never_wake() {
    let _turn = TURN.lock().await;
    let registry = open().await;
    for error in time_out(&registry).await {
        let kinds = [ErrorKind::Timeout, ErrorKind::NotAcquired];
        assert!(kinds.contains(&error.kind()), "{error}");
        assert!(!error.message().contains("the plugin gave no answer"), "{error}");
    }
    let error = registry.watch("/never", Scope::Subtree).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let error = within("closing ends", SOON, registry.close()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::Unknown), "{error}");
}

#[tokio::test]
async fn the_host_ends_calls_to_blocked_plugins() {
    let _turn = TURN.lock().await;
    let registry = open().await;
    let guard = registry.lock("/lock/had").await.unwrap();
    let other = registry.lock("/lock/other").await.unwrap();
    registry.get("/block").await.unwrap();
    for error in time_out(&registry).await {
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.message().contains("the plugin gave no answer"), "{error}");
        let reads = matches!(error.operation(), Some("get" | "children" | "list"));
        let outcome = if reads { Outcome::NotApplied } else { Outcome::Unknown };
        assert_eq!(error.outcome(), outcome, "{error:?}");
    }
    let error = within("a watch ends", SOON, registry.watch("/never", Scope::Subtree)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let error = within("asking the server ends", SOON, registry.server()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let error = within("a release ends", SOON, guard.release()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::Unknown), "{error}");
    let error = within("closing ends", SOON, registry.close()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::Unknown), "{error}");
    // Dropping waits for nothing. Once its threads go on, the plugin ends all by itself.
    drop((other, registry));
    open().await.get("/free").await.unwrap();
    wait_until("the plugin rests", SOON, || plugin_threads("blocking") == 0).await;
}
