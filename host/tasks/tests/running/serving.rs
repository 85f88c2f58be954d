//! Whole workers, and a master that a test plays itself, on every backend.

mod master;
mod setting;

use std::time::Duration;

use libtest_mimic::Trial;
use registry_cluster::{Server, Status};
use registry_tasks::record::{Outcome, State};
use registry_tasks::run::DEFAULT_PATH;

use self::setting::{Setting, Started};
use crate::support::{eventually, lives, pids, trial, within};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_task_is_accepted_then_run_and_its_result_is_reported", accepts),
        trial("a_task_whose_record_has_changed_is_never_started", refuses),
        trial("a_full_worker_refuses_or_queues", full),
        trial("a_worker_that_drains_lets_tasks_end_and_hands_back_the_rest", drains),
        trial("a_worker_that_is_declared_dead_ends_its_commands_and_stops", declared_dead),
        trial("a_worker_whose_session_is_lost_ends_its_commands", cut_off),
        trial("a_result_is_kept_until_any_master_records_it", keeps),
    ]
}

/// A command that writes its number, and runs on.
const LONG: [&str; 3] = ["sh", "-c", "echo $$ >> \"$FILE\"; while :; do sleep 0.1; done"];

async fn accepts() {
    for setting in Setting::each().await {
        let worker = setting.worker(&[]).await;
        let sent = setting.send("a", &["sh", "-c", "echo one; echo two; exit 3"], &worker).await;
        assert_eq!(worker.dispatch(&sent).await, Ok(()));
        let result = setting.master.result("a").await;
        assert_eq!((&result.outcome, result.tail.as_str()), (&Outcome::Exited { code: 3 }, "one\ntwo\n"));
        assert_eq!(setting.state("a").await, State::Accepted, "the rest is for the master to write");
        assert_eq!(worker.logs("a", Some(1)).await, Ok("two\n".to_owned()));
        assert!(worker.logs("b", None).await.unwrap_err().contains("no output of the task b"));
        // What comes late, or twice, starts nothing.
        let again = worker.dispatch(&sent).await.unwrap_err();
        assert!(again.contains("changed"), "{again}");

        let mut long = setting.record("long", &LONG);
        long.spec.env.insert("FILE".to_owned(), setting.file("long").display().to_string());
        let sent = setting.sent(long, &worker).await;
        assert_eq!(worker.dispatch(&sent).await, Ok(()));
        assert_eq!(worker.dispatch(&sent).await, Ok(()), "it has it");
        eventually("it runs", || pids(&setting.file("long")).len() == 1).await;
        setting.eventually("long", State::Running).await;
        assert!(worker.stop("long", 1).await && !worker.stop("long", 2).await);
        assert_eq!(setting.master.result("long").await.outcome, Outcome::Cancelled);
        assert!(!lives(pids(&setting.file("long"))[0]));
        worker.end().await.unwrap();
    }
    assert!(DEFAULT_PATH.starts_with("/usr"));
}

async fn refuses() {
    for setting in Setting::each().await {
        let worker = setting.worker(&[]).await;
        let touch = |name: &str| format!("touch {}", setting.file(name).display());
        let late = setting.send("late", &["sh", "-c", &touch("late")], &worker).await;
        let back = late.record.sent_back("no answer", Duration::ZERO, 1).unwrap();
        setting.store.replace(back, late.version).await.unwrap().unwrap();
        let why = worker.dispatch(&late).await.unwrap_err();
        assert!(why.contains("changed"), "{why}");
        let mut other = setting.send("other", &["sh", "-c", &touch("other")], &worker).await;
        other.record.worker.as_mut().unwrap().incarnation.startup_time += 1;
        let why = worker.dispatch(&other).await.unwrap_err();
        assert!(why.contains("another"), "{why}");
        worker.end().await.unwrap();
        assert!(!setting.file("late").exists() && !setting.file("other").exists());
    }
}

async fn full() {
    let setting = Setting::one().await;
    let rejecting = setting.worker(&["worker.exec-threads=1"]).await;
    let first = setting.send_long("first", &rejecting).await;
    assert_eq!(rejecting.dispatch(&first).await, Ok(()));
    let second = setting.send("second", &["true"], &rejecting).await;
    let why = rejecting.dispatch(&second).await.unwrap_err();
    assert!(why.contains("1 at most"), "{why}");
    assert!(rejecting.stop("first", 1).await);
    setting.master.result("first").await;
    rejecting.end().await.unwrap();

    let queueing = setting.worker(&["worker.exec-threads=1", "worker.task-execute-threads-full-policy=CONTINUE"]).await;
    for (id, command) in [("third", &LONG[..]), ("fourth", &["true"]), ("fifth", &["true"])] {
        let mut record = setting.record(id, command);
        record.spec.env.insert("FILE".to_owned(), setting.file(id).display().to_string());
        assert_eq!(queueing.dispatch(&setting.sent(record, &queueing).await).await, Ok(()));
    }
    setting.eventually("fourth", State::Accepted).await;
    assert!(queueing.stop("fifth", 1).await, "one that waits is cancelled at once");
    assert_eq!(setting.master.result("fifth").await.outcome, Outcome::Cancelled);
    assert!(queueing.stop("third", 1).await);
    assert_eq!(setting.master.result("fourth").await.outcome, Outcome::Exited { code: 0 });
    queueing.end().await.unwrap();
}

async fn drains() {
    for setting in Setting::each().await {
        let worker = setting.worker(&["worker.drain-deadline=600s"]).await;
        let go = setting.file("go");
        let script = format!("while [ ! -e {} ]; do sleep 0.01; done; echo ended", go.display());
        let running = setting.send("running", &["sh", "-c", &script], &worker).await;
        assert_eq!(worker.dispatch(&running).await, Ok(()));
        let other = setting.send("other", &["true"], &worker).await;
        worker.ask();
        let status = || setting.cluster.workers("default").now().first().and_then(|worker| worker.status());
        eventually("it says that it drains", || status() == Some(Status::Draining)).await;
        let why = worker.dispatch(&other).await.unwrap_err();
        assert!(why.contains("drains"), "{why}");
        std::fs::write(go, "").unwrap();
        within(worker.ended()).await.unwrap();
        assert_eq!(setting.master.result("running").await.outcome, Outcome::Exited { code: 0 });
        eventually("it has left", || setting.cluster.workers("default").now().is_empty()).await;

        let hasty = setting.worker(&["worker.drain-deadline=100ms"]).await;
        let long = setting.send_long("long", &hasty).await;
        assert_eq!(hasty.dispatch(&long).await, Ok(()));
        eventually("it runs", || pids(&setting.file("long")).len() == 1).await;
        hasty.end().await.unwrap();
        let result = setting.master.result("long").await;
        assert!(matches!(result.outcome, Outcome::HandedBack { started: true, .. }), "{:?}", result.outcome);
        assert!(!lives(pids(&setting.file("long"))[0]));
    }
}

async fn declared_dead() {
    for setting in Setting::each().await {
        let worker = setting.worker(&[]).await;
        let long = setting.send_long("long", &worker).await;
        assert_eq!(worker.dispatch(&long).await, Ok(()));
        eventually("it runs", || pids(&setting.file("long")).len() == 1).await;
        let server = Server::worker(&worker.address, ["default"]).unwrap();
        setting.cluster.mark_dead(&server).await.unwrap();
        eventually("its entries are released", || setting.cluster.workers("default").now().is_empty()).await;
        assert!(!lives(pids(&setting.file("long"))[0]), "its command has ended before");
        let stopped = within(worker.ended()).await.unwrap_err();
        assert!(stopped.contains("declared dead"), "{stopped}");
    }
}

async fn cut_off() {
    for (setting, ending) in Setting::each_whose_session_may_end().await {
        let worker = setting.worker(&["registry.disconnect-strategy=wait"]).await;
        let long = setting.send_long("long", &worker).await;
        assert_eq!(worker.dispatch(&long).await, Ok(()));
        eventually("it runs", || pids(&setting.file("long")).len() == 1).await;
        within(ending.of(&worker.registry)).await;
        let result = setting.master.result("long").await;
        assert!(matches!(result.outcome, Outcome::Lost { .. }), "{:?}", result.outcome);
        assert!(!lives(pids(&setting.file("long"))[0]));
        worker.end().await.unwrap();
    }
}

async fn keeps() {
    for setting in Setting::each().await {
        let worker = setting.worker(&[]).await;
        setting.master.refuse(true);
        let sent = setting.send("a", &["sh", "-c", "echo kept; exit 4"], &worker).await;
        assert_eq!(worker.dispatch(&sent).await, Ok(()));
        eventually("it is offered", || setting.master.refused() > 0).await;
        let other = setting.another_master().await;
        let result = other.result("a").await;
        assert_eq!((&result.outcome, result.tail.as_str()), (&Outcome::Exited { code: 4 }, "kept\n"));
        other.refuse(true);

        // A worker that ends with a result that nobody takes.
        let sent = setting.send("b", &["sh", "-c", "exit 5"], &worker).await;
        assert_eq!(worker.dispatch(&sent).await, Ok(()));
        eventually("both are asked", || other.refused() > 0).await;
        let Started { data, .. } = worker.abandon().await;
        other.refuse(false);
        let next = setting.worker_with(&[], data).await;
        let result = other.result("b").await;
        assert_eq!(result.outcome, Outcome::Exited { code: 5 });
        assert_ne!(result.worker.incarnation, next.incarnation(&setting), "it is the former one's");
        next.end().await.unwrap();
        setting.master.refuse(false);
    }
}
