//! Curator makes a lock's key as a container, which the server removes some time after it was emptied.

use registry_interop::Client;
use registry_suite::{SOON, eventually, within};
use tokio::join;

use crate::{backend::Backend, namespace::Namespace};

const KEY: &str = "/lock";

/// It reads as a persistent entry, and the lock goes on when it is removed.
pub(crate) async fn come_and_go(backend: Backend) {
    let namespace = Namespace::on(backend);
    let registry = namespace.registry().await;
    let mut curator = namespace.driver(Client::Curator);
    curator.lock(KEY).await;
    let key = registry.get(KEY).await.expect("an answer").expect("the lock's key");
    assert!(!key.is_ephemeral(), "{key:?} is a container, it is nobody's");
    // The container must not be empty in between, or it is not the one that the lock is taken in.
    let hand_over = async {
        let both = async || (registry.children(KEY).await.expect("the queue").len() == 2).then_some(());
        eventually("we wait", SOON, both).await;
        curator.unlock().await;
    };
    let (before, ()) = within("the lock is ours", SOON * 2, async { join!(registry.lock(KEY), hand_over) }).await;
    let before = before.expect("the lock");
    let token = before.token();
    before.release().await.expect("a release");
    let removed = async || registry.get(KEY).await.expect("an answer").is_none().then_some(());
    eventually("the server removes the container", SOON * 4, removed).await;
    let after = registry.try_lock(KEY).await.expect("the lock is free");
    assert!(token < after.token(), "{token}, then {}", after.token());
    after.release().await.expect("a release");
    curator.lock(KEY).await;
    curator.close().await;
}
