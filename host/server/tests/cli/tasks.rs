//! Tasks, with masters and workers as processes of their own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use registry_test_servers::Certificates;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{On, Ran, Running, eventually, file, memory, run, runs};

/// How long an answer may take.
const SOON: Duration = Duration::from_secs(60);

/// What masters and workers are told: a busy machine is no reason to refuse work, and a dead one is missed soon.
pub(crate) const SERVERS: [&str; 8] = [
    "--set=registry.cluster.max-cpu-load-avg=10000",
    "--set=registry.cluster.reserved-memory=0",
    "--set=registry.cluster.max-heartbeat-interval=500ms",
    "--set=registry.session-timeout=6s",
    "--set=master.listen-port=0",
    "--set=worker.listen-port=0",
    "--set=master.http-port=0",
    "--set=worker.http-port=0",
];

/// Masters and workers in one namespace.
pub(crate) struct Site {
    pub(crate) on: On,
    pub(crate) folder: tempfile::TempDir,
}

/// A server, and where it is.
pub(crate) struct Server {
    pub(crate) process: Running,
    pub(crate) address: String,
    /// Where its figures are.
    http: String,
}

impl Server {
    /// The status and the body of what it answers to machines.
    fn asks(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.http).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    }
}

impl Site {
    fn new(on: On) -> Self {
        Site { on, folder: tempfile::tempdir().unwrap() }
    }

    /// A site on every server that there is.
    pub(crate) fn each() -> [Self; 2] {
        On::each().map(Site::new)
    }

    fn server(&self, arguments: &[&str]) -> Server {
        let process = self.on.start(&[&SERVERS, arguments].concat());
        let ready = process.line_where(|line| line.contains("127.0.0.1:"));
        let address = ready.split(' ').find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
        let http = ready.split_once("http://").and_then(|(_, rest)| rest.split('/').next()).unwrap().to_owned();
        Server { process, address, http }
    }

    pub(crate) fn master(&self) -> Server {
        self.server(&["master"])
    }

    /// A worker of the group `default`, whose data nobody else has.
    pub(crate) fn worker(&self, name: &str) -> Server {
        let data = format!("--set=worker.data-dir={}", self.folder.path().join(name).display());
        self.server(&["worker", &data])
    }

    pub(crate) fn submit(&self, arguments: &[&str]) -> Ran {
        self.on.run(&[&["submit"], arguments].concat())
    }

    /// The task as `tasks` shows it.
    fn task(&self, id: &str) -> Value {
        self.on.objects(&["tasks", id]).remove(0)
    }

    /// Waits until the task stands so.
    #[track_caller]
    pub(crate) fn becomes(&self, id: &str, state: &str) -> Value {
        let mut task = Value::Null;
        eventually(&format!("{id} is {state}"), || {
            // It may be on its way yet.
            let shown = self.on.run(&["--output", "json", "tasks", id]);
            task = serde_json::from_slice(&shown.stdout).unwrap_or_default();
            task["state"] == state
        });
        task
    }
}

/// A command that writes a line, and another one each time that it is run.
fn noted(path: &std::path::Path, then: &str) -> Vec<String> {
    let script = format!("echo $REGISTRY_TASK_ATTEMPT >> '{}'; {then}", path.display());
    ["sh", "-c", &script].map(str::to_owned).into()
}

fn words<'a>(options: &[&'a str], command: &'a [String]) -> Vec<&'a str> {
    options.iter().copied().chain(["--"]).chain(command.iter().map(String::as_str)).collect()
}

#[test]
fn a_commands_code_and_output_come_back() {
    for site in Site::each() {
        let (master, worker) = (site.master(), site.worker("one"));
        let ran = site.submit(&["--id", "env", "--env", "COLOUR=red", "--wait", "--", "env"]);
        assert_eq!((ran.code, ran.text().trim_end(), &*ran.stderr), (0, "submitted env", ""));
        let output = site.on.text(&["logs", "env"]);
        let mut variables: Vec<_> = output.lines().map(|line| line.split('=').next().unwrap()).collect();
        variables.sort_unstable();
        assert_eq!(variables, ["COLOUR", "PATH", "REGISTRY_TASK_ATTEMPT", "REGISTRY_TASK_ID"], "{output}");
        let task = site.task("env");
        assert_eq!((&task["state"], &task["attempt"], &task["exitCode"]), (&"succeeded".into(), &1.into(), &0.into()));
        assert_eq!(task["worker"], worker.address);
        // Submitting it twice is submitting it once.
        assert_eq!(site.submit(&["--id", "env", "--env", "COLOUR=red", "--wait", "--", "env"]).code, 0);
        assert_eq!(site.task("env")["attempt"], 1);

        for (command, code) in [
            (&["sh", "-c", "exit 7"][..], 7),
            (&["sh", "-c", "kill -TERM $$"], 128 + 15),
            (&["no-such-program"], 127),
            (&["/dev/null"], 126),
        ] {
            assert_eq!(site.submit(&[&["--wait", "--"], command].concat()).code, code, "{command:?}");
        }
        let followed = site.submit(&["--follow", "--", "sh", "-c", "echo one; sleep 0.3; echo two >&2; exit 3"]);
        assert_eq!(followed.code, 3);
        assert!(followed.text().ends_with("\none\ntwo\n"), "{followed:?}");
        let retried = site.submit(&["--id", "again", "--retries", "1", "--wait", "--", "sh", "-c", "exit 5"]);
        assert_eq!((retried.code, &site.task("again")["attempt"]), (5, &2.into()));

        for (server, figures) in [
            (
                &master,
                &["registry_tasks{state=\"succeeded\"} 1", "registry_task_seconds_count{stage=\"queued\"} 8"][..],
            ),
            (
                &worker,
                &["registry_task_seconds_count{stage=\"run\"} 8", "registry_worker_results{", "registry_watch_lag"],
            ),
        ] {
            assert_eq!(server.asks("/healthz"), ("200".to_owned(), "ok\n".to_owned()));
            assert_eq!(server.asks("/readyz"), ("200".to_owned(), "ok\n".to_owned()));
            eventually("it is measured", || {
                let told = server.asks("/metrics").1;
                figures.iter().all(|figure| told.contains(figure))
            });
        }
    }
}

#[test]
fn a_killed_workers_tasks_run_elsewhere_or_are_unknown() {
    for site in Site::each() {
        let (_master, doomed) = (site.master(), site.worker("doomed"));
        let (twice, once) = (site.folder.path().join("twice"), site.folder.path().join("once"));
        // The first attempt stays, the second ends.
        let stays = noted(&twice, "[ $REGISTRY_TASK_ATTEMPT != 1 ] || exec sleep 1000");
        assert_eq!(site.submit(&words(&["--id", "twice"], &stays)).code, 0);
        let stays = noted(&once, "exec sleep 1000");
        assert_eq!(site.submit(&words(&["--id", "once", "--at-most-once"], &stays)).code, 0);
        for id in ["twice", "once"] {
            assert_eq!(site.becomes(id, "running")["worker"], doomed.address);
        }
        let other = site.worker("other");
        doomed.process.signal(Signal::KILL);
        let task = site.becomes("twice", "succeeded");
        assert_eq!((&task["attempt"], &task["worker"]), (&2.into(), &Value::from(other.address.clone())));
        assert_eq!(task["earlier"][0]["state"], "lost");
        assert!(site.becomes("once", "unknown")["why"].as_str().unwrap().contains("is gone"));
        assert_eq!(std::fs::read_to_string(&twice).unwrap(), "1\n2\n");
        assert_eq!(std::fs::read_to_string(&once).unwrap(), "1\n");
        let again = site.submit(&words(&["--id", "once", "--at-most-once", "--wait"], &stays));
        assert_eq!((again.code, again.error()), (1, again.error()));
        assert!(again.error().contains("the task once is unknown"), "{again:?}");
    }
}

#[test]
fn a_killed_master_is_missed_by_nobody() {
    for site in Site::each() {
        let (first, _worker) = (site.master(), site.worker("one"));
        let go = site.folder.path().join("go");
        let waits = format!("while [ ! -e '{}' ]; do sleep 0.05; done; exit 4", go.display());
        assert_eq!(site.submit(&["--id", "a", "--", "sh", "-c", &waits]).code, 0);
        site.becomes("a", "running");
        first.process.signal(Signal::KILL);
        drop(first);
        // It is not there any more, but its entry is until its session has ended.
        let _second = site.master();
        std::fs::write(&go, "").unwrap();
        let task = site.becomes("a", "failed");
        assert_eq!((&task["exitCode"], &task["attempt"]), (&4.into(), &1.into()));
        assert_eq!(site.submit(&["--wait", "--", "true"]).code, 0);
    }
}

#[test]
fn a_task_is_cancelled_with_all_that_it_has_started() {
    for site in Site::each() {
        let (_master, _worker) = (site.master(), site.worker("one"));
        let pids = site.folder.path().join("pids");
        let script = format!("setsid sleep 1000 & echo $! $$ > '{}'; trap '' TERM; wait", pids.display());
        let waiting = site.on.start(&["submit", "--id", "a", "--wait", "--", "sh", "-c", &script]);
        site.becomes("a", "running");
        eventually("it has begun", || std::fs::read_to_string(&pids).is_ok_and(|pids| pids.ends_with('\n')));
        let cancelled = site.on.text(&["cancel", "a", "--grace", "300ms"]);
        assert_eq!(cancelled, "the task a is told to end\n");
        let ended = waiting.end();
        assert_eq!(ended.code, 1);
        assert!(ended.error().contains("the task a is cancelled"), "{ended:?}");
        for pid in std::fs::read_to_string(&pids).unwrap().split_whitespace() {
            assert!(!runs(pid), "{pid} of the cancelled task runs");
        }
        let again = site.on.run(&["cancel", "a"]);
        assert_eq!((again.code, again.error().contains("is cancelled")), (1, true));
        assert_eq!(site.on.run(&["retry", "a"]).code, 0);
        site.becomes("a", "running");
        assert_eq!(site.on.run(&["cancel", "a", "--signal", "KILL"]).code, 0);
        site.becomes("a", "cancelled");
    }
}

#[test]
fn a_task_that_waits_says_why() {
    for site in Site::each() {
        let no_master = site.submit(&["--", "true"]);
        assert_eq!((no_master.code, no_master.error().contains("no master is running")), (3, true));
        let master = site.master();
        let warned = site.submit(&["--id", "gpu", "--group", "gpu", "--priority", "highest", "--", "true"]);
        assert_eq!((warned.code, warned.text().split_whitespace().last()), (0, Some("gpu")));
        assert!(warned.stderr.contains("no worker in the group \"gpu\""), "{warned:?}");
        let task = site.task("gpu");
        assert_eq!((&task["state"], &task["priority"]), (&"waiting".into(), &1.into()));
        assert_eq!(task["why"], "group gpu: 0 of 0 workers normal");
        let late = site.submit(&["--group", "gpu", "--queue-timeout", "300ms", "--wait", "--", "true"]);
        assert!(late.code == 1 && late.stderr.contains("is timed-out"), "{late:?}");
        assert_eq!(site.on.text(&["cancel", "gpu"]), "the task gpu is cancelled\n");
        assert_eq!(site.on.objects(&["tasks", "--state", "cancelled"]).len(), 1);
        assert_eq!(site.on.objects(&["tasks", "--group", "other"]).len(), 0);
        site.submit(&["--id", "left", "--group", "gpu", "--", "true"]);
        master.process.signal(Signal::TERM);
        assert_eq!(master.process.end().code, 0);
        assert!(site.task("left")["why"].as_str().unwrap().starts_with("no master is running"));
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_done() {
    for (arguments, code, says) in [
        (&["submit"][..], 2, "COMMAND"),
        (&["submit", "--", ""], 2, "the command is empty"),
        (&["submit", "--id", "a/b", "--", "true"], 2, "not an id of a task"),
        (&["submit", "--priority", "6", "--", "true"], 2, "highest, high, medium, low, lowest"),
        (&["submit", "--retries", "1", "--at-most-once", "--", "true"], 2, "cannot be used with"),
        (&["submit", "--env", "=x", "--", "true"], 2, "NAME=VALUE"),
        (&["submit", "--timeout", "0s", "--", "true"], 2, "longer than nothing"),
        (&["cancel", "a", "--signal", "LOUD"], 2, "TERM"),
        (&["tasks", "--state", "happy"], 2, "timed-out"),
        (&["tasks", "a"], 1, "there is no task a"),
        (&["logs", "a"], 1, "there is no task a"),
        (&["drain", "nowhere"], 2, "host:port"),
        (&["master", "--address", "0.0.0.0:0"], 2, "servers.token"),
        (&["master", "--set", "master.exec-threads=none"], 2, "master.exec-threads"),
        (&["master", "--set", "servers.token-file=/nowhere"], 2, "servers.token-file"),
    ] {
        let ran = run(memory().args(arguments));
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(says), "{arguments:?}: {ran:?}");
    }
    let large = "x".repeat(100_000);
    let ran = run(memory().args(["submit", "--", "echo", &large, &large]));
    assert!(ran.code == 2 && ran.stderr.contains("131072"), "{}", ran.stderr);
}

#[test]
fn strangers_are_refused_and_taken_ports_are_named() {
    let site = Site::new(On::etcd());
    let master = site.server(&["master", "--set=servers.token=right"]);
    let wrong = site.submit(&["--set=servers.token=wrong", "--", "true"]);
    assert!(wrong.code == 3 && wrong.stderr.contains("servers.token"), "{wrong:?}");
    assert!(!wrong.stderr.contains("wrong") && !wrong.stderr.contains("right"), "{wrong:?}");
    let (_folder, path) = file("token", "right\n");
    let token = format!("--set=servers.token-file={}", path.display());
    assert_eq!(site.submit(&[&token, "--", "true"]).code, 0);
    let port = master.address.rsplit_once(':').unwrap().1;
    let taken = site.on.run(&["master", &format!("--set=master.listen-port={port}")]);
    assert!(taken.code == 2 && taken.stderr.contains("master.listen-port"), "{taken:?}");
}

#[test]
fn only_whoever_has_a_certificate_of_theirs_speaks_to_servers() {
    let (own, other) = (Certificates::generate().unwrap(), Certificates::generate().unwrap());
    let tls = |of: &Certificates, name: &str| {
        let file = |key: &str, path: &Path| format!("--set=servers.tls.{key}={}", path.display());
        let named = |end: &str| of.folder().join(format!("{name}{end}"));
        [file("ca-file", &of.ca_file()), file("cert-file", &named(".pem")), file("key-file", &named("-key.pem"))]
    };
    let with = |sets: &[String; 3], arguments: &[&str]| -> Vec<String> {
        sets.iter().map(String::as_str).chain(arguments.iter().copied()).map(str::to_owned).collect()
    };
    for site in Site::each() {
        let data = format!("--set=worker.data-dir={}", site.folder.path().display());
        let server = |arguments: &[&str]| {
            let arguments = with(&tls(&own, "server"), arguments);
            site.server(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let (_master, _worker) = (server(&["master"]), server(&["worker", &data]));
        let submit = |sets: Option<[String; 3]>, arguments: &[&str]| {
            let plain = || arguments.iter().map(|word| (*word).to_owned()).collect();
            let arguments = sets.map_or_else(plain, |sets| with(&sets, arguments));
            site.submit(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let ran = submit(Some(tls(&own, "client")), &["--id", "good", "--wait", "--", "sh", "-c", "exit 5"]);
        assert_eq!(ran.code, 5, "{ran:?}");
        for sets in [None, Some(tls(&other, "client"))] {
            let refused = submit(sets, &["--id", "bad", "--", "true"]);
            assert_eq!(refused.code, 3, "{refused:?}");
        }
        assert_eq!(site.on.run(&["tasks", "bad"]).code, 1);
    }
}

#[test]
fn an_unreadable_record_is_shown_and_harms_nobody() {
    let site = Site::new(On::zookeeper());
    let (_master, _worker) = (site.master(), site.worker("one"));
    site.submit(&["--id", "odd", "--group", "nowhere", "--", "true"]);
    let key = site.on.text(&["list", "/tasks"]).lines().find(|key| key.ends_with("/odd")).unwrap().to_owned();
    site.on.text(&["put", &key, "{\"v\": 1, \"id\": \"odd\", \"state\": \"happy\"}"]);
    let task = site.task("odd");
    assert_eq!(task["state"], "unknown");
    assert!(task["why"].as_str().unwrap().contains("happy"), "{task}");
    assert_eq!(site.submit(&["--wait", "--", "true"]).code, 0);
    assert_eq!(site.on.run(&["cancel", "odd"]).code, 1);
    assert_eq!(site.on.run(&["logs", "odd"]).code, 1);
}
