//! Ending commands that don't want to end.

use std::fs;
use std::time::Duration;

use libtest_mimic::Trial;
use registry_supervisor::{Patience, now};
use registry_tasks::run::{How, Reason};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Worker, cancel, eventually, job, lives, pids, state, trial, with_variable, within};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_command_is_asked_first_and_killed_with_all_that_it_has_started", stubborn),
        trial("processes_that_start_another_and_end_are_caught", runaway),
        trial("a_worker_that_is_not_heard_of_has_its_commands_stopped_and_then_killed", silent),
        trial("a_command_whose_supervisor_is_killed_ends_and_no_other_does", unsupervised),
        trial("a_command_whose_handle_is_dropped_ends", dropped),
    ]
}

/// It ignores SIGTERM, as do its child, one with a session of its own, and one whose parent has ended.
const STUBBORN: &str = r#"trap '' TERM; echo $$ >> pids
    setsid sh -c 'echo $$ >> pids; sleep 600; sleep 600' &
    sh -c 'echo $$ >> pids; sleep 600; sleep 600' &
    (setsid sh -c 'echo $$ >> pids; setsid sleep 600; sleep 600' &)
    while :; do sleep 1; done"#;

async fn stubborn() {
    for (number, worker) in Worker::each().into_iter().enumerate() {
        let polite =
            worker.start(&["sh", "-c", "trap 'echo asked; exit 5' TERM; echo x > ready; while :; do sleep 0.01; done"]);
        let ready = worker.work().join("ready");
        eventually("it is ready", || ready.exists()).await;
        polite.stop(cancel(Duration::from_secs(600)));
        let finished = within(polite.finished()).await;
        assert_eq!(finished.how, How::Stopped(Reason::Cancelled));
        assert!(finished.tail.ends_with("asked\n"), "{}", finished.tail);

        let mut stubborn = job(&["sh", "-c", STUBBORN]);
        stubborn.environment = vec![("STUBBORN".to_owned(), number.to_string())];
        let running = worker.executor.start(stubborn);
        let file = worker.work().join("pids");
        let mark = format!("STUBBORN={number}");
        eventually("all of it runs", || pids(&file).len() == 4 && with_variable(&mark).len() >= 8).await;
        let all = with_variable(&mark);
        running.stop(cancel(Duration::from_millis(100)));
        assert_eq!(within(running.finished()).await.how, How::Stopped(Reason::Cancelled));
        assert!(!all.iter().chain(&pids(&file)).any(|pid| lives(*pid)), "{all:?}");
    }
}

async fn runaway() {
    for (number, worker) in Worker::each().into_iter().enumerate() {
        let mut hopping =
            job(&["sh", "-c", r#"echo "$HOP" > hop.sh; sh hop.sh; sh hop.sh; while :; do sleep 1; done"#]);
        let mark = format!("{number}{}", std::process::id());
        hopping.environment = vec![
            ("HOP".to_owned(), "trap '' TERM; echo $$ >> pids; (setsid sh hop.sh &)".to_owned()),
            ("MARK".to_owned(), mark.clone()),
        ];
        let running = worker.executor.start(hopping);
        let file = worker.work().join("pids");
        eventually("they hop", || pids(&file).len() > 20).await;
        running.stop(cancel(Duration::from_millis(50)));
        assert_eq!(within(running.finished()).await.how, How::Stopped(Reason::Cancelled));
        assert_eq!(with_variable(&format!("MARK={mark}")), [] as [u32; 0]);
    }
}

async fn silent() {
    for worker in Worker::each() {
        let patience = |kill_after| Some(Patience { pause_after: Duration::from_millis(200), kill_after });
        worker.executor.set_patience(patience(None));
        let running = worker.start(&["sh", "-c", "echo $$ > pids; while :; do sleep 0.01; done"]);
        let file = worker.work().join("pids");
        eventually("it runs", || {
            worker.executor.hold(now());
            pids(&file).len() == 1
        })
        .await;
        let pid = pids(&file)[0];
        eventually("it is stopped", || state(pid) == Some('T')).await;
        eventually("it goes on", || {
            worker.executor.hold(now());
            matches!(state(pid), Some('S' | 'R'))
        })
        .await;
        running.stop(cancel(Duration::ZERO));
        within(running.finished()).await;

        worker.executor.set_patience(patience(Some(Duration::from_millis(400))));
        worker.executor.hold(now());
        let running = worker.start(&["sleep", "600"]);
        let finished = within(running.finished()).await;
        assert_eq!(finished.how, How::Stopped(Reason::CutOff));
    }
}

async fn unsupervised() {
    let worker = Worker::one();
    let mut other = job(&["sleep", "600"]);
    other.id = "other".to_owned();
    let other = worker.executor.start(other);
    let running = worker.start(&["sh", "-c", STUBBORN]);
    let file = worker.work().join("pids");
    eventually("all of it runs", || pids(&file).len() == 4 && other.pid().is_some()).await;
    let stat = fs::read_to_string(format!("/proc/{}/stat", running.pid().unwrap())).unwrap();
    let supervisor: i32 = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap();
    kill_process(Pid::from_raw(supervisor).unwrap(), Signal::KILL).unwrap();
    let finished = within(running.finished()).await;
    assert!(matches!(finished.how, How::Unknown(_)), "{:?}", finished.how);
    assert!(!pids(&file).iter().any(|pid| lives(*pid)));
    assert!(lives(other.pid().unwrap()) && other.watch().borrow().is_none());
    other.stop(cancel(Duration::ZERO));
    assert_eq!(within(other.finished()).await.how, How::Stopped(Reason::Cancelled));
}

async fn dropped() {
    let worker = Worker::one();
    let running = worker.start(&["sh", "-c", STUBBORN]);
    let file = worker.work().join("pids");
    eventually("all of it runs", || pids(&file).len() == 4).await;
    drop(running);
    eventually("all of it has ended", || !pids(&file).iter().any(|pid| lives(*pid))).await;
}
