//! A master beside workers that do as they are told: on memory, etcd and ZooKeeper.

mod support;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use registry_suite::{SOON, eventually};
use registry_tasks::protocol::messages::Decision;
use registry_tasks::record::{Cancel, Outcome, Spec, State, TaskId};
use support::{Site, every};

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
async fn a_worker_that_answers_late_does_not_get_it_a_second_time() {
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
async fn a_worker_that_is_full_is_passed_over_and_a_failed_command_run_again() {
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
async fn somebody_is_alerted_once_of_each_task_and_each_server_that_ends_badly() {
    let site = Site::new(support::memory()).await;
    let folder = tempfile::tempdir().unwrap();
    let heard = folder.path().join("heard");
    let command = format!("master.alert.command=cat >> '{}'", heard.display());
    let (_one, _two) = (site.master(&[&command]).await, site.master(&[&command]).await);
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
    let alerts = || -> Vec<String> {
        let text = std::fs::read_to_string(&heard).unwrap_or_default();
        let about = |alert: serde_json::Value| {
            let about = alert["id"].as_str().unwrap_or("a server").to_owned();
            format!("{about} {}", alert["state"].as_str().unwrap_or("is gone"))
        };
        let mut alerts: Vec<_> = text.lines().map(|line| about(serde_json::from_str(line).unwrap())).collect();
        alerts.sort_unstable();
        alerts
    };
    let expected = ["a server is gone", "bad failed", "lost unknown"];
    eventually("all are told of", SOON * 2, async || (alerts().len() >= 3).then_some(())).await;
    // Whoever would alert a second time does so soon.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(alerts(), expected);
}
