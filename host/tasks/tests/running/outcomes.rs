//! How commands end by themselves, and what they are given.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use libtest_mimic::Trial;
use registry_tasks::run::{How, Job, Reason};

use crate::support::{Worker, cancel, eventually, job, lives, pids, trial, within};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_command_ends_with_its_own_code_and_the_end_of_its_output", codes),
        trial("a_command_has_a_clean_environment_and_nothing_to_read", environment),
        trial("a_command_that_can_not_be_run_gets_the_shells_codes", not_run),
        trial("a_command_runs_in_a_folder_of_its_own_or_in_the_given_one", folders),
        trial("what_a_command_leaves_is_ended_with_it", survivors),
        trial("cancelling_and_finishing_at_once_give_one_true_answer", races),
        trial("output_is_read_while_it_is_written", follows),
    ]
}

async fn codes() {
    for worker in Worker::each() {
        let finished = worker.run(&["sh", "-c", "echo out; echo err >&2; exit 7"]).await;
        assert_eq!((&finished.how, finished.tail.as_str()), (&How::Exited(7), "out\nerr\n"));
        assert_eq!((finished.output_bytes, finished.dropped_bytes), (8, 0));
        assert!(finished.started <= finished.ended);
        assert_eq!(worker.run(&["sh", "-c", "kill -9 $$"]).await.how, How::Signalled(9));
        let mut timed = job(&["sleep", "600"]);
        timed.timeout = Some(Duration::from_millis(100));
        assert_eq!(within(worker.executor.start(timed).finished()).await.how, How::Stopped(Reason::TimedOut));
    }
}

async fn environment() {
    let worker = Worker::one();
    let given =
        vec![("GIVEN".to_owned(), "a b\n$HOME".to_owned()), ("REGISTRY_TASK_ID".to_owned(), "forged".to_owned())];
    let job = Job { environment: given, attempt: 3, ..job(&["env", "-0"]) };
    let finished = within(worker.executor.start(job).finished()).await;
    let mut found: Vec<_> = finished.tail.split_terminator('\0').collect();
    found.sort_unstable();
    let path = format!("PATH={}", std::env::var("PATH").unwrap());
    assert_eq!(found, ["GIVEN=a b\n$HOME", &path, "REGISTRY_TASK_ATTEMPT=3", "REGISTRY_TASK_ID=t"]);
    assert_eq!(worker.run(&["cat"]).await.how, How::Exited(0));
    let descriptors = worker.run(&["sh", "-c", "ls /proc/self/fd | wc -l"]).await;
    // Three of its own, and that of the folder that it lists.
    assert_eq!(descriptors.tail.trim(), "4", "nothing of the worker's is open in it");
}

async fn not_run() {
    let worker = Worker::one();
    let refused = async |command: &[&str], folder: Option<&str>| {
        let job = Job { folder: folder.map(Into::into), ..job(command) };
        match &within(worker.executor.start(job).finished()).await.how {
            How::NotRun { code, why } => (*code, why.clone()),
            other => panic!("{command:?}: {other:?}"),
        }
    };
    assert_eq!(refused(&["no-such-program"], None).await.0, 127);
    let file = worker.data.path().join("plain");
    fs::write(&file, "text").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, why) = refused(&[file.to_str().unwrap()], None).await;
    assert!(code == 126 && why.contains("denied"), "{why}");
    assert_eq!(refused(&["/"], None).await.0, 126);
    let (code, why) = refused(&["true"], Some("/nonexistent")).await;
    assert!(code == 126 && why.contains("/nonexistent"), "{why}");
    // More than the system allows for one argument.
    assert_eq!(refused(&["true", &"x".repeat(200_000)], None).await.0, 126);
}

async fn folders() {
    let worker = Worker::one();
    let own = worker.run(&["sh", "-c", "echo kept > file; pwd"]).await;
    assert_eq!(own.tail.trim(), worker.work().to_str().unwrap());
    worker.executor.clean("t", 1).unwrap();
    assert!(!worker.work().exists() && worker.output().exists());
    let other = tempfile::tempdir().unwrap();
    let given = Job { folder: Some(other.path().to_owned()), ..job(&["sh", "-c", "echo kept > file; pwd"]) };
    let given = within(worker.executor.start(given).finished()).await;
    assert_eq!(given.tail.trim(), other.path().to_str().unwrap());
    worker.executor.clean("t", 1).unwrap();
    assert!(other.path().join("file").exists(), "what was given is not the worker's to remove");
}

async fn survivors() {
    for worker in Worker::each() {
        let script = "sleep 600 & echo $! > left; setsid sh -c 'trap \"\" TERM; echo $$ >> left; sleep 600' & \
                      while [ $(wc -l < left) -lt 2 ]; do sleep 0.01; done; exit 4";
        assert_eq!(worker.run(&["sh", "-c", script]).await.how, How::Exited(4));
        let left = pids(&worker.work().join("left"));
        assert!(left.len() == 2 && !left.iter().any(|pid| lives(*pid)), "{left:?}");
    }
}

async fn races() {
    let worker = Worker::one();
    let mut cancelled = 0;
    for round in 0..60 {
        let job = Job { id: format!("r{round}"), ..job(&["sh", "-c", "echo done"]) };
        let running = worker.executor.start(job);
        eventually("it is started", || running.pid().is_some() || running.watch().borrow().is_some()).await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        running.stop(cancel(Duration::from_secs(5)));
        let finished = within(running.finished()).await;
        match &finished.how {
            How::Exited(0) => assert_eq!(finished.tail, "done\n", "it says that it ended by itself"),
            How::Stopped(Reason::Cancelled) => cancelled += 1,
            other => panic!("{other:?}"),
        }
    }
    eprintln!("{cancelled} of 60 were cancelled");
}

async fn follows() {
    let worker = Worker::one();
    let running = worker.start(&["sh", "-c", "echo one; while [ ! -e go ]; do sleep 0.01; done; echo two"]);
    let file = worker.work().join("go");
    eventually("the first line", || fs::read_dir(worker.output()).is_ok_and(|files| files.count() > 0)).await;
    let mut logs = worker.executor.logs("t", None).unwrap().unwrap().follow(running.watch());
    assert_eq!(within(logs.next()).await.unwrap().unwrap(), b"one\n");
    fs::write(file, "").unwrap();
    assert_eq!(within(logs.next()).await.unwrap().unwrap(), b"two\n");
    assert_eq!(within(logs.next()).await.unwrap(), None);
    let mut last = worker.executor.logs("t", Some(1)).unwrap().unwrap().last_lines(1).await.unwrap();
    assert_eq!(last.next().await.unwrap().unwrap(), b"two\n");
    assert!(worker.executor.logs("t", Some(2)).unwrap().is_none());
}
