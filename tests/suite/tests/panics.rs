//! A plugin that panics (contract 7.2): the call that it happens in fails, with the panic's message, and all else goes
//! on.

use std::sync::LazyLock;

use futures_util::{FutureExt, future::join_all};
use registry_host::{Capability, Error, ErrorKind, Outcome, Plugin, Registry, Result, Scope};
use registry_suite::{Logs, SOON, beside, eventually, settings, wait_until, within};

/// The subscriber of this process.
static LOGS: LazyLock<Logs> = LazyLock::new(Logs::install);

/// When a method panics, and how its message ends.
const WHEN: [(&str, &str); 3] =
    [("call", "panics at the call"), ("future", "panics in its future"), ("later", "panics after an await")];

async fn open(config: &[(&str, &str)]) -> Result<Registry> {
    LazyLock::force(&LOGS);
    let plugin = Plugin::load(beside().join("libfixture_panicking.so"), None)?;
    let settings = config.iter().fold(settings("panicking"), |settings, (name, when)| {
        settings.set_value(format!("registry.panicking.{name}"), *when)
    });
    Registry::connect(plugin, settings.set("registry.operation-timeout=2s").build()?).await
}

#[track_caller]
fn panicked<T: std::fmt::Debug>(answer: Result<T>, message: &str) -> Error {
    let error = answer.expect_err("the plugin panics");
    assert_eq!(error.kind(), ErrorKind::PluginPanicked, "{error}");
    assert!(error.message().contains(message), "{message:?} is not in {error}");
    assert_eq!(error.plugin(), Some("panicking"));
    error
}

/// Shows that calls of this registry are answered.
async fn goes_on(registry: &Registry) {
    assert_eq!(registry.get("/good").await.unwrap(), None);
    assert_eq!(registry.put("/good", "1").await.unwrap(), 1.into());
}

#[tokio::test]
async fn a_panic_in_a_call_fails_that_call_alone() {
    let registry = open(&[]).await.unwrap();
    for (when, end) in WHEN {
        let key = format!("/bad/{when}");
        let error = panicked(registry.get(&key).await, &format!("get {end}"));
        assert_eq!((error.operation(), error.key()), (Some("get"), Some(key.as_str())));
        panicked(registry.children(&key).await, &format!("children {end}"));
        panicked(registry.list(&key).await, &format!("list {end}"));
        let error = panicked(registry.put(&key, "1").await, &format!("commit {end}"));
        assert_eq!((error.operation(), error.outcome()), (Some("put"), Outcome::Unknown));
        panicked(registry.delete(&key).await, &format!("commit {end}"));
        panicked(registry.delete_recursive(&key).await, &format!("commit {end}"));
        panicked(registry.txn().put(&key, "1").put("/good", "1").commit().await, &format!("commit {end}"));
        panicked(registry.lock(&key).await, &format!("lock {end}"));
        panicked(registry.try_lock(&key).await, &format!("lock {end}"));
        panicked(registry.campaign(&key, "me").await, &format!("lock {end}"));
        goes_on(&registry).await;
    }
    registry.close().await.unwrap();
}

#[tokio::test]
async fn calls_beside_one_that_panics_are_answered() {
    let registry = open(&[]).await.unwrap();
    let calls = (0..300).map(|number| {
        let registry = registry.clone();
        tokio::spawn(async move {
            match number % 3 {
                0 => drop(panicked(registry.get("/bad/later").await, "get panics after an await")),
                _ => goes_on(&registry).await,
            }
        })
    });
    for answered in join_all(calls).await {
        answered.unwrap();
    }
}

#[tokio::test]
async fn a_panic_in_a_watch_ends_that_watch_alone() {
    let registry = open(&[]).await.unwrap();
    let mut good = registry.watch("/good", Scope::Subtree).await.unwrap();
    good.next().await.unwrap().unwrap();
    for (when, end) in [WHEN[0], WHEN[1]] {
        panicked(registry.watch(&format!("/bad/{when}"), Scope::Node).await, &format!("watch {end}"));
    }
    // It is told of when it comes after the first state.
    let mut watch = registry.watch("/bad/later", Scope::Subtree).await.unwrap();
    let error = eventually("the watch fails", SOON, async || watch.next().await.unwrap().err()).await;
    panicked::<()>(Err(error), "watch panics after an await");
    assert!(watch.next().await.is_none(), "it has ended");
    assert!(good.next().now_or_never().is_none(), "the other is still open");
    goes_on(&registry).await;
}

#[tokio::test]
async fn a_panic_in_a_futures_drop_stays_inside() {
    let registry = open(&[]).await.unwrap();
    let key = "/bad/drop";
    assert!(registry.get(key).now_or_never().is_none());
    assert!(registry.children(key).now_or_never().is_none());
    assert!(registry.list(key).now_or_never().is_none());
    assert!(registry.put(key, "1").into_future().now_or_never().is_none());
    assert!(registry.lock(key).into_future().now_or_never().is_none());
    for method in ["get", "children", "list", "commit", "lock"] {
        let text = format!("{method} panics in its drop");
        wait_until(&text, SOON, || !LOGS.with(&text).is_empty()).await;
    }
    goes_on(&registry).await;
}

#[tokio::test]
async fn a_panic_in_a_watchs_drop_stays_inside() {
    let registry = open(&[]).await.unwrap();
    drop(registry.watch("/bad/drop", Scope::Node).await.unwrap());
    wait_until("the panic is told", SOON, || !LOGS.with("watch panics in its drop").is_empty()).await;
    goes_on(&registry).await;
}

#[tokio::test]
async fn a_panic_in_connect_is_the_error_of_opening() {
    for (when, end) in WHEN {
        let error = panicked(open(&[("connect", when)]).await, &format!("connect {end}"));
        assert_eq!(error.operation(), Some("open"));
    }
    // A future that is dropped half-way.
    let opening = open(&[("connect", "drop")]);
    assert!(opening.now_or_never().is_none());
    wait_until("the panic is told", SOON, || !LOGS.with("connect panics in its drop").is_empty()).await;
    goes_on(&open(&[]).await.unwrap()).await;
}

#[tokio::test]
async fn a_panic_in_server_is_the_error_of_that_call() {
    for (when, end) in WHEN {
        let registry = open(&[("server", when)]).await.unwrap();
        panicked(registry.server().await, &format!("server {end}"));
        goes_on(&registry).await;
    }
}

#[tokio::test]
async fn a_panic_in_capabilities_takes_them_all_away() {
    let registry = open(&[("capabilities", "call")]).await.unwrap();
    for capability in Capability::ALL {
        let promise = registry.capabilities().instead_of(capability).expect("it is lacking");
        assert!(promise.contains("capabilities panics at the call"), "{promise}");
    }
    // The plugin's claims are read before anything is opened.
    let claims = &registry.plugin().metadata().lacking;
    assert_eq!(claims.len(), Capability::ALL.len());
    assert!(claims.iter().all(|(_, promise)| promise.contains("claims panics at the call")), "{claims:?}");
    goes_on(&registry).await;
}

#[tokio::test]
async fn a_panic_in_close_fails_and_closes() {
    for (when, end) in WHEN {
        let registry = open(&[("close", when)]).await.unwrap();
        panicked(registry.close().await, &format!("close {end}"));
        assert_eq!(registry.get("/good").await.unwrap_err().kind(), ErrorKind::Closed);
    }
    let registry = open(&[("close", "drop")]).await.unwrap();
    let error = within("closing ends by its deadline", SOON, registry.close()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::Unknown), "{error}");
    wait_until("the panic is told", SOON, || !LOGS.with("close panics in its drop").is_empty()).await;
    goes_on(&open(&[]).await.unwrap()).await;
}

#[tokio::test]
async fn a_panic_in_a_background_task_ends_that_task_alone() {
    let registry = open(&[("task", "future")]).await.unwrap();
    wait_until("the panic is told", SOON, || !LOGS.with("task panics in its future").is_empty()).await;
    goes_on(&registry).await;
}

#[tokio::test]
async fn a_panic_in_the_connections_drop_stays_inside() {
    for closes in [true, false] {
        let told = || LOGS.with("the connection panics in its drop").len();
        let before = told();
        let registry = open(&[("backend", "drop")]).await.unwrap();
        // What outlives the handle must not be the one to be hit.
        let watch = registry.watch("/good", Scope::Node).await.unwrap();
        let guard = registry.lock("/good").await.unwrap();
        if closes {
            registry.close().await.unwrap();
        }
        drop(registry);
        drop(watch);
        drop(guard);
        wait_until("the panic is told", SOON, || told() > before).await;
    }
    goes_on(&open(&[]).await.unwrap()).await;
}

#[tokio::test]
async fn a_panic_in_unlock_is_told_and_unlocking_tried_again() {
    let registry = open(&[]).await.unwrap();
    let guard = registry.lock("/good/unlock").await.unwrap();
    let error = within("releasing ends by its deadline", SOON, guard.release()).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, Some("release")), "{error}");
    wait_until("it is tried again", SOON, || LOGS.with("unlock panics at the call").len() > 1).await;
    goes_on(&registry).await;
}
