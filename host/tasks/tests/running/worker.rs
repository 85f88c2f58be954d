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
        let mut command = Command::new(std::env::current_exe().unwrap());
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

async fn stopped() {
    for started in each().await {
        signal(&started.worker, Signal::STOP);
        eventually("none is left", || !started.pids.iter().any(|pid| lives(*pid))).await;
    }
}
