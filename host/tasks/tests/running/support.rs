//! An executor in a folder of its own, and looking at processes.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use registry_tasks::run::{Executor, Finished, Job, Reason, Running, Stop};

/// How long a test waits for what has to come.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// An executor, and the folder that it has.
pub(crate) struct Worker {
    pub(crate) executor: Arc<Executor>,
    pub(crate) data: tempfile::TempDir,
}

impl Worker {
    /// One with cgroups, if they can be made here, and one without.
    pub(crate) fn each() -> Vec<Worker> {
        let data = || tempfile::tempdir().unwrap();
        let (one, other) = (data(), data());
        let with = Executor::open(one.path(), 1_000_000).unwrap();
        let without = Executor::without_cgroups(other.path(), 1_000_000).unwrap();
        vec![Worker { executor: with, data: one }, Worker { executor: without, data: other }]
    }

    pub(crate) fn one() -> Worker {
        Worker::each().pop().unwrap()
    }

    /// Where the output of the first attempt is.
    pub(crate) fn output(&self) -> std::path::PathBuf {
        self.data.path().join("tasks/t/1/output")
    }

    /// Where the first attempt of the task runs.
    pub(crate) fn work(&self) -> std::path::PathBuf {
        self.data.path().join("tasks/t/1/work")
    }

    pub(crate) fn start(&self, command: &[&str]) -> Running {
        self.executor.start(job(command))
    }

    pub(crate) async fn run(&self, command: &[&str]) -> Arc<Finished> {
        within(self.start(command).finished()).await
    }
}

/// The first attempt of a task.
pub(crate) fn job(command: &[&str]) -> Job {
    Job {
        id: "t".to_owned(),
        attempt: 1,
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        environment: Vec::new(),
        folder: None,
        timeout: None,
    }
}

pub(crate) fn cancel(grace: Duration) -> Stop {
    Stop { reason: Reason::Cancelled, signal: 15, grace }
}

/// A trial that runs on a runtime of its own.
pub(crate) fn trial<F: Future<Output = ()> + 'static>(name: &'static str, test: fn() -> F) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(test());
        Ok(())
    })
}

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.expect("it takes too long")
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < until, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The numbers that a file has, one a line.
pub(crate) fn pids(file: &Path) -> Vec<u32> {
    let text = fs::read_to_string(file).unwrap_or_default();
    // A line that is just being written has no end yet.
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.trim().parse().ok()).collect()
}

/// Whether a process has not ended. It may be stopped.
pub(crate) fn lives(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// The state of a process, as `/proc` shows it.
pub(crate) fn state(pid: u32) -> Option<char> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit_once(") ")?.1.chars().next()
}

/// All processes that have not ended and have this in their environment.
pub(crate) fn with_variable(variable: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|found| found == variable.as_bytes())
    };
    let all = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|pid| lives(*pid) && has(pid)).collect()
}
