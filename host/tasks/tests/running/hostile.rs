//! Output that is too much, and a disk that takes none.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::Trial;
use registry_cluster::Incarnation;
use registry_tasks::record::{Outcome, TaskId, TaskResult, WorkerRef};
use registry_tasks::run::{Executor, How};
use registry_tasks::spool::{Spool, Spooled};

use crate::support::{Worker, job, trial, within};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("output_without_end_is_taken_in_bounded_space", flood),
        trial("a_full_disk_costs_output_and_no_result", full_disk),
    ]
}

async fn flood() {
    let worker = Worker::one();
    for (command, bytes, tail) in [
        ("yes 0123456 | head -c 104857600; echo end", 104_857_604, "0123456\nend\n"),
        ("head -c 20000000 /dev/zero; printf end", 20_000_003, "\0\0end"),
    ] {
        let finished = worker.run(&["sh", "-c", command]).await;
        assert_eq!((&finished.how, finished.output_bytes), (&How::Exited(0), bytes), "{command}");
        assert!(finished.tail.ends_with(tail) && finished.tail.len() <= 4096, "{command}");
        let sizes = fs::read_dir(worker.output()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
        let kept: u64 = sizes.sum();
        assert!(kept <= 1_000_000 && kept + finished.dropped_bytes == bytes, "{kept} of {bytes}");
        let mut logs = worker.executor.logs("t", None).unwrap().unwrap();
        let mut read = Vec::new();
        while let Some(chunk) = logs.next().await.unwrap() {
            read.extend(chunk);
        }
        let said = format!("\n[{} bytes of the output were not kept]\n", finished.dropped_bytes);
        assert!(read.windows(said.len()).any(|part| part == said.as_bytes()));
        assert_eq!(read.len() as u64, kept + said.len() as u64);
    }
}

const FULL_DISK: &str = "--on-a-small-disk";

/// Runs [`on_a_full_disk`] in a mount namespace with a small disk of its own.
async fn full_disk() {
    let Some(mut namespace) = registry_test_servers::mount_namespace() else {
        eprintln!("this proves nothing here: the system gives no mount namespace");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" "$3" "$1""#;
    let program = std::env::current_exe().unwrap();
    let ran =
        namespace.args(["sh", "-c", script, "sh"]).arg(folder.path()).arg(program).arg(FULL_DISK).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// The other half of [`full_disk`], as a process of its own.
pub(crate) fn full_disk_main() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != FULL_DISK {
        return None;
    }
    let folder = arguments.next()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().ok()?;
    runtime.block_on(on_a_full_disk(Path::new(&folder)));
    Some(ExitCode::SUCCESS)
}

async fn on_a_full_disk(folder: &Path) {
    let executor = Executor::without_cgroups(folder, 100_000_000).unwrap();
    let spool = Spool::open(&folder.join("spool")).unwrap();
    let running = executor.start(job(&["sh", "-c", "head -c 1000000 /dev/zero; echo end; exit 3"]));
    let finished = within(running.finished()).await;
    assert_eq!((&finished.how, finished.output_bytes), (&How::Exited(3), 1_000_004));
    assert!(finished.dropped_bytes > 500_000 && finished.tail.ends_with("end\n"));
    // Not a byte is left.
    let _ = fs::write(folder.join("filler"), vec![0; 1_000_000]);
    let id = TaskId::new("t").unwrap();
    let worker = WorkerRef { address: "w:1".to_owned(), incarnation: Incarnation { startup_time: 1, process_id: 1 } };
    let result = TaskResult {
        id: id.clone(),
        attempt: 1,
        worker: worker.clone(),
        outcome: Outcome::Exited { code: 3 },
        tail: "x".repeat(4096),
        started: 1,
        ended: 2,
        output_bytes: 1,
        dropped_bytes: 0,
    };
    let spooled = Spooled { master: "m:1".to_owned(), result };
    spool.put(spooled.clone());
    assert!(!spool.save() && spool.has(&id, 1), "it is kept in memory");
    assert!(fs::read_dir(folder.join("spool")).unwrap().next().is_none(), "half a file takes room");
    fs::remove_file(folder.join("filler")).unwrap();
    executor.prune(0, 0).unwrap();
    executor.clean("t", 1).unwrap();
    executor.prune(0, 0).unwrap();
    assert!(spool.save());
    assert_eq!(Spool::open(&folder.join("spool")).unwrap().pending(), [spooled]);
}
