//! What a host sees of its registries: metrics, spans, and the plugins' log lines and panics.

use std::{sync::LazyLock, time::Duration};

use futures_util::FutureExt;
use metrics_util::{
    MetricKind,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};
use registry_host::{ErrorKind, Outcome, Plugin, Registry, Scope, SessionId, SessionState};
use registry_suite::{
    Logs, Mirror, SOON, beside, etcd, eventually, memory, open, proxied, settings, wait_until, within, zookeeper,
};
use registry_test_servers::{Etcd, Proxy, ZooKeeper};
use tokio::sync::Mutex;

/// The subscriber of this process.
static LOGS: LazyLock<Logs> = LazyLock::new(Logs::install);

/// The recorder of this process. It counts what any registry does, so that the tests take turns.
static METRICS: LazyLock<Mutex<Snapshotter>> = LazyLock::new(|| {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().expect("there is no other recorder");
    Mutex::new(snapshotter)
});

/// What was counted or measured with these labels since the last look: how often.
fn count(seen: &[(String, Vec<String>, usize)], name: &str, labels: &[&str]) -> usize {
    let found = seen
        .iter()
        .filter(|(found, has, _)| found == name && labels.iter().all(|label| has.iter().any(|has| has == label)));
    found.map(|(_, _, count)| count).sum()
}

fn look(snapshotter: &Snapshotter) -> Vec<(String, Vec<String>, usize)> {
    let all = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let (kind, key) = key.into_parts();
        let count = match (kind, value) {
            (MetricKind::Counter, DebugValue::Counter(count)) => usize::try_from(count).expect("it is small"),
            // Nobody counts these.
            (MetricKind::Gauge, DebugValue::Gauge(_)) => 0,
            (MetricKind::Histogram, DebugValue::Histogram(measured)) => {
                assert!(measured.iter().all(|seconds| (0.0..60.0).contains(&seconds.into_inner())));
                measured.len()
            }
            other => panic!("{other:?} is neither counter nor histogram"),
        };
        let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        (key.name().to_owned(), labels, count)
    });
    all.collect()
}

#[tokio::test]
async fn calls_are_counted_and_measured_by_operation_backend_and_result() {
    let snapshotter = METRICS.lock().await;
    let (on_etcd, on_zookeeper) = (etcd(Etcd::shared().unwrap()), zookeeper(ZooKeeper::shared().unwrap()));
    for (backend, settings) in [("memory", memory()), ("etcd", on_etcd), ("zookeeper", on_zookeeper)] {
        look(&snapshotter);
        let registry = open(settings).await.unwrap();
        for _ in 0..3 {
            registry.put("/a", "1").await.unwrap();
            registry.get("/a").await.unwrap();
        }
        registry.put("/a", "2").if_absent().await.unwrap_err();
        registry.children("/none").await.unwrap_err();
        registry.list("/a").await.unwrap();
        registry.txn().check_present("/a").put("/b", "1").commit().await.unwrap();
        drop(registry.watch("/a", Scope::Node).await.unwrap());
        let guard = registry.lock("/lock").await.unwrap();
        registry.try_lock("/lock").await.unwrap_err();
        guard.release().await.unwrap();
        registry.campaign("/lead", "me").await.unwrap().release().await.unwrap();
        registry.delete("/b").await.unwrap();
        registry.delete_recursive("/a").await.unwrap();
        registry.server().await.unwrap();
        // What is refused before it is sent, or dropped, is not a call.
        registry.get("no key").await.unwrap_err();
        registry.close().await.unwrap();
        let seen = look(&snapshotter);
        for (operation, result, times) in [
            ("open", "ok", 1),
            ("put", "ok", 3),
            ("put", "ConditionFailed", 1),
            ("get", "ok", 3),
            ("get", "InvalidKey", 0),
            ("children", "NotFound", 1),
            ("list", "ok", 1),
            ("txn", "ok", 1),
            ("watch", "ok", 1),
            ("lock", "ok", 1),
            ("try_lock", "NotAcquired", 1),
            ("campaign", "ok", 1),
            ("release", "ok", 2),
            ("delete", "ok", 1),
            ("delete_recursive", "ok", 1),
            ("server", "ok", 1),
            ("close", "ok", 1),
        ] {
            let labels = [format!("operation={operation}"), format!("backend={backend}"), format!("result={result}")];
            let labels = labels.each_ref().map(String::as_str);
            assert_eq!(count(&seen, "registry_operations_total", &labels), times, "{labels:?} in {seen:?}");
            let all = count(&seen, "registry_operations_total", &labels[..2]);
            let measured = count(&seen, "registry_operation_duration_seconds", &labels[..2]);
            assert_eq!(measured, all, "each is measured: {operation}");
        }
    }
}

#[tokio::test]
async fn every_call_is_a_span_with_its_fields() {
    LazyLock::force(&LOGS);
    let _turn = METRICS.lock().await;
    let registry = open(memory()).await.unwrap();
    registry.put("/spanned/put", "secret value").await.unwrap();
    registry.get("/spanned/get").await.unwrap();
    let span = |operation: &str, key: &str| {
        LOGS.with(&format!("span registry call operation={operation} key={key} plugin=memory")).len()
    };
    assert_eq!((span("put", "/spanned/put"), span("get", "/spanned/get")), (1, 1));
    assert_eq!(LOGS.with("secret value"), Vec::<String>::new(), "values are not logged");
}

#[tokio::test]
async fn the_plugins_log_lines_reach_the_hosts_subscriber() {
    LazyLock::force(&LOGS);
    let _turn = METRICS.lock().await;
    let server = Etcd::start().unwrap();
    let proxy = Proxy::to(server.address()).unwrap();
    let settings = settings("etcd").set_value("registry.etcd.endpoints", proxy.url());
    // A line of every level that a plugin has.
    let settings = settings.set("registry.etcd.load-balancer-policy=round_robin");
    let registry = open(settings).await.unwrap();
    let has = |parts: &[&str]| !LOGS.with(parts[0]).iter().all(|line| !parts.iter().all(|part| line.contains(part)));
    let warned = ["WARN registry_plugin", "plugin=etcd", "registry.etcd.load-balancer-policy"];
    wait_until("the warning is told", SOON, || has(&warned)).await;
    let id = registry.session().id().to_string();
    wait_until("the session is told", SOON, || has(&["DEBUG registry_plugin", &id, "module=registry_etcd"])).await;
    let mut mirror = Mirror::of(&registry, "/a").await;
    registry.put("/a", "1").await.unwrap();
    mirror.until("the watch is open", |mirror| mirror.has("/a", "1")).await;
    proxy.reset();
    wait_until("the break is told", SOON, || has(&["the watch broke off", "registry_plugin"])).await;
}

#[tokio::test]
async fn session_changes_are_told_once_and_counted() {
    LazyLock::force(&LOGS);
    let snapshotter = METRICS.lock().await;
    for (settings, proxy) in proxied() {
        look(&snapshotter);
        let registry = open(settings.set("registry.session-timeout=2s")).await.unwrap();
        registry.put("/mine", "1").ephemeral().await.unwrap();
        let (plugin, former) = (registry.plugin().name().to_owned(), registry.session().id());
        let told = |level: &str, id: &SessionId, what: &str| {
            let start = format!("{level} registry ");
            let (plugin, id) = (format!("plugin={plugin}"), format!("session={id}"));
            let is_it = |line: &String| line.starts_with(&start) && line.contains(&plugin) && line.contains(&id);
            LOGS.with(what).into_iter().filter(is_it).collect::<Vec<_>>()
        };
        proxy.cut();
        wait_until("the session is lost", SOON, || registry.session().state() == SessionState::Lost).await;
        let suspended = told("WARN", &former, "no contact with the registry");
        assert!(suspended.len() == 1 && suspended[0].contains("cause="), "{suspended:?}");
        assert!(!suspended[0].contains("does not say why"), "{suspended:?}");
        let lost = told("ERROR", &former, "the session is lost");
        assert!(lost.len() == 1 && lost[0].contains("no request was answered"), "{lost:?}");
        proxy.heal();
        wait_until("another is open", SOON, || registry.session().state() == SessionState::Connected).await;
        let next = registry.session().id();
        let open = told("INFO", &next, "another session is open");
        assert!(open.len() == 1 && open[0].contains("after="), "{open:?}");
        // The report follows the entry.
        let owner = async || registry.get("/mine").await.ok().flatten().filter(|entry| entry.ephemeral == Some(next));
        eventually("the entry is recreated", SOON, owner).await;
        let mut seen = Vec::new();
        let backend = format!("backend={plugin}");
        let recreated = || {
            seen.extend(look(&snapshotter));
            count(&seen, "registry_ephemerals_total", &[&backend, "event=recreated"]) == 1
        };
        wait_until("that is counted", SOON, recreated).await;
        registry.close().await.unwrap();
        seen.extend(look(&snapshotter));
        for (state, times) in [("connected", 2), ("suspended", 1), ("lost", 1), ("closed", 1)] {
            let labels = [backend.as_str(), &format!("state={state}")];
            assert_eq!(count(&seen, "registry_session_changes_total", &labels), times, "{labels:?} in {seen:?}");
        }
    }
}

#[tokio::test]
async fn lines_of_dependencies_have_their_own_target() {
    LazyLock::force(&LOGS);
    let _turn = METRICS.lock().await;
    let registry = open(etcd(Etcd::shared().unwrap())).await.unwrap();
    registry.put("/a", "1").await.unwrap();
    let of_dependencies = || LOGS.with("DEBUG registry_plugin::dependency ");
    wait_until("HTTP/2 says something", SOON, || !of_dependencies().is_empty()).await;
    for line in of_dependencies() {
        assert!(!line.contains("module=registry_"), "{line}");
    }
    let own = LOGS.with(" registry_plugin ");
    assert!(own.iter().all(|line| line.contains("module=registry_") || line.contains("module=panic")), "{own:?}");
}

#[tokio::test]
async fn a_plugins_panics_reach_the_hosts_subscriber_with_their_place() {
    LazyLock::force(&LOGS);
    let _turn = METRICS.lock().await;
    let plugin = Plugin::load(beside().join("libfixture_panicking.so"), None).unwrap();
    let registry = Registry::connect(plugin, settings("panicking").build().unwrap()).await.unwrap();
    assert_eq!(registry.get("/bad/future").await.unwrap_err().kind(), ErrorKind::PluginPanicked);
    let told =
        async || LOGS.with("get panics in its future").into_iter().find(|line| line.contains("ERROR registry_plugin"));
    let line = eventually("the panic is told", SOON, told).await;
    for part in ["plugin=panicking", "module=panic", "panicking/src/lib.rs:"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    // One in a task, of which no call tells.
    assert!(registry.put("/bad/drop", "1").timeout(Duration::from_secs(60)).into_future().now_or_never().is_none());
    wait_until("the panic is told", SOON, || !LOGS.with("commit panics in its drop").is_empty()).await;
}

#[tokio::test]
async fn slow_opening_is_warned_of_with_what_is_tried() {
    let logs = LOGS.clone();
    for (settings, proxy) in proxied() {
        proxy.silent();
        let address = proxy.address().to_string();
        let opening = Registry::opening(settings.build().unwrap()).within(Duration::from_millis(1500));
        let error =
            within("the opening ends", SOON, opening.into_future()).await.map(drop).expect_err("nobody answers");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::NotApplied), "{error}");
        let warned = logs.with(&format!("after 1s: {address}: no answer yet; still trying"));
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(warned[0].starts_with("WARN registry "), "{warned:?}");
    }
}
