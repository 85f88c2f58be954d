//! Taking over for servers that have gone, on every backend.

mod support;

use std::{
    collections::BTreeMap,
    error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use registry_cluster::{Cluster, Departed, Failover, Incarnation, Membership, MembershipState, Role, Stop, TakeOver};
use registry_host::{FencingToken, Guard, Registry, SettingsBuilder};
use registry_suite::{Ending, SOON, eventually, memory, wait_until};
use support::*;
use tokio::sync::Notify;

/// What all masters of a test have done.
#[derive(Clone, Default)]
struct TakeOverLog(Arc<LogParts>);

#[derive(Default)]
struct LogParts {
    begun: Mutex<Vec<(String, Departed, FencingToken)>>,
    done: Mutex<BTreeMap<(Role, String, Incarnation), usize>>,
    /// How many are at work now, of masters and of workers.
    at_work: [AtomicUsize; 2],
    /// Of those who are to hang the first so many.
    hanging: AtomicUsize,
    failing: AtomicUsize,
    panicking: AtomicUsize,
    hangs: Notify,
}

impl TakeOverLog {
    fn done(&self, role: Role, address: &str) -> usize {
        let done = self.0.done.lock().unwrap();
        done.iter().filter(|((of, at, _), _)| (*of, at.as_str()) == (role, address)).map(|(_, times)| times).sum()
    }

    fn done_for(&self, membership: &(Role, String, Incarnation)) -> usize {
        self.0.done.lock().unwrap().get(membership).copied().unwrap_or_default()
    }

    fn begun(&self) -> Vec<(String, Departed, FencingToken)> {
        self.0.begun.lock().unwrap().clone()
    }
}

fn incarnation(membership: &Membership) -> (Role, String, Incarnation) {
    let server = membership.server();
    (server.role(), server.address().to_owned(), membership.incarnation())
}

/// A master that writes into the log.
struct Host {
    name: String,
    log: TakeOverLog,
}

fn takes(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1)).is_ok()
}

struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl TakeOver for Host {
    async fn take_over(&self, departed: &Departed, guard: &Guard) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        let parts = &*self.log.0;
        let at_work = &parts.at_work[usize::from(departed.role == Role::Worker)];
        assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
        let _at_work = AtWork(at_work);
        parts.begun.lock().unwrap().push((self.name.clone(), departed.clone(), guard.token()));
        if takes(&parts.hanging) {
            parts.hangs.notify_one();
            std::future::pending::<()>().await;
        }
        if takes(&parts.failing) {
            return Err("it fails at first".into());
        }
        tokio::task::yield_now().await;
        assert!(!takes(&parts.panicking), "it panics at first");
        let key = (departed.role, departed.address.clone(), departed.incarnation);
        *parts.done.lock().unwrap().entry(key).or_default() += 1;
        Ok(())
    }
}

struct Master {
    cluster: Cluster,
    membership: Membership,
    _failover: Failover,
}

async fn start(settings: &SettingsBuilder, address: &str, log: &TakeOverLog, assignments: &[&str]) -> Master {
    let cluster = cluster(settings, assignments).await;
    let membership = register(&cluster, &master(address)).await;
    let host = Host { name: address.to_owned(), log: log.clone() };
    let failover = membership.fail_over(host).await.expect("failover");
    Master { cluster, membership, _failover: failover }
}

async fn marks(cluster: &Cluster) -> Vec<String> {
    marks_on(cluster.registry()).await
}

async fn marks_on(registry: &Registry) -> Vec<String> {
    keys_below(registry, "/dead-servers").await
}

async fn nothing_is_left_to_take_over(cluster: &Cluster, living: usize) {
    let settled = async || {
        let records = keys_below(cluster.registry(), "/cluster/lives").await;
        let addresses = cluster.registry().children("/cluster/lives").await.expect("the addresses");
        let is_lived_at = |address: &String| records.iter().any(|key| key.contains(&format!("/{address}/")));
        (records.len() == living && addresses.iter().all(is_lived_at)).then_some(())
    };
    eventually("all is taken over", SOON * 2, settled).await;
}

#[tokio::test]
async fn one_master_takes_over_for_each_that_goes() {
    for settings in every() {
        let settings = settings.set("registry.session-timeout=4s");
        let log = TakeOverLog::default();
        let masters = [start(&settings, "m:1", &log, &[]).await, start(&settings, "m:2", &log, &[]).await];
        let others = cluster(&settings, &[]).await;
        let (gone, leaves) = (worker("w:1", &["a", "b"]), worker("w:2", &[]));
        let (gone, leaves) = (register(&others, &gone).await, register(&others, &leaves).await);
        leaves.leave().await.expect("it leaves");
        let lost_life = incarnation(&gone);
        drop(gone);
        wait_until("it is taken over for", SOON, || log.done_for(&lost_life) == 1).await;
        nothing_is_left_to_take_over(&others, 2).await;
        assert_eq!(marks(&others).await, ["/dead-servers/worker_w:1"]);
        assert_eq!(log.done(Role::Worker, "w:2"), 0, "it left in order");
        let [first, second] = masters;
        let lost_life = incarnation(&first.membership);
        first.cluster.registry().abandon();
        drop(first);
        wait_until("a master is taken over for", SOON * 4, || log.done_for(&lost_life) == 1).await;
        nothing_is_left_to_take_over(&others, 1).await;
        assert_eq!(log.begun().last().expect("a take-over").0, "m:2");
        drop(second);
    }
}

#[tokio::test]
async fn heartbeats_members_and_take_overs_are_counted() {
    let recorder = DebuggingRecorder::new();
    // All of this test runs on one thread.
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let snapshotter = recorder.snapshotter();
    // A snapshot sets counters and gauges back to 0.
    let mut counted = BTreeMap::<String, f64>::new();
    let mut count = |name: &str, labels: &[&str]| {
        for (key, _, _, value) in snapshotter.snapshot().into_vec() {
            let labels = key.key().labels().map(|label| format!(" {}={}", label.key(), label.value()));
            let name = labels.fold(key.key().name().to_owned(), |name, label| name + &label);
            match value {
                DebugValue::Counter(more) => *counted.entry(name).or_default() += more as f64,
                DebugValue::Gauge(now) if now != 0.0 => drop(counted.insert(name, now.into_inner())),
                _ => {}
            }
        }
        let name = labels.iter().fold(format!("registry_cluster_{name}"), |name, label| name + " " + label);
        counted.get(&name).copied().unwrap_or_default()
    };
    let (settings, log) = (memory(), TakeOverLog::default());
    log.0.failing.store(1, Ordering::SeqCst);
    let master = start(&settings, "m:1", &log, &[]).await;
    let other = cluster(&settings, &[]).await;
    let _stays = register(&other, &worker("w:1", &[])).await;
    let goes = register(&other, &worker("w:2", &["a", "b"])).await;
    wait_until("all are seen", SOON, || count("members", &["role=worker"]) == 3.0).await;
    wait_until("the master is seen", SOON, || count("members", &["role=master"]) == 1.0).await;
    drop(goes);
    wait_until("it is taken over for", SOON, || count("take_overs_total", &["role=worker", "result=ok"]) == 1.0).await;
    assert_eq!(count("take_overs_total", &["role=worker", "result=failed"]), 1.0);
    wait_until("its entries are seen no more", SOON, || count("members", &["role=worker"]) == 1.0).await;
    wait_until("heartbeats are counted", SOON, || count("heartbeats_total", &["result=ok"]) > 3.0).await;
    assert_eq!(count("heartbeats_total", &["result=failed"]), 0.0);
    drop(master);
}

#[tokio::test]
async fn who_comes_back_in_time_is_not_taken_over_for() {
    for (settings, ending) in Ending::each() {
        let log = TakeOverLog::default();
        let _master = start(&settings, "m:1", &log, &["registry.cluster.failover-grace=60s"]).await;
        let settings = ending.awaits(settings).set("registry.disconnect-strategy=wait");
        let other = cluster(&settings, &[]).await;
        let back = register(&other, &worker("back:1", &[])).await;
        let session = other.registry().session().id();
        ending.of(other.registry()).await;
        assert_ne!(other.registry().session().id(), session);
        wait_until("it serves again", SOON, || matches!(back.state(), MembershipState::Serving)).await;
        // A restarted one has ended for certain, and isn't waited for; by then the other one has been looked at, too.
        let former = register(&other, &worker("again:1", &[])).await;
        let (former_life, _latter) = (incarnation(&former), register(&other, &worker("again:1", &[])).await);
        wait_until("the former one is taken over for", SOON, || log.done_for(&former_life) == 1).await;
        assert_eq!(log.done(Role::Worker, "back:1"), 0);
        back.leave().await.expect("it was never declared dead");
    }
}

#[tokio::test]
async fn only_a_restarted_servers_former_incarnation_is_taken_over() {
    for settings in every() {
        let log = TakeOverLog::default();
        let first = start(&settings, "m:1", &log, &[]).await;
        let other = cluster(&settings, &[]).await;
        let former = register(&other, &worker("w:1", &["a", "b"])).await;
        let latter = register(&cluster(&settings, &[]).await, &worker("w:1", &["a", "b"])).await;
        let former_life = incarnation(&former);
        wait_until("the former life is taken over for", SOON, || log.done_for(&former_life) == 1).await;
        nothing_is_left_to_take_over(&other, 2).await;
        assert!(log.begun().iter().all(|(_, departed, _)| departed.restarted));
        assert_eq!(marks(&other).await, [] as [&str; 0], "the server is there");
        assert_eq!(log.done_for(&incarnation(&latter)), 0);
        assert!(matches!(*stopped(&former).await, Stop::Replaced { .. }));
        assert!(matches!(latter.state(), MembershipState::Serving));
        drop(first);
    }
}

#[tokio::test]
async fn fast_beats_hinder_no_restart_and_no_take_over() {
    for settings in every() {
        let (log, beats) = (TakeOverLog::default(), ["registry.cluster.max-heartbeat-interval=1ms"]);
        let former = register(&cluster(&settings, &beats).await, &worker("w:1", &["a", "b"])).await;
        let latter = register(&cluster(&settings, &beats).await, &worker("w:1", &["a", "b"])).await;
        let master = start(&settings, "m:1", &log, &[]).await;
        wait_until("the former life is taken over for", SOON, || log.done_for(&incarnation(&former)) == 1).await;
        nothing_is_left_to_take_over(&master.cluster, 2).await;
        assert!(matches!(latter.state(), MembershipState::Serving));
    }
}

#[tokio::test]
async fn a_restart_in_other_groups_is_not_declared_dead() {
    for settings in every() {
        let log = TakeOverLog::default();
        let other = cluster(&settings, &[]).await;
        let former = register(&other, &worker("w:1", &["a"])).await;
        let former_life = incarnation(&former);
        drop(former);
        shows(&other.workers("a"), &[]).await;
        let latter = register(&cluster(&settings, &[]).await, &worker("w:1", &["b"])).await;
        let _master = start(&settings, "m:1", &log, &[]).await;
        wait_until("the former life is taken over for", SOON, || log.done_for(&former_life) == 1).await;
        nothing_is_left_to_take_over(&other, 2).await;
        assert!(log.begun().iter().all(|(_, departed, _)| departed.restarted));
        assert_eq!(marks(&other).await, [] as [&str; 0], "the server is there");
        latter.leave().await.expect("it was never told to stop");
    }
}

#[tokio::test]
async fn an_unfinished_take_over_is_finished_once_by_another() {
    for settings in every() {
        let settings = settings.set("registry.session-timeout=4s");
        let log = TakeOverLog::default();
        log.0.hanging.store(1, Ordering::SeqCst);
        let mut masters = vec![start(&settings, "m:1", &log, &[]).await, start(&settings, "m:2", &log, &[]).await];
        let others = cluster(&settings, &[]).await;
        let gone = register(&others, &worker("w:1", &[])).await;
        let lost_life = incarnation(&gone);
        drop(gone);
        log.0.hangs.notified().await;
        let (dying, _, token) = log.begun()[0].clone();
        let at = masters.iter().position(|master| master.membership.server().address() == dying).expect("a master");
        masters.remove(at).cluster.registry().abandon();
        wait_until("it is taken over for", SOON * 4, || log.done_for(&lost_life) == 1).await;
        wait_until("the master, too", SOON * 4, || log.done(Role::Master, &dying) == 1).await;
        nothing_is_left_to_take_over(&others, 1).await;
        assert_eq!(log.done_for(&lost_life), 1);
        let begun = log.begun();
        let second = begun.iter().filter(|(_, departed, _)| departed.role == Role::Worker).nth(1).expect("a second");
        assert!(second.2 > token, "tokens grow");
    }
}

#[tokio::test]
async fn what_fails_or_panics_is_done_again() {
    for settings in every() {
        let log = TakeOverLog::default();
        log.0.failing.store(1, Ordering::SeqCst);
        log.0.panicking.store(1, Ordering::SeqCst);
        let master = start(&settings, "m:1", &log, &[]).await;
        let gone = register(&master.cluster, &worker("w:1", &[])).await;
        drop(gone);
        wait_until("it is taken over for", SOON, || log.done(Role::Worker, "w:1") == 1).await;
        assert_eq!(log.begun().len(), 3);
        nothing_is_left_to_take_over(&master.cluster, 1).await;
    }
}

#[tokio::test]
async fn the_first_master_after_an_outage_takes_over_for_all() {
    for settings in every() {
        let settings = settings.set("registry.session-timeout=4s");
        let mut lives = Vec::new();
        let mut lost = Vec::new();
        for (number, groups) in [&["a"][..], &["a", "b"]].into_iter().enumerate() {
            let other = cluster(&settings, &[]).await;
            for server in [master(&format!("m:{}", number + 1)), worker(&format!("w:{}", number + 1), groups)] {
                let membership = register(&other, &server).await;
                lives.push(incarnation(&membership));
                lost.push(membership);
            }
            other.registry().abandon();
        }
        let log = TakeOverLog::default();
        // One is back at once, before its former session has run out; nobody else is.
        let first = start(&settings, "m:1", &log, &[]).await;
        wait_until("all are taken over for", SOON * 4, || {
            lives.iter().all(|incarnation| log.done_for(incarnation) == 1)
        })
        .await;
        nothing_is_left_to_take_over(&first.cluster, 1).await;
        let wanted = ["/dead-servers/master_m:2", "/dead-servers/worker_w:1", "/dead-servers/worker_w:2"];
        assert_eq!(marks(&first.cluster).await, wanted);
        assert!(lives.iter().all(|incarnation| log.done_for(incarnation) == 1), "nothing was done twice");
    }
}

#[tokio::test]
async fn a_server_that_returns_after_its_take_over_stops() {
    for (settings, ending) in Ending::each() {
        let log = TakeOverLog::default();
        let _first = start(&settings, "m:1", &log, &[]).await;
        let settings = ending.awaits(settings).set("registry.disconnect-strategy=wait");
        let other = cluster(&settings, &[]).await;
        let late = register(&other, &worker("late:1", &[])).await;
        let lost_life = incarnation(&late);
        // As if its session had been over for long: it is gone, and taken over for.
        let mut standings = late.states();
        let waited = tokio::spawn(async move {
            standings.wait_for(|standing| !matches!(standing, MembershipState::Serving)).await.map(drop)
        });
        ending.of(other.registry()).await;
        waited.await.expect("no panic").expect("it has waited");
        // Whether the master was faster is a matter of chance; if it was, the server is to stop.
        let done = || log.done_for(&lost_life) == 1;
        let decided = || done() || matches!(late.state(), MembershipState::Serving);
        wait_until("it is decided", SOON, decided).await;
        if done() {
            let stop = stopped(&late).await;
            assert!(matches!(*stop, Stop::FailedOver | Stop::DeclaredDead), "{stop}");
        } else {
            drop(late);
            wait_until("it is taken over for", SOON, done).await;
        }
    }
}

#[tokio::test]
async fn servers_without_a_record_are_taken_over_too() {
    for settings in every() {
        let log = TakeOverLog::default();
        let first = start(&settings, "m:1", &log, &[]).await;
        let foreign = registry_suite::open(settings.clone()).await.expect("a registry");
        let value = r#"{"startupTime":1700000000000,"processId":7,"serverStatus":0}"#;
        // A master of theirs, which has been there for longer than ours, writes nobody down.
        for key in ["/nodes/master/java:0", "/nodes/worker/a/java:1", "/nodes/worker/java:2"] {
            foreign.put(key, value).ephemeral().await.expect("a put");
        }
        let known = async || (keys_below(first.cluster.registry(), "/cluster/lives").await.len() == 4).then_some(());
        eventually("they are written down", SOON, known).await;
        foreign.close().await.expect("a close");
        let all = [(Role::Master, "java:0"), (Role::Worker, "java:1"), (Role::Worker, "java:2")];
        let done = || all.iter().all(|(role, address)| log.done(*role, address) == 1);
        wait_until("they are taken over for", SOON, done).await;
        let wanted = ["/dead-servers/master_java:0", "/dead-servers/worker_java:1", "/dead-servers/worker_java:2"];
        assert_eq!(marks(&first.cluster).await, wanted);
    }
}

#[tokio::test]
async fn an_entry_without_heartbeat_is_no_proof_of_a_restart() {
    const ONE: &str = r#"{"startupTime":1,"processId":7}"#;
    const OTHER: &str = r#"{"startupTime":2,"processId":8}"#;
    for settings in every() {
        let log = TakeOverLog::default();
        let first = start(&settings, "m:1", &log, &[]).await;
        let foreign = registry_suite::open(settings.clone()).await.expect("a registry");
        let put = async |name: &str, value: &str| {
            foreign.put(&format!("/nodes/worker/a/{name}"), value).ephemeral().await.expect("a put");
        };
        // Who comes and goes later proves that all before was looked at.
        let passes = async |name: &str| {
            put(name, ONE).await;
            let record = format!("/cluster/lives/worker_{name}/1-7");
            let known = async || first.cluster.registry().get(&record).await.expect("an answer").map(drop);
            eventually("it is written down", SOON, known).await;
            foreign.delete(&format!("/nodes/worker/a/{name}")).await.expect("a delete");
            wait_until("it is taken over for", SOON, || log.done(Role::Worker, name) == 1).await;
        };
        // Release 1.3 registers so, and again whenever its connection was suspended.
        put("w:1", "").await;
        passes("x:1").await;
        put("w:1", ONE).await;
        let record = "/cluster/lives/worker_w:1/1-7";
        let known = async || first.cluster.registry().get(record).await.expect("an answer").map(drop);
        eventually("it is written down", SOON, known).await;
        put("w:1", "").await;
        passes("x:2").await;
        put("w:1", ONE).await;
        passes("x:3").await;
        assert_eq!(log.done(Role::Worker, "w:1"), 0, "it was there all along: {:?}", log.begun());
        put("w:1", "").await;
        passes("x:4").await;
        put("w:1", OTHER).await;
        wait_until("its former life is taken over for", SOON, || log.done(Role::Worker, "w:1") == 1).await;
        let begun = log.begun();
        let (_, departed, _) = begun.iter().find(|(_, departed, _)| departed.address == "w:1").expect("it");
        assert_eq!((departed.incarnation.startup_time, departed.restarted), (1, true));
    }
}

#[tokio::test]
async fn an_incarnation_that_reappears_is_not_taken_over_twice() {
    for settings in every() {
        let log = TakeOverLog::default();
        let first = start(&settings, "m:1", &log, &[]).await;
        let registry = first.cluster.registry();
        let gone = register(&first.cluster, &worker("w:1", &["a"])).await;
        let value = registry.get("/nodes/worker/a/w:1").await.expect("an answer").expect("its entry").value;
        let lost_life = incarnation(&gone);
        drop(gone);
        wait_until("it is taken over for", SOON, || log.done_for(&lost_life) == 1).await;
        nothing_is_left_to_take_over(&first.cluster, 1).await;
        // As a session does that has followed a lost one, until its server knows better; beside it one that is looked
        // at, too.
        let other = registry_suite::open(settings.clone()).await.expect("a registry");
        let mut again = other.txn();
        again.put("/nodes/worker/a/w:1", &value).ephemeral();
        again.put("/nodes/worker/a/w:2", r#"{"startupTime":7,"processId":7}"#).ephemeral();
        again.commit().await.expect("a Txn");
        let known = async || (keys_below(registry, "/cluster/lives").await.len() == 2).then_some(());
        eventually("the other is written down", SOON, known).await;
        other.close().await.expect("a close");
        wait_until("the other is taken over for", SOON, || log.done(Role::Worker, "w:2") == 1).await;
        nothing_is_left_to_take_over(&first.cluster, 1).await;
        assert_eq!(log.done_for(&lost_life), 1);
    }
}

#[tokio::test]
async fn old_dead_marks_are_removed() {
    for settings in every() {
        let (log, beats) = (TakeOverLog::default(), ["registry.cluster.max-heartbeat-interval=1h"]);
        // It has not heard of its mark yet.
        let hung = register(&cluster(&settings, &beats).await, &worker("hung:1", &[])).await;
        let keeps = start(&settings, "m:1", &log, &[]).await;
        for server in [worker("gone:1", &[]), master("gone:2"), hung.server().clone()] {
            keeps.cluster.mark_dead(&server).await.expect("a mark");
        }
        // The second master removes nothing as long as the first is there, which keeps them for longer.
        let _second = start(&settings, "m:2", &log, &["registry.cluster.dead-mark-retention=100ms"]).await;
        let registry = keeps.cluster.registry().clone();
        keeps.membership.leave().await.expect("it leaves");
        let left = async || (marks_on(&registry).await == ["/dead-servers/worker_hung:1"]).then_some(());
        eventually("old marks are removed", SOON, left).await;
        // A mark that is put again is as old as that.
        keeps.cluster.mark_dead(&worker("gone:1", &[])).await.expect("a mark");
        eventually("so is a new one", SOON, left).await;
        drop(hung);
    }
}

#[tokio::test]
async fn only_a_master_takes_over() {
    let one = cluster(&memory(), &[]).await;
    let member = register(&one, &worker("w:1", &[])).await;
    let host = Host { name: String::new(), log: TakeOverLog::default() };
    let refused = member.fail_over(host).await.expect_err("a worker");
    assert_eq!(refused.message(), "worker w:1 can't take over for others, only a master can");
}

#[tokio::test]
async fn a_cut_off_master_waits_before_its_take_over() {
    for (settings, ending) in Ending::each() {
        let Ending::CutOff(way) = &ending else { continue };
        let log = TakeOverLog::default();
        let _other = start(&settings, "m:2", &log, &[]).await;
        let settings = ending.awaits(settings).set("registry.disconnect-strategy=wait");
        // It beats all the time, so that a beat is on its way when it is cut off: that must not keep it from waiting.
        let cut = start(&settings, "m:1", &log, &["registry.cluster.max-heartbeat-interval=1ms"]).await;
        let lost_life = incarnation(&cut.membership);
        let mut standings = cut.membership.states();
        let waits = tokio::spawn(async move {
            standings
                .wait_for(|standing| !matches!(standing, MembershipState::Serving))
                .await
                .map(drop)
                .expect("it waits");
            std::time::Instant::now()
        });
        way.cut();
        wait_until("it is taken over for", SOON * 4, || log.done_for(&lost_life) == 1).await;
        let taken_over = std::time::Instant::now();
        let waited = waits.await.expect("no panic");
        assert!(waited < taken_over, "it has waited for {:?} by then", taken_over - waited);
        assert!(cut.membership.slot().is_err());
        way.reset();
        way.heal();
        let stop = stopped(&cut.membership).await;
        assert!(matches!(*stop, Stop::FailedOver | Stop::DeclaredDead), "{stop}");
    }
}
