//! Our locks and `etcdctl lock` keep each other out (contract 6.7).

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use registry_host::{ErrorKind, Registry, Settings};
use registry_test_servers::Etcd;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{sync::oneshot, time::timeout};

/// Far beyond what anything here takes, for machines under load.
const LIMIT: Duration = Duration::from_secs(30);

async fn open(namespace: &str) -> Registry {
    let beside = std::env::current_exe().expect("this test's file").parent().expect("its folder").to_owned();
    let endpoint = Etcd::shared().expect("an etcd server").endpoint();
    let settings = Settings::builder()
        .plugin_dir(beside)
        .set("registry.type=etcd")
        .set(format!("registry.etcd.endpoints={endpoint}"))
        .set(format!("registry.namespace={namespace}"))
        .build()
        .expect("good settings");
    Registry::open(settings).await.expect("a connection")
}

/// An `etcdctl lock`, ended with this.
struct Other {
    process: Child,
    /// The key that it holds, once it does.
    held: oneshot::Receiver<String>,
}

impl Other {
    fn lock(name: &str) -> Self {
        let mut command = Etcd::shared().expect("an etcd server").etcdctl_command().expect("etcdctl");
        let mut process = command.args(["lock", name]).stdout(Stdio::piped()).spawn().expect("etcdctl starts");
        let output = process.stdout.take().expect("its output");
        let (tell, held) = oneshot::channel();
        std::thread::spawn(move || {
            let (mut output, mut line) = (BufReader::new(output), String::new());
            if output.read_line(&mut line).is_ok() {
                // Nobody may be waiting for it any more.
                let _ = tell.send(line.trim().to_owned());
            }
            // It writes on, and would be ended by a pipe that nobody reads, without releasing its lock.
            let _ = io::copy(&mut output, &mut io::sink());
        });
        Other { process, held }
    }

    /// Waits until it has the lock.
    async fn held(&mut self) -> String {
        timeout(LIMIT, &mut self.held).await.expect("in time").expect("a line")
    }

    /// Has it release the lock and end.
    fn release(mut self) {
        let id = Pid::from_raw(self.process.id().cast_signed()).expect("a process id");
        kill_process(id, Signal::INT).expect("a signal");
        self.process.wait().expect("its end");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn we_wait_for_etcdctl() {
    let registry = open("we-wait").await;
    let mut other = Other::lock("we-wait/lock");
    assert!(other.held().await.starts_with("we-wait/lock/"));
    let refused = registry.try_lock("/lock").await.expect_err("it is held");
    assert_eq!(refused.kind(), ErrorKind::NotAcquired);
    let waiter = open("we-wait").await;
    let waiting = tokio::spawn(async move {
        let guard = waiter.lock("/lock").await?;
        guard.release().await?;
        waiter.close().await
    });
    wait_for_queue(&registry, 2).await;
    assert!(!waiting.is_finished());
    other.release();
    timeout(LIMIT, waiting).await.expect("in time").expect("no panic").expect("the lock");
    registry.close().await.expect("a close");
}

#[tokio::test(flavor = "multi_thread")]
async fn etcdctl_waits_for_us() {
    let registry = open("it-waits").await;
    let guard = registry.lock("/lock").await.expect("the lock");
    let mut other = Other::lock("it-waits/lock");
    wait_for_queue(&registry, 2).await;
    assert!(other.held.try_recv().is_err(), "it must wait");
    let token = guard.token();
    guard.release().await.expect("a release");
    let held = other.held().await;
    let entry = registry.get(held.strip_prefix("it-waits").expect("a key")).await.expect("an answer");
    assert!(entry.expect("its entry").created > token.get().into());
    other.release();
    drop(registry.try_lock("/lock").await.expect("the lock is free again"));
    registry.close().await.expect("a close");
}

/// Waits until so many hold the lock or wait for it.
async fn wait_for_queue(registry: &Registry, length: usize) {
    let wait = async {
        while registry.children("/lock").await.map_or(0, |names| names.len()) < length {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, wait).await.expect("the queue in time");
}
