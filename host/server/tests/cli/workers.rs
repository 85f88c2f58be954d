//! How workers end, and what becomes of what they run.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::{Running, args, eventually, memory, run, runs};
use crate::tasks::{SERVERS, Site};

/// A command that writes its number, doesn't heed SIGTERM, and ends with the second attempt.
fn stubborn(site: &Site, id: &str) -> PathBuf {
    let file = site.folder.path().join(id);
    let script = format!(
        "trap '' TERM; for pid in $(cat '{0}'); do ! grep -q '^State:.[^ZXT]' /proc/$pid/status || echo both; done \
         >> '{0}.both'; echo $$ >> '{0}'; [ $REGISTRY_TASK_ATTEMPT = 1 ] || exit 0; while :; do sleep 0.1; done",
        file.display()
    );
    fs::write(&file, "").unwrap();
    assert_eq!(site.submit(&["--id", id, "--", "sh", "-c", &script]).code, 0);
    site.becomes(id, "running");
    file
}

/// The command's processes, in the order in which they were started.
fn started(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

/// The second attempt has ended, and has found nothing of the first running.
fn ran_one_after_the_other(site: &Site, id: &str, file: &Path) {
    site.becomes(id, "succeeded");
    assert_eq!(started(file).len(), 2);
    assert_eq!(fs::read_to_string(file.with_extension("both")).unwrap(), "");
}

#[test]
fn a_worker_declared_dead_ends_its_commands_and_fails() {
    for site in Site::each() {
        let (_master, worker) = (site.master(), site.worker("one"));
        let file = stubborn(&site, "t");
        let other = site.worker("two");
        site.on.text(&["servers", "mark-dead", &worker.address]);
        let ended = worker.process.end();
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(ended.stderr.contains("declared dead"), "{ended:?}");
        assert!(!runs(&started(&file)[0]));
        ran_one_after_the_other(&site, "t", &file);
        drop(other);
    }
}

#[test]
fn a_worker_stopped_for_long_has_lost_its_commands() {
    for site in Site::each() {
        let (_master, worker) = (site.master(), site.worker("one"));
        let file = stubborn(&site, "t");
        let other = site.worker("two");
        worker.process.signal(Signal::STOP);
        ran_one_after_the_other(&site, "t", &file);
        worker.process.signal(Signal::CONT);
        assert_eq!(worker.process.end().code, 3);
        assert!(!Path::new("/proc").join(&started(&file)[0]).exists(), "it is not only stopped");
        drop(other);
    }
}

#[test]
fn a_worker_drains_when_asked_once_and_stops_when_twice() {
    for site in Site::each() {
        let (_master, worker) = (site.master(), site.worker("one"));
        let go = site.folder.path().join("go");
        let script = format!("while [ ! -e '{}' ]; do sleep 0.05; done; exit 6", go.display());
        site.submit(&["--id", "ends", "--", "sh", "-c", &script]);
        site.becomes("ends", "running");
        // As SIGTERM does.
        site.on.text(&["drain", &worker.address]);
        eventually("it drains", || site.on.text(&["servers"]).contains("draining"));
        fs::write(go, "").unwrap();
        assert_eq!(worker.process.end().code, 0);
        assert_eq!(site.becomes("ends", "failed")["exitCode"], 6);

        let worker = site.worker("two");
        let file = stubborn(&site, "t");
        worker.process.signal(Signal::TERM);
        eventually("it drains", || site.on.text(&["servers"]).contains("draining"));
        worker.process.signal(Signal::TERM);
        assert_eq!(worker.process.end().code, 0);
        assert!(!runs(&started(&file)[0]));
        let _other = site.worker("three");
        ran_one_after_the_other(&site, "t", &file);
    }
}

#[test]
fn a_task_that_fills_the_disk_is_recorded() {
    for site in Site::each() {
        let Some(mut namespace) = registry_test_servers::mount_namespace() else {
            eprintln!("this proves nothing here: the system gives no mount namespace");
            return;
        };
        let _master = site.master();
        let disk = tempfile::tempdir().unwrap();
        let data = format!("--set=worker.data-dir={}", disk.path().display());
        let worker = site.on.command(&[&SERVERS[..], &["worker", &data]].concat());
        let script = r#"mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@""#;
        namespace.args(["sh", "-c", script, "sh"]).arg(disk.path()).arg(worker.get_program()).args(worker.get_args());
        let worker = Running::start(&mut namespace);
        worker.line_where(|line| line.contains("serves the groups"));
        let fills = "head -c 4000000 /dev/zero > filler; head -c 100000 /dev/zero | tr '\\0' x; echo end; exit 3";
        assert_eq!(site.submit(&["--id", "fills", "--wait", "--", "sh", "-c", fills]).code, 3);
        assert!(site.on.text(&["tasks", "fills"]).contains("failed"));
        // Its folder is removed, and there is room for others.
        assert_eq!(site.submit(&["--wait", "--", "echo", "room"]).code, 0);
        worker.signal(Signal::TERM);
        let ended = worker.end();
        assert!(ended.code == 0 && ended.stderr.contains("can't be written to the disk"), "{ended:?}");
    }
}

#[test]
fn what_a_worker_can_not_begin_with_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let data = format!("--set=worker.data-dir={}", plain.display());
    for (options, says) in [
        (&["--groups", " , "][..], "worker.groups"),
        (&["--set=worker.groups="], "worker.groups"),
        (&["--exec-threads", "0"], "exec-threads"),
        (&["--address", "nowhere"], "host:port"),
        (&["--set=worker.listen-port=0", &data], "worker.data-dir"),
        (&["--set=worker.listen-address=0.0.0.0"], "servers.token"),
    ] {
        let refused = run(&mut args(memory(), [&["worker"], options].concat()));
        assert!(refused.code == 2 && refused.stderr.contains(says), "{options:?}: {refused:?}");
    }
}
