//! A master beside workers that do as they are told: on memory, etcd and ZooKeeper.

mod support;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use registry_suite::{SOON, eventually};
use registry_tasks::protocol::messages::Decision;
use registry_tasks::record::{Cancel, Outcome, Record, Spec, State, TaskId, now};
use support::{Hooked, Site, every};

fn spec(group: &str) -> Spec {
    Spec { group: group.to_owned(), ..Spec::new(["true"]) }
}

fn id(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_handed_out_and_its_result_recorded() {
    for settings in every() {
        let site = Site::new(settings).await;
        let _master = site.master(&[]).await;
        let mut worker = site.worker("default", 2, &[]).await;
        let client = site.client().await;
        let submitted = client.submit(&id("a"), &spec("default")).await.unwrap();
        assert!(!submitted.existed);
        assert!(client.submit(&id("a"), &spec("default")).await.unwrap().existed);
        let task = worker.next().await;
        assert_eq!((task.record.id.as_str(), task.record.attempt, task.record.state), ("a", 1, State::Sent));
        let accepted = worker.accept(task).await.expect("nobody else has it");
        let decision = worker.report(&accepted.record, Outcome::Exited { code: 0 }).await;
        assert_eq!(decision, Decision::Recorded);
        let ended = site.ended(&client, "a").await;
        assert_eq!((ended.state, ended.attempt, ended.exit_code), (State::Succeeded, 1, Some(0)));
        // Told once more, as by a worker that has not heard the answer: nothing changes.
        assert_eq!(worker.report(&accepted.record, Outcome::Exited { code: 9 }).await, Decision::Recorded);
        assert_eq!(client.store().get(&id("a")).await.unwrap().unwrap().record, ended);
        assert_eq!(worker.report_of("nobody", Outcome::Exited { code: 0 }).await, Decision::NoSuchTask);
    }
}

/// All of it runs on one thread, for the counter's sake.
#[tokio::test]
async fn a_task_costs_four_txns() {
    let recorder = DebuggingRecorder::new();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let quiet = "registry.cluster.max-heartbeat-interval=10m";
    let site = Site::new(support::memory()).await;
    let _master = site.master(&[quiet]).await;
    let mut worker = site.worker("default", 100, &[quiet]).await;
    let client = site.client().await;
    // A snapshot sets the counters back.
    let txns = || -> u64 {
        let counted = recorder.snapshotter().snapshot().into_vec().into_iter();
        let of_txns = counted.filter(|(key, ..)| {
            key.key().name() == "registry_operations_total"
                && key.key().labels().any(|label| ["put", "txn", "delete"].contains(&label.value()))
        });
        of_txns.map(|(_, _, _, value)| if let DebugValue::Counter(count) = value { count } else { 0 }).sum()
    };
    txns();
    for number in 0..10 {
        client.submit(&id(&format!("t{number}")), &spec("default")).await.unwrap();
        let task = worker.next().await;
        let accepted = worker.accept(task).await.unwrap();
        worker.report(&accepted.record, Outcome::Exited { code: 0 }).await;
    }
    assert_eq!(txns(), 40);
    assert!(worker.has_nothing_more(), "a task was sent a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_answers_late_gets_it_once() {
    for settings in every() {
        let site = Site::new(settings).await;
        let _master = site.master(&["master.dispatch-timeout=100ms"]).await;
        let mut first = site.worker("default", 2, &[]).await;
        let client = site.client().await;
        client.submit(&id("a"), &spec("default")).await.unwrap();
        let late = first.next().await;
        let mut second = site.worker("default", 2, &[]).await;
        // The first has not answered: the master gives up on it, and sends it to the other.
        first.silence();
        let sent = second.next().await;
        assert_eq!(sent.record.attempt, 1, "nobody has accepted the first");
        let accepted = second.accept(sent).await.expect("it is this one's");
        assert!(first.accept(late).await.is_none(), "it was sent elsewhere since");
        second.report(&accepted.record, Outcome::Exited { code: 0 }).await;
        assert_eq!(site.ended(&client, "a").await.worker, accepted.record.worker);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_had_is_run_elsewhere_or_unknown() {
    for settings in every() {
        let site = Site::new(settings).await;
        let _master = site.master(&[]).await;
        let mut first = site.worker("default", 9, &["registry.session-timeout=4s"]).await;
        let client = site.client().await;
        client.submit(&id("twice"), &spec("default")).await.unwrap();
        let twice = first.next().await;
        let twice = first.accept(twice).await.unwrap();
        client.submit(&id("once"), &Spec { at_most_once: true, ..spec("default") }).await.unwrap();
        let once = first.next().await;
        first.accept(once).await.unwrap();
        client.submit(&id("sent"), &Spec { at_most_once: true, ..spec("default") }).await.unwrap();
        let sent = first.next().await;
        let mut second = site.worker("default", 9, &[]).await;
        let first = first.die(&site).await;

        let mut again = second.next_of(2).await;
        again.sort_by(|left, right| left.record.id.cmp(&right.record.id));
        let [not_accepted, again] = <[_; 2]>::try_from(again).unwrap();
        assert_eq!((not_accepted.record.id.as_str(), not_accepted.record.attempt), ("sent", 1));
        assert_eq!((again.record.id.as_str(), again.record.attempt), ("twice", 2));
        let again = second.accept(again).await.unwrap();
        let unknown = site.ended(&client, "once").await;
        assert_eq!((unknown.state, unknown.attempt), (State::Unknown, 1));
        assert!(unknown.why.unwrap().contains("is gone"));

        // What it has not told before it died comes late, and counts for nothing.
        assert_eq!(first.report(&twice.record, Outcome::Exited { code: 9 }).await, Decision::Superseded);
        assert!(first.accept(sent).await.is_none());
        second.report(&again.record, Outcome::Exited { code: 0 }).await;
        let ended = site.ended(&client, "twice").await;
        assert_eq!((ended.state, ended.exit_code), (State::Succeeded, Some(0)));
        assert_eq!((ended.earlier[0].superseded, ended.earlier[0].exit_code), (true, Some(9)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_goes_on_where_one_has_died() {
    for settings in every() {
        let site = Site::new(settings).await;
        let dying = site.master(&["registry.session-timeout=4s"]).await;
        let mut worker = site.worker("default", 100, &[]).await;
        let client = site.client().await;
        for number in 0..20 {
            client.submit(&id(&format!("t{number}")), &spec("default")).await.unwrap();
        }
        let _other = site.master(&[]).await;
        dying.die();
        for number in 20..40 {
            client.submit(&id(&format!("t{number}")), &spec("default")).await.unwrap();
        }
        let mut accepted = std::collections::BTreeSet::new();
        while accepted.len() < 40 {
            // One that the dead master has sent is sent again: the same attempt, which nobody has accepted.
            let task = worker.next().await;
            if let Some(stored) = worker.accept(task).await {
                assert!(accepted.insert(stored.record.id.clone()), "{} was accepted twice", stored.record.id);
                worker.report(&stored.record, Outcome::Exited { code: 0 }).await;
            }
        }
        for number in 0..40 {
            let ended = site.ended(&client, &format!("t{number}")).await;
            assert_eq!((ended.state, ended.attempt), (State::Succeeded, 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_cancelled_whether_they_wait_or_run() {
    let site = Site::new(support::memory()).await;
    let _master = site.master(&[]).await;
    let client = site.client().await;
    let cancel = Cancel { signal: 2, grace: 500 };
    client.submit(&id("waits"), &spec("default")).await.unwrap();
    assert_eq!(client.cancel(&id("waits"), cancel).await.unwrap().state, State::Cancelled);
    let again = client.cancel(&id("waits"), cancel).await.unwrap_err().to_string();
    assert!(again.contains("is cancelled"), "{again}");

    let mut worker = site.worker("default", 1, &[]).await;
    client.submit(&id("runs"), &spec("default")).await.unwrap();
    let task = worker.next().await;
    let accepted = worker.accept(task).await.unwrap();
    assert_eq!(client.cancel(&id("runs"), cancel).await.unwrap().state, State::Accepted);
    // The first word is lost: it is told again.
    worker.stop_told("runs", 1, 2).await;
    worker.stop_told("runs", 1, 2).await;
    worker.report(&accepted.record, Outcome::Cancelled).await;
    assert_eq!(site.ended(&client, "runs").await.state, State::Cancelled);
    let retried = client.retry(&id("runs")).await.unwrap();
    assert_eq!((retried.state, retried.attempt, retried.cancel), (State::Waiting, 2, None));
    assert_eq!(worker.next().await.record.attempt, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_urgent_go_first_and_no_group_waits_for_another() {
    let site = Site::new(support::memory()).await;
    let client_first = site.client().await;
    let _master = site.master(&[]).await;
    let late = Spec { queue_timeout: Some(300), ..spec("nowhere") };
    client_first.submit(&id("nowhere"), &late).await.unwrap();
    for (name, priority) in [("low", 5), ("middle", 3), ("high", 1), ("second", 3)] {
        client_first.submit(&id(name), &Spec { priority, ..spec("default") }).await.unwrap();
    }
    // It runs one at a time.
    let mut worker = site.worker("default", 1, &[]).await;
    for expected in ["high", "middle", "second", "low"] {
        let task = worker.next().await;
        assert_eq!(task.record.id.as_str(), expected);
        let accepted = worker.accept(task).await.unwrap();
        worker.report(&accepted.record, Outcome::Exited { code: 0 }).await;
    }
    let expired = site.ended(&client_first, "nowhere").await;
    assert_eq!((expired.state, expired.attempt), (State::TimedOut, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn full_workers_are_skipped_and_failed_commands_retried() {
    let site = Site::new(support::memory()).await;
    let _master = site.master(&[]).await;
    let mut full = site.worker("default", 100, &[]).await;
    let client = site.client().await;
    client.submit(&id("a"), &Spec { retries: 1, ..spec("default") }).await.unwrap();
    full.next().await.refuse("it runs as many as it may");
    let mut other = site.worker("default", 100, &[]).await;
    let first = loop {
        tokio::select! {
            task = full.next() => task.refuse("it runs as many as it may"),
            task = other.next() => break task,
        }
    };
    let first = other.accept(first).await.unwrap();
    assert_eq!(first.record.attempt, 1);
    drop(full);
    other.report(&first.record, Outcome::Exited { code: 3 }).await;
    let second = other.next().await;
    let second = other.accept(second).await.unwrap();
    assert_eq!((second.record.attempt, second.record.failures), (2, 1));
    other.report(&second.record, Outcome::Signalled { signal: 9 }).await;
    let ended = site.ended(&client, "a").await;
    assert_eq!((ended.state, ended.exit_code), (State::Failed, Some(137)));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_bounded_and_nonsense_is_left_alone() {
    let site = Site::new(support::memory()).await;
    let _master = site.master(&["master.max-tasks=2", "master.task.retention=300ms"]).await;
    let client = site.client().await;
    let key = id("nonsense").key();
    site.registry().await.put(&key, "{\"v\":1,\"id\":\"nonsense\"").await.unwrap();
    client.submit(&id("a"), &spec("default")).await.unwrap();
    // The master counts the nonsense as soon as its watch has told of it.
    let full = async || client.submit(&id("b"), &spec("default")).await.is_err().then_some(());
    eventually("the master is full", SOON, full).await;
    let refused = client.submit(&id("c"), &spec("default")).await.unwrap_err().to_string();
    assert!(refused.contains("master.max-tasks"), "{refused}");
    let unreadable = client.cancel(&id("nonsense"), Cancel { signal: 15, grace: 0 }).await.unwrap_err().to_string();
    assert!(unreadable.contains("can't be read"), "{unreadable}");
    let mut worker = site.worker("default", 1, &[]).await;
    let task = worker.next().await;
    let accepted = worker.accept(task).await.unwrap();
    worker.report(&accepted.record, Outcome::Exited { code: 0 }).await;
    let gone = async || client.store().get(&id("a")).await.unwrap().is_none().then_some(());
    eventually("the record is removed", SOON, gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_a_day_ahead_delays_nothing() {
    let site = Site::new(support::memory()).await;
    let _master = site.master(&["master.task.retention=2s"]).await;
    let mut worker = site.worker("default", 9, &[]).await;
    let client = site.client().await;
    let tomorrow = now() + 86_400_000;
    let submitted = |name: &str, spec: Spec| Record::submitted(id(name), spec, tomorrow);
    let limited = |group: &str| Spec { queue_timeout: Some(1_000), ..spec(group) };
    for (name, group) in [("runs", "default"), ("waits", "nobody")] {
        client.store().create(submitted(name, limited(group))).await.unwrap().unwrap();
    }
    let task = worker.next().await;
    assert_eq!(task.record.id.as_str(), "runs");
    let accepted = worker.accept(task).await.unwrap();
    assert_eq!(worker.report(&accepted.record, Outcome::Exited { code: 0 }).await, Decision::Recorded);
    assert_eq!(site.ended(&client, "waits").await.state, State::TimedOut);
    // One that has ended tomorrow is removed after its time as well.
    let ended = submitted("ended", spec("default")).cancelled(Cancel { signal: 15, grace: 0 }, tomorrow).unwrap();
    client.store().create(ended).await.unwrap().unwrap();
    let gone = async || client.store().get(&id("ended")).await.unwrap().is_none().then_some(());
    eventually("the record is removed", SOON, gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_end_is_alerted_once() {
    let logs = registry_suite::Logs::install();
    let site = Site::new(support::memory()).await;
    let folder = tempfile::tempdir().unwrap();
    let heard = folder.path().join("heard");
    let command = format!("master.alert.command=cat >> '{}'", heard.display());
    let hooked = Hooked::listen().await;
    let webhook = format!("master.alert.webhook=http://{}/hook/s3cret", hooked.address);
    let alerted = [command.as_str(), &webhook];
    let (_one, _two) = (site.master(&alerted).await, site.master(&alerted).await);
    let client = site.client().await;
    let mut worker = site.worker("default", 9, &["registry.session-timeout=4s"]).await;
    for (name, outcome) in [("good", Outcome::Exited { code: 0 }), ("bad", Outcome::Exited { code: 1 })] {
        client.submit(&id(name), &spec("default")).await.unwrap();
        let task = worker.next().await;
        let accepted = worker.accept(task).await.unwrap();
        worker.report(&accepted.record, outcome).await;
    }
    client.submit(&id("lost"), &Spec { at_most_once: true, ..spec("default") }).await.unwrap();
    let task = worker.next().await;
    worker.accept(task).await.unwrap();
    worker.die(&site).await;
    let about = |text: &str| {
        let alert: serde_json::Value = serde_json::from_str(text).unwrap();
        let about = alert["id"].as_str().unwrap_or("a server");
        format!("{about} {}", alert["state"].as_str().unwrap_or("is gone"))
    };
    let sorted = |mut alerts: Vec<String>| {
        alerts.sort_unstable();
        alerts
    };
    let by_command = || sorted(std::fs::read_to_string(&heard).unwrap_or_default().lines().map(about).collect());
    let by_webhook = || sorted(hooked.taken().iter().map(|(_, body)| about(body)).collect());
    let all = async || (by_command().len() >= 3 && by_webhook().len() >= 3).then_some(());
    eventually("all are told of", SOON * 2, all).await;
    // A second alert would come soon.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let expected = ["a server is gone", "bad failed", "lost unknown"];
    assert_eq!((by_command(), by_webhook()), (expected.map(str::to_owned).into(), expected.map(str::to_owned).into()));
    // One that is not taken is posted again, as the same.
    let (refused, taken) = (hooked.refused.lock().unwrap().clone(), hooked.taken());
    assert!(taken.iter().any(|(key, _)| Some(key) == refused.as_ref()), "{refused:?} in {taken:?}");

    // One that never is taken says so in the log, and says nothing of the path.
    let other = Site::new(support::memory()).await;
    let nowhere = "master.alert.webhook=http://127.0.0.1:9/hook/s3cret";
    let _master = other.master(&[nowhere, "master.alert.timeout=1s"]).await;
    let (client, mut worker) = (other.client().await, other.worker("default", 1, &[]).await);
    client.submit(&id("bad"), &spec("default")).await.unwrap();
    let task = worker.next().await;
    let accepted = worker.accept(task).await.unwrap();
    worker.report(&accepted.record, Outcome::Exited { code: 1 }).await;
    let told = async || (!logs.with("master.alert.webhook has failed").is_empty()).then_some(());
    eventually("it is said that it failed", SOON * 2, told).await;
    assert!(logs.with("s3cret").is_empty(), "{:?}", logs.with("s3cret"));
}
