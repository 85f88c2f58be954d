//! What a host is told to do when its session is lost (`registry.disconnect-strategy`).

use std::future::Future;

use futures_util::FutureExt as _;
use registry_host::{ErrorKind, Registry, SessionState, SettingsBuilder};
use registry_suite::{Ending, SOON, memory, open, proxied, wait_until, within};

fn configured(settings: SettingsBuilder, strategy: &str) -> SettingsBuilder {
    strategy.split(' ').fold(settings, |settings, assignment| settings.set(format!("registry.{assignment}")))
}

fn is_told(registry: &Registry) -> bool {
    registry.session().stop_wanted().now_or_never().is_some()
}

async fn told(stop: impl Future<Output = registry_host::Error>) -> ErrorKind {
    within("the host is told to stop", SOON * 2, stop).await.kind()
}

#[tokio::test]
async fn the_strategy_stop_is_told_at_each_loss() {
    for (settings, ending) in Ending::each() {
        let settings = configured(ending.awaits(settings), "disconnect-strategy=stop");
        let registry = open(settings).await.expect("a registry");
        let stop = registry.session().stop_wanted();
        assert!(!is_told(&registry));
        ending.of(&registry).await;
        assert_eq!(told(stop).await, ErrorKind::SessionLost);
        assert!(is_told(&registry), "it stays so");
    }
}

#[tokio::test]
async fn a_timely_next_session_stops_no_waiting_host() {
    for strategy in ["disconnect-grace=60s", "disconnect-strategy=wait"] {
        for (settings, ending) in Ending::each() {
            let registry = open(configured(ending.awaits(settings), strategy)).await.expect("a registry");
            ending.of(&registry).await;
            assert!(!is_told(&registry), "{strategy}");
        }
    }
}

#[tokio::test]
async fn the_strategy_wait_stops_without_a_timely_session() {
    for (settings, proxy) in proxied() {
        let settings = settings.set("registry.session-timeout=2s");
        let settings = configured(settings, "disconnect-strategy=wait disconnect-max-wait=1s");
        let registry = open(settings).await.expect("a registry");
        let stop = registry.session().stop_wanted();
        proxy.cut();
        assert_eq!(told(stop).await, ErrorKind::SessionLost);
        assert_eq!(registry.session().state(), SessionState::Lost);
        proxy.heal();
        let follows = || registry.session().state() == SessionState::Connected;
        wait_until("a session follows", SOON, follows).await;
        assert!(is_told(&registry), "it was too late");
    }
}

#[tokio::test]
async fn a_host_that_closes_its_registry_is_not_left_waiting() {
    let registry = open(memory()).await.expect("a registry");
    let stop = registry.session().stop_wanted();
    registry.close().await.expect("a close");
    assert_eq!(told(stop).await, ErrorKind::Closed);
}
