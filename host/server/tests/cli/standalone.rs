//! standalone.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{On, Running, args, eventually, file, memory, program, run};

/// The next change that is told, but for how busy this machine is.
fn change(running: &Running) -> (String, String, Value) {
    loop {
        let change: Value = serde_json::from_str(&running.line()).unwrap();
        let word = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
        if !["normal", "abnormal"].contains(&&*word("event")) {
            return (word("event"), word("address"), change);
        }
    }
}

/// Waits until so many have joined; gives their addresses.
fn joined(running: &Running, count: usize) -> BTreeSet<String> {
    let joined = (0..count).map(|_| match change(running) {
        (event, address, _) if event == "joined" => address,
        other => panic!("expected one to join: {other:?}"),
    });
    let joined: BTreeSet<_> = joined.collect();
    assert_eq!(joined.len(), count);
    joined
}

/// The servers that another program sees.
fn shown(on: &On) -> (Vec<Value>, BTreeSet<String>) {
    let workers = on.objects(&["servers"]);
    let addresses = workers.iter().map(|worker| worker["address"].as_str().unwrap().to_owned()).collect();
    (workers, addresses)
}

/// Whether a server has left something behind for a master to take over.
fn has_left_a_record(on: &On, address: &str) -> bool {
    let records = on.objects(&["list", &format!("/cluster/lives/worker_{address}")]);
    records.iter().any(|record| record["value"] != "")
}

/// A master, two workers and the page, in one process and on each backend.
#[test]
fn a_whole_cluster_runs_tasks_and_drains() {
    let normal = ["--set=registry.cluster.max-cpu-load-avg=10000", "--set=registry.cluster.reserved-memory=0"];
    let arguments = [&["standalone", "--output=json", "--page=127.0.0.1:0"], &normal[..]].concat();
    for on in On::each() {
        let running = on.start(&arguments);
        let page: Value = serde_json::from_str(&running.line()).unwrap();
        assert_eq!(page["event"], "page");
        assert!(page["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{page}");
        joined(&running, 3);
        // In a second terminal.
        let ran = on.run(&["submit", "--wait", "--id=mine", "--", "sh", "-c", "exit 7"]);
        assert_eq!(ran.code, 7, "{ran:?}");
        let tasks = on.objects(&["tasks"]);
        assert!(tasks.len() >= 2, "a sample is there, too: {tasks:?}");
        // What runs is finished first, and nothing stays registered.
        on.text(&["submit", "--id=last", "--", "sleep", "1"]);
        wait_for(&on, "last", &["running", "accepted", "succeeded"]);
        running.signal(Signal::INT);
        let ended = running.end();
        assert_eq!(ended.code, 0, "{ended:?}");
        wait_for(&on, "last", &["succeeded"]);
        assert_eq!(on.objects(&["servers"]), Vec::<Value>::new());
    }
}

/// Waits until a task is in one of these states.
fn wait_for(on: &On, id: &str, states: &[&str]) {
    eventually("the task is so", || {
        let task = &on.objects(&["tasks", id])[0];
        states.contains(&task["state"].as_str().unwrap())
    });
}

#[test]
fn three_servers_find_each_other_on_memory_and_leave_together() {
    let running = Running::start(&mut args(memory(), ["standalone", "--no-page", "--no-tasks"]));
    for there in 1..=3 {
        let line = running.line_where(|line| !line.contains("normal"));
        assert!(line.contains("joined") && line.ends_with(&format!("{there} there")), "{line}");
    }
    running.signal(Signal::INT);
    let ended = running.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.text().ends_with("closed     3 sessions, their entries are gone\n"), "{ended:?}");
}

#[test]
fn an_abandoned_server_vanishes_with_its_session() {
    let arguments = [
        "standalone",
        "--no-page",
        "--no-tasks",
        "--kill-after=500ms",
        "--set=registry.session-timeout=2s",
        "--output=json",
    ];
    let [etcd, zookeeper] = On::each().map(|on| on.command(&arguments));
    for mut command in [args(memory(), arguments), etcd, zookeeper] {
        let running = Running::start(&mut command);
        joined(&running, 3);
        let (event, address, abandoned) = change(&running);
        assert_eq!(event, "abandoned");
        let (event, gone, left) = change(&running);
        assert_eq!((event.as_str(), gone, &left["members"]), ("left", address, &Value::from(2)));
        // The session was last heard of up to a third of its timeout before.
        let waited = left["after_ms"].as_u64().unwrap() - abandoned["after_ms"].as_u64().unwrap();
        assert!(waited >= 1000, "{waited} ms are no session timeout");
        running.signal(Signal::TERM);
        let ended = running.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "a killed one has said nothing");
    }
}

#[test]
fn a_servers_entry_is_renewed_with_each_heartbeat() {
    for on in On::each() {
        let running = on.start(&["standalone", "--no-page", "--no-tasks", "--servers", "1", "--output", "json"]);
        let (_, address, _) = change(&running);
        let key = format!("/nodes/worker/default/{address}");
        let watch = on.start(&["watch", &key, "--scope=node", "--count=3", "--output=json"]);
        let (mut versions, mut beats) = (Vec::new(), Vec::new());
        while versions.len() < 3 {
            let event: Value = serde_json::from_str(&watch.line()).unwrap();
            if event["event"] == "put" {
                assert!(event["ephemeral"].is_string(), "{event}");
                let heartbeat: Value = serde_json::from_str(event["value"].as_str().unwrap()).unwrap();
                for figure in ["startupTime", "reportTime", "cpuUsage", "memoryUsage", "loadAverage", "processId"] {
                    assert!(heartbeat[figure].is_number(), "{figure}: {heartbeat}");
                }
                beats.push(heartbeat["reportTime"].as_u64().unwrap());
                versions.push(event["version"].as_u64().unwrap());
            }
        }
        assert!(versions.is_sorted() && beats.is_sorted(), "{versions:?} {beats:?}");
        running.signal(Signal::TERM);
        assert_eq!(running.end().code, 0);
        assert_eq!(on.run(&["get", &key]).code, 1, "the entry is gone when the program has ended");
        assert!(!has_left_a_record(&on, &address), "it has left in order");
    }
}

#[test]
fn other_programs_see_workers_of_the_group_default() {
    // However busy this machine is.
    let limits = ["--set=registry.cluster.max-cpu-load-avg=100000", "--set=registry.cluster.reserved-memory=0"];
    for on in On::each() {
        let running = on.start(&[&["standalone", "--no-page", "--no-tasks", "--output=json"], &limits[..]].concat());
        let addresses = joined(&running, 3);
        let (workers, there) = shown(&on);
        assert_eq!((workers.len(), there), (3, addresses));
        for worker in &workers {
            let words = ["role", "group", "status", "dead_mark"].map(|name| &worker[name]);
            assert_eq!(words, [&json!("worker"), &json!("default"), &json!("normal"), &json!(false)], "{worker}");
            assert_eq!(worker["heartbeat"]["processId"], workers[0]["heartbeat"]["processId"], "all in one process");
        }
        running.signal(Signal::TERM);
        assert_eq!(running.end().code, 0);
        assert_eq!(on.objects(&["servers"]), [] as [Value; 0]);
    }
}

#[test]
fn a_server_declared_dead_is_shown_as_stopped() {
    for on in On::each() {
        let running = on.start(&["standalone", "--no-page", "--no-tasks", "--output", "json"]);
        let dead = joined(&running, 3).pop_first().unwrap();
        on.text(&["servers", "mark-dead", &dead]);
        // Which of the two is seen first is a matter of chance.
        let mut told = [change(&running), change(&running)];
        told.sort_by(|one, other| one.0.cmp(&other.0));
        let [left, stopped] = told;
        assert_eq!((left.0.as_str(), &left.1, stopped.0.as_str(), &stopped.1), ("left", &dead, "stopped", &dead));
        assert_eq!(stopped.2["cause"], "the server was declared dead");
        assert_eq!(left.2["server"]["heartbeat"]["keepsRecord"], true, "{left:?}");
        running.signal(Signal::TERM);
        assert_eq!(running.end().code, 0);
        assert!(has_left_a_record(&on, &dead), "a master may have something to take over");
    }
}

#[test]
fn the_strategy_wait_keeps_servers_through_an_outage() {
    for (on, proxy) in On::each_behind_a_proxy() {
        let strategy = ["--set=registry.disconnect-strategy=wait", "--set=registry.session-timeout=2s"];
        let running = on.start(
            &[&["standalone", "--no-page", "--no-tasks", "--servers=2", "--output=json"], &strategy[..]].concat(),
        );
        let addresses = joined(&running, 2);
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut until_all_have_told = |last: &str| {
            let has_told = |told: Option<&Vec<String>>| told.is_some_and(|told| told.iter().any(|event| event == last));
            while !addresses.iter().all(|address| has_told(told.get(address))) {
                let (event, address, _) = change(&running);
                // Whether the others have seen it go and come is another matter.
                if !["joined", "left"].contains(&&*event) {
                    told.entry(address).or_default().push(event);
                }
            }
        };
        proxy.cut();
        until_all_have_told("waiting");
        proxy.heal();
        until_all_have_told("serving");
        for told in told.values() {
            assert!(told.windows(3).any(|told| told == ["suspended", "lost", "waiting"]), "{told:?}");
            let serving = told.iter().position(|event| event == "serving").unwrap();
            let last = |event: &str| told[..serving].iter().rposition(|it| it == event);
            assert!(last("waiting") < last("connected"), "{told:?}");
        }
        assert_eq!(shown(&on).1, addresses);
        running.signal(Signal::TERM);
        assert_eq!(running.end().code, 0);
    }
}

#[test]
fn when_all_servers_stop_it_ends_with_3() {
    for (on, proxy) in On::each_behind_a_proxy() {
        let running = on.start(&[
            "standalone",
            "--no-page",
            "--no-tasks",
            "--servers=2",
            "--output=json",
            "--set=registry.session-timeout=2s",
        ]);
        let addresses = joined(&running, 2);
        proxy.cut();
        let mut stopped = BTreeSet::new();
        while stopped != addresses {
            let (event, address, change) = change(&running);
            if event == "stopped" {
                assert!(change["cause"].as_str().unwrap().contains("the session was lost"), "{change}");
                stopped.insert(address);
            }
        }
        let ended = running.end();
        let error: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
        assert_eq!((ended.code, &error["error"]["message"]), (3, &json!("every server was told to stop")));
        assert!(error["error"]["causes"][0].as_str().unwrap().contains("the session was lost"), "{error}");
    }
}

#[test]
fn its_servers_have_a_namespace_of_their_own() {
    let on = On::etcd();
    let written = format!("registry:\n  type: etcd\n  namespace: hosts\n  etcd:\n    endpoints: {}\n", on.address());
    let (_folder, config) = file("registry.yaml", written);
    let config = format!("--config={}", config.display());
    let there = |namespace: &str| {
        let set = format!("--set=registry.namespace={namespace}");
        run(&mut args(program(), [&config, &set, "servers"])).text().lines().count() - 1
    };
    let own = Running::start(&mut args(
        program(),
        [&config, "standalone", "--no-page", "--no-tasks", "--servers=1", "--output=json"],
    ));
    joined(&own, 1);
    assert_eq!((there("hosts"), there("hosts-standalone")), (0, 1));
    for told in ["--join", "--set=registry.namespace=hosts"] {
        let joins = Running::start(&mut args(
            program(),
            [&config, "standalone", "--no-page", "--no-tasks", "--servers=1", "--output=json", told],
        ));
        joined(&joins, 1);
        assert_eq!(there("hosts"), 1, "{told}");
        joins.signal(Signal::TERM);
        assert_eq!(joins.end().code, 0);
    }
    own.signal(Signal::TERM);
    assert_eq!(own.end().code, 0);
}

#[test]
fn two_processes_see_each_others_servers() {
    for on in On::each() {
        let one = on.start(&["standalone", "--no-page", "--no-tasks", "--servers", "2", "--output", "json"]);
        let mut first = joined(&one, 2);
        let two = on.start(&["standalone", "--no-page", "--no-tasks", "--servers", "2", "--output", "json"]);
        let all = joined(&two, 4);
        let second = joined(&one, 2);
        first.extend(second.iter().cloned());
        assert_eq!(first, all);
        two.signal(Signal::INT);
        assert_eq!(two.end().code, 0);
        let gone: BTreeSet<_> = (0..2)
            .map(|_| change(&one))
            .map(|(event, address, _)| {
                assert_eq!(event, "left");
                address
            })
            .collect();
        assert_eq!(gone, second);
        one.signal(Signal::INT);
        assert_eq!(one.end().code, 0);
    }
}

#[test]
fn it_ends_by_itself_after_the_time_it_is_given() {
    let ran = run(&mut args(memory(), ["standalone", "--no-page", "--no-tasks", "--servers", "2", "--for", "300ms"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.text().lines().last().unwrap().contains("closed     2 sessions"), "{ran:?}");
}
