//! Holders that vanish: their session runs out, and the lock is the next one's.

use std::cell::Cell;

use registry_host::ErrorKind;
use registry_suite::{SOON, eventually, within};

use crate::{
    backend::Backend,
    contender::Contender,
    namespace::{Namespace, SESSION},
    party::Party,
};

const KEY: &str = "/lock";

/// Ours and each of theirs, each after the other.
pub(crate) async fn go_to_the_next(backend: Backend) {
    for client in backend.clients() {
        let namespace = Namespace::on(backend);
        let ours = Contender::Registry(namespace.registry().await);
        one_dies(&namespace, Party::Theirs(namespace.driver(*client)), ours).await;
        let theirs = Contender::Theirs(namespace.driver(*client));
        one_dies(&namespace, Party::Ours(namespace.registry().await), theirs).await;
    }
}

async fn one_dies(namespace: &Namespace, mut holder: Party, mut next: Contender) {
    let registry = namespace.registry().await;
    let lock = holder.lock(KEY).await;
    let refused = registry.try_lock(KEY).await.expect_err("it is held");
    assert_eq!(refused.kind(), ErrorKind::NotAcquired, "{refused}");
    let had = Cell::new(false);
    let has_it = next.locked(namespace, KEY, async |_| had.set(true));
    let dies = async {
        let both = async || (registry.children(KEY).await.expect("the queue").len() == 2).then_some(());
        eventually("another waits", SOON, both).await;
        assert!(!had.get(), "two hold the lock");
        holder.die().await;
        assert!(registry.get(&lock.entry).await.expect("an answer").is_some(), "it stays for the session's timeout");
    };
    within("the next has it", SESSION + SOON, async { tokio::join!(has_it, dies) }).await;
    assert_eq!(registry.get(&lock.entry).await.expect("an answer"), None);
    next.close().await;
}
