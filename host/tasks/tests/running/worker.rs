//! What becomes of commands whose worker is killed or stopped.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use registry_supervisor::{Patience, now};
use registry_tasks::run::Executor;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{eventually, job, lives, pids, trial};

const WORKER: &str = "--as-a-worker";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_worker_that_is_killed_leaves_none_of_its_commands", killed),
        trial("a_command_ends_though_its_worker_and_its_supervisor_are_killed_at_once", both_killed),
        trial("a_command_has_nothing_open_that_whoever_started_its_worker_had", closed),
        trial("a_worker_that_is_stopped_leaves_none_of_its_commands_running", stopped),
    ]
}

/// A worker as a process of its own: with cgroups or without, in that folder.
pub(crate) fn main() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != WORKER {
        return None;
    }
    let (kind, folder) = (arguments.next()?, arguments.next()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().ok()?;
    runtime.block_on(async {
        let open = if kind == "cgroups" { Executor::open } else { Executor::without_cgroups };
        let executor = open(Path::new(&folder), 1_000_000).unwrap();
        let (pause_after, kill_after) = (Duration::from_millis(500), Some(Duration::from_secs(2)));
        executor.set_patience(Some(Patience { pause_after, kill_after }));
        executor.hold(now());
        let script = r#"trap '' TERM; echo $$ >> pids
            setsid sh -c 'echo $$ >> pids; while :; do sleep 0.1; done' &
            (setsid sh -c 'echo $$ >> pids; while :; do sleep 0.1; done' &)
            while :; do sleep 0.1; done"#;
        let _running = executor.start(job(&["sh", "-c", script]));
        println!("started");
        loop {
            executor.hold(now());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    Some(ExitCode::SUCCESS)
}

struct Started {
    worker: Child,
    pids: Vec<u32>,
    _folder: tempfile::TempDir,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.worker.kill();
        let _ = self.worker.wait();
    }
}

async fn each() -> Vec<Started> {
    let mut all = Vec::new();
    for kind in ["cgroups", "none"] {
        let folder = tempfile::tempdir().unwrap();
        // A descriptor that programs inherit.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec 9</dev/null; exec "$0" "$@""#]).arg(std::env::current_exe().unwrap());
        let mut worker = command.arg(WORKER).arg(kind).arg(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(worker.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        let file = folder.path().join("tasks/t/1/work/pids");
        eventually("all of it runs", || pids(&file).len() == 3).await;
        all.push(Started { worker, pids: pids(&file), _folder: folder });
    }
    all
}

fn signal(worker: &Child, signal: Signal) {
    kill_process(Pid::from_child(worker), signal).unwrap();
}

async fn killed() {
    for started in each().await {
        signal(&started.worker, Signal::KILL);
        eventually("none is left", || !started.pids.iter().any(|pid| lives(*pid))).await;
    }
}

async fn both_killed() {
    for mut started in each().await {
        // What the command itself has started is not promised to end so, but where there are cgroups.
        let (command, others) = started.pids.split_first().unwrap();
        let supervisor = Pid::from_raw(parent(*command)).unwrap();
        assert_eq!(parent(supervisor.as_raw_nonzero().get().cast_unsigned()), started.worker.id().cast_signed());
        // So neither sees the other end.
        signal(&started.worker, Signal::STOP);
        kill_process(supervisor, Signal::STOP).unwrap();
        signal(&started.worker, Signal::KILL);
        started.worker.wait().unwrap();
        kill_process(supervisor, Signal::KILL).unwrap();
        eventually("the command has ended", || !lives(*command)).await;
        for other in others {
            let _ = kill_process(Pid::from_raw(other.cast_signed()).unwrap(), Signal::KILL);
        }
    }
}

fn parent(pid: u32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn closed() {
    for started in each().await {
        let open = |pid: u32| std::fs::exists(format!("/proc/{pid}/fd/9")).unwrap();
        assert!(open(started.worker.id()), "the worker itself was given it");
        assert!(!open(started.pids[0]));
    }
}

async fn stopped() {
    for started in each().await {
        signal(&started.worker, Signal::STOP);
        eventually("none is left", || !started.pids.iter().any(|pid| lives(*pid))).await;
    }
}
