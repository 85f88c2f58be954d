//! Programs that are not async: the blocking registry, and calls outside of tokio.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use registry_host::{ErrorKind, Event, Outcome, Registry, Scope, blocking};
use registry_suite::{etcd, memory, zookeeper};
use registry_test_servers::{Etcd, ZooKeeper};

#[test]
fn a_program_without_a_runtime_reads_writes_locks_and_watches() {
    let servers = [etcd(Etcd::shared().unwrap()), zookeeper(ZooKeeper::shared().unwrap())];
    for settings in [memory()].into_iter().chain(servers) {
        let registry = blocking::Registry::open(settings.build().unwrap()).unwrap();
        let mut events = registry.watch("/jobs", Scope::Subtree).unwrap();
        assert!(matches!(events.next(), Some(Ok(Event::Synced))));
        let version = registry.put("/jobs/7", "waiting").unwrap();
        registry.put_ephemeral("/jobs/8", "waiting").unwrap();
        assert_eq!(registry.get("/jobs/7").unwrap().unwrap().version, version);
        assert_eq!(registry.children("/jobs").unwrap(), ["7", "8"]);
        let told: Vec<_> = events.by_ref().take(3).map(|event| event.unwrap().key().unwrap().to_owned()).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(events.next_within(Duration::from_millis(1)).is_none());

        let guard = registry.lock("/lock").unwrap();
        let other = registry.lock_within("/lock", Duration::from_millis(1)).unwrap_err();
        assert_eq!(other.kind(), ErrorKind::NotAcquired);
        registry.wait(registry.asynchronous().txn().check_held(&guard).put("/jobs/7", "taken").commit()).unwrap();
        registry.wait(guard.release()).unwrap();
        drop(registry.try_lock("/lock").unwrap());
        assert_eq!(registry.delete_recursive("/jobs").unwrap(), 3);
        registry.close().unwrap();
        assert_eq!(registry.get("/jobs").unwrap_err().kind(), ErrorKind::Closed);
    }
}

/// An async program may call a library that blocks: that costs it a thread, and no panic.
#[tokio::test]
async fn the_blocking_registry_works_inside_a_runtime() {
    let registry = blocking::Registry::open(memory().build().unwrap()).unwrap();
    registry.put("/a", "1").unwrap();
    drop(registry);
}

#[test]
fn opening_outside_a_runtime_names_the_blocking_registry() {
    let mut opening = pin!(Registry::open(memory().build().unwrap()));
    let Poll::Ready(opened) = opening.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for something")
    };
    let error = opened.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Other, Outcome::NotApplied));
    assert!(error.to_string().contains("registry_host::blocking"), "{error}");
}

/// Calls need no runtime: their timers are those of the runtime that the registry was opened on.
#[test]
fn a_call_is_polled_by_any_executor() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let settings = etcd(Etcd::shared().unwrap()).build().unwrap();
    let registry = runtime.block_on(Registry::open(settings)).unwrap();
    futures_util::FutureExt::now_or_never(async { registry.put("/a", "1").await });
    futures_executor(async {
        registry.put("/a", "2").await.unwrap();
        assert_eq!(registry.get("/a").await.unwrap().unwrap().value, "2");
        registry.close().await.unwrap();
    });
}

/// The simplest executor that there is.
fn futures_executor<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}
